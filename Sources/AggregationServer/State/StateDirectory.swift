internal import Custody
internal import Encoding
internal import Foundation
internal import Glibc
internal import Operations
internal import Transport

/// The server's state on disk. Every write is to a temporary name, synced, renamed, and the folder synced: after
/// a crash at any instant a reader sees the old content or the new.
struct StateDirectory: Sendable {
    let path: String

    /// Creates the folders where missing. Throws a storage `Failure`.
    init(_ path: String) throws {
        self.path = try OutputDirectory(path, mode: 0o700).path
        for folder in ["rounds", "models", "spool", "registry"] {
            _ = try OutputDirectory("\(path)/\(folder)", mode: 0o700)
        }
    }

    /// A server's directory that is only read, and by whom it may be read. Throws a storage `Failure` where it is none.
    init(reading path: String) throws {
        self.path = path
        guard try StoredFile.size(at: runPath) != nil else {
            throw Failure(.storage, "\(path): holds no server's state (run.json is missing)")
        }
    }

    /// The path of the ledger.
    var ledger: String { "\(path)/ledger.jsonl" }
    /// The path of the registry of agents.
    var agents: String { "\(path)/agents.jsonl" }

    /// The path of the key of noise in trees over rounds, as secret as the exact sums.
    var treeNoisePath: String { "\(path)/tree-noise.key" }

    /// The file of that key.
    var treeNoiseKey: RunKeyFile { RunKeyFile(treeNoisePath) }

    /// The file of the key that signs the ledger.
    var ledgerKey: LedgerKeyFile { LedgerKeyFile("\(ledger).key") }

    /// Bytes that this process may still write on the device; nil when the system does not say.
    var freeBytes: Int? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    // MARK: Run and rounds

    /// The run that the folder holds; nil for a new one. Throws when the file is damaged.
    func run() throws -> RunState? {
        guard let bytes = try contents(runPath) else { return nil }
        guard let form = try? JSONDecoder().decode(FormVersion.self, from: Data(bytes)) else {
            throw Self.damaged(runPath)
        }
        guard form.version <= RunState.currentVersion else {
            throw Failure(
                .storage,
                "\(runPath): is of version \(form.version), this program knows up to "
                    + "\(RunState.currentVersion); use the newer program that wrote it")
        }
        guard let run = try? JSONDecoder().decode(RunState.self, from: Data(bytes)), run.isPlausible else {
            throw Self.damaged(runPath)
        }
        return run
    }

    /// Throws a storage `Failure` where the folder holds what only a run can have left: without `run.json` a fresh run
    /// would forget what that one spent.
    func requireNew() throws {
        let files = [ledger, "\(ledger).key", agents, treeNoisePath]
        let left = try files.first { try StoredFile.size(at: $0) != nil }
        let rounds =
            try roundNumbers().last.map(roundPath) ?? archive.segments().last.map(archive.segmentPath)
        let models = try modelRounds().last { $0 > 0 }.map { modelPath($0) }
        guard let found = left ?? rounds ?? models else { return }
        throw Failure(
            .storage,
            "\(runPath): missing, though \(found) is there; restore it from a backup, or name another "
                + "state_directory for a new run")
    }

    /// The path of the run's state.
    var runPath: String { "\(path)/run.json" }

    /// The one member that every version of a file has.
    private struct FormVersion: Decodable { let version: Int }

    /// What to say of a file that is not there, or is not what was written.
    static func missing(_ path: String) -> Failure {
        Failure(.storage, "\(path): missing; restore it from a backup")
    }

    static func damaged(_ path: String) -> Failure {
        Failure(.storage, "\(path): damaged; restore it from a backup")
    }

    func write(_ state: RunState) throws { try write(state, to: runPath) }

    /// A round's file; nil where there is none.
    func round(_ number: Int) throws -> RoundFile? {
        let path = roundPath(number)
        guard let bytes = try contents(path) else { return nil }
        guard let file = try? JSONDecoder().decode(RoundFile.self, from: Data(bytes)), file.round == number,
            file.isPlausible
        else { throw Self.damaged(path) }
        return file
    }

    /// Writes a round's file. With `syncsFolder` false its earlier content may come back after a crash.
    func write(_ round: RoundFile, syncsFolder: Bool = true) throws {
        try write(round, to: roundPath(round.round), syncsFolder: syncsFolder)
    }

    /// The rounds, old ones included.
    var archive: RoundArchive { RoundArchive(state: self) }

    /// Numbers of the rounds with a file of their own, ascending.
    func roundNumbers() throws -> [Int] { try numbers(of: "json", in: "rounds") }

    /// The numbers in the names of a folder's files of a kind, ascending; a name that this program would not give is
    /// none of its files.
    func numbers(of kind: String, in folder: String) throws -> [Int] {
        try names(in: folder).compactMap { name in
            guard name.hasSuffix(".\(kind)"), let number = Int(name.dropLast(kind.count + 1)), number >= 0,
                name == "\(Self.name(number)).\(kind)"
            else { return nil }
            return number
        }.sorted()
    }

    /// The names in a folder. Throws a storage `Failure`.
    func names(in folder: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")
        } catch {
            throw Failure(.storage, "cannot read \(path)/\(folder); check its permissions and the device")
        }
    }

    // MARK: Files

    /// Six digits, more for rounds above 999,999.
    static func name(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    func roundPath(_ number: Int) -> String { "\(path)/rounds/\(Self.name(number)).json" }

    /// A file, mapped; nil where there is none. It must only ever be replaced, never written to.
    func map(_ path: String) throws -> SharedBuffer? {
        guard try StoredFile.size(at: path) != nil else { return nil }
        do {
            return try SharedBuffer(mappingFileAt: path)
        } catch {
            throw Failure(
                .storage, "cannot read \(path): \(error); check its permissions and the device")
        }
    }

    func contents(_ path: String) throws -> [UInt8]? { try StoredFile.bytes(at: path) }

    private func write(_ value: some Encodable, to path: String, syncsFolder: Bool = true) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        try AtomicFile.write(
            Array(try encoder.encode(value)) + [0x0A], to: path, mode: 0o600, syncsFolder: syncsFolder)
    }
}
