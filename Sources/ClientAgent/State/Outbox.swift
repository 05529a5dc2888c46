internal import Configuration
internal import Cryptography
internal import Messages
internal import Notation
internal import Operations

/// One finished report, as it goes on the wire.
package struct OutboxEntry: Equatable, Sendable {
    /// Identity of the run, 32 hexadecimal digits.
    package let run: String
    package let round: Int
    /// The whole body: header and packed vector.
    package let body: [UInt8]

    package init(run: String, round: Int, body: [UInt8]) {
        self.run = run
        self.round = round
        self.body = body
    }

    /// SHA-256 of the body, lower-case hexadecimal.
    package func digest() throws -> String { try SHA256.text(of: body) }
}

/// The finished reports that the server does not have yet, named by run and round, durable before their first
/// byte is sent. A retry, also after a restart, sends the same bytes.
package struct Outbox: Sendable {
    /// Largest report that is kept, in bytes.
    private static let sizeLimit = 1 << 34

    private let folder: String

    /// The outbox in `folder`, which exists.
    package init(folder: String) { self.folder = folder }

    /// Keeps a report, durably. Throws a storage ``Failure``, and also when other bytes are there for the same
    /// round: noise drawn twice for one round would cancel in the difference.
    package func put(_ entry: OutboxEntry) throws {
        let path = try file(run: entry.run, round: entry.round)
        if let kept = try read(path) {
            guard kept == entry else {
                throw Failure(
                    .storage, "\(path): another report of this round is there already; it is never replaced")
            }
            return
        }
        var bytes = Array("\(try entry.digest())\n".utf8)
        bytes.reserveCapacity(bytes.count + entry.body.count)
        bytes += entry.body
        try AtomicFile.write(bytes, to: path, mode: 0o600)
    }

    /// All reports kept, in the order of their names. A file that is not whole is named in the failure thrown.
    package func entries() throws -> [OutboxEntry] {
        try StateDirectory.names(in: folder).compactMap { try read("\(folder)/\($0)") }
    }

    /// `RUN-ROUND` of every report kept. Throws a storage ``Failure``.
    package func names() throws -> Set<String> { Set(try StateDirectory.names(in: folder)) }

    /// Forgets a report; one that is not there is fine. After a crash it may be there again: the server knows its bytes.
    package func remove(run: String, round: Int) throws {
        try AtomicFile.remove(try file(run: run, round: round), durably: false)
    }

    private func file(run: String, round: Int) throws -> String {
        guard Hexadecimal.isText(run, ofBytes: AgentProtocol.runBytes), round > 0 else {
            throw Failure(.internalFault, "the outbox was given a run or round that is none")
        }
        return "\(folder)/\(run)-\(round)"
    }

    private func read(_ path: String) throws -> OutboxEntry? {
        guard let bytes = try StateDirectory.contents(of: path, limit: Self.sizeLimit) else { return nil }
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        let parts = name.split(separator: "-")
        // The digest's line comes first, so that a damaged file is never sent.
        guard parts.count == 2, let round = Int(parts[1]), bytes.count > 65, bytes[64] == 0x0A else {
            throw Failure(.storage, "\(path) is not a report that this agent wrote; move it away")
        }
        let entry = OutboxEntry(run: String(parts[0]), round: round, body: Array(bytes[65...]))
        guard try entry.digest().utf8.elementsEqual(bytes[..<64]) else {
            throw Failure(.storage, "\(path) is damaged: its bytes do not have its digest; move it away")
        }
        return entry
    }
}
