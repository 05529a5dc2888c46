internal import Cryptography
internal import Glibc
internal import HTTPWire
internal import Notation

/// Which report a part is the beginning of: all of it stands in the name of the file that holds what has come, whose bytes
/// are the report's alone.
struct PartName: Hashable, Sendable {
    /// The run, and the round of the request's path.
    let key: RoundKey
    /// First half of the SHA-256 of the agent's name, lower-case hexadecimal.
    let agent: String
    /// SHA-256 of the whole report, lower-case hexadecimal.
    let sha256: String
    /// Bytes of the whole report.
    let bytes: Int

    /// Bytes of an agent's name that are left of its hash.
    private static let agentBytes = 16
    private static let prefix = "part"

    /// The part of an agent's report. Throws where nothing can be hashed.
    init(_ key: RoundKey, agent name: String, sha256: String, bytes: Int) throws {
        self.key = key
        agent = String(try SHA256.text(of: Array(name.utf8)).prefix(2 * Self.agentBytes))
        self.sha256 = sha256
        self.bytes = bytes
    }

    /// Reads a file's name; nil for that of anything else.
    init?(file: String) {
        let parts = file.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[0] == Self.prefix, Hexadecimal.isText(parts[1], ofBytes: 16),
            let round = HTTPCharacters.decimal(parts[2].utf8),
            Hexadecimal.isText(parts[3], ofBytes: Self.agentBytes),
            Hexadecimal.isText(parts[4], ofBytes: 32), let bytes = HTTPCharacters.decimal(parts[5].utf8),
            bytes > 0
        else { return nil }
        key = RoundKey(run: parts[1], round: round)
        (agent, sha256, self.bytes) = (parts[3], parts[4], bytes)
        guard self.file == file else { return nil }
    }

    /// The file's name.
    var file: String { "\(Self.prefix)-\(key.run)-\(key.round)-\(agent)-\(sha256)-\(bytes)" }

    /// Whose part it is: an agent has one in a run.
    var owner: String { "\(key.run)-\(agent)" }
}

/// Parts of reports in the spool's folder.
extension Spool {
    /// What the names of whole reports that were made of parts begin with; behind it stand a number drawn at random and the
    /// part's own name.
    private static let wholePrefix = "whole-"

    /// Where the bytes of a part are.
    func path(of part: PartName) -> String { "\(path)/\(part.file)" }

    /// Parts that are there.
    func parts() throws -> [PartName] { try names().compactMap(PartName.init(file:)) }

    /// Gives what is complete a name that no request adds to; nil, with the reason in `errno`, where it is gone.
    func takeWhole(_ part: PartName) -> String? {
        let number = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        let whole = "\(path)/\(Self.wholePrefix)\(number)-\(part.file)"
        return rename(self.path(of: part), whole) == 0 ? whole : nil
    }

    /// Gives a whole report that could not be taken now the name of its part back; false for a file that is none.
    @discardableResult
    func putBack(_ whole: String) -> Bool {
        guard let name = whole.split(separator: "/").last, name.hasPrefix(Self.wholePrefix),
            let part = PartName(
                file: String(name.dropFirst(Self.wholePrefix.count).drop { $0 != "-" }.dropFirst()))
        else { return false }
        return rename(whole, path(of: part)) == 0
    }

    /// After a restart: what was complete and not taken yet is a part again.
    func putBackAll() throws {
        for name in try names() where name.hasPrefix(Self.wholePrefix) {
            if !putBack("\(path)/\(name)") { unlink("\(path)/\(name)") }
        }
    }

    /// Removes parts of rounds that `keeps` does not want, and what only looks like one.
    func removeParts(keeping keeps: (RoundKey) -> Bool) throws {
        for name in try names() where name.hasPrefix("part-") {
            if PartName(file: name).map({ keeps($0.key) }) != true { unlink("\(path)/\(name)") }
        }
    }
}
