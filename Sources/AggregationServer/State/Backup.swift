internal import Cryptography
internal import Custody
internal import Foundation
internal import Glibc
internal import Ledger
internal import Operations

/// What a backup holds: the last entry of its archive, `MANIFEST.json`.
package struct BackupManifest: Codable, Equatable, Sendable {
    static let name = "MANIFEST.json"
    static let currentVersion = 1

    /// One file of it.
    package struct File: Codable, Equatable, Sendable {
        package var path: String
        package var bytes: Int
        package var sha256: String
    }

    private static let kind = "sordino-server-state"

    var version = Self.currentVersion
    var kind = Self.kind
    package var run: String
    /// The last concluded round.
    package var round: Int
    /// The greatest number of a round that the server had opened.
    package var through: Int
    /// The ledger's lines, and the hash of the last.
    package var lines: Int
    package var head: String
    package var files: [File]

    /// Whether it is a manifest of these, of the run's state.
    func describes(_ run: RunState, _ found: [File]) -> Bool {
        kind == Self.kind && files == found && self.run == run.run && round == run.round
            && (run.round...run.round + 1).contains(through) && lines == run.ledger?.lines
            && head == run.ledger?.head
    }

    /// Its text in the archive.
    func text() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        return Array(try encoder.encode(self))
    }
}

/// A consistent copy of a server's state directory in one file, made while the server serves or not.
///
/// `run.json` names what belongs to it: so many lines of the ledger, a model by its digest, the agents. The ledger and
/// the registry only grow and models are never written twice, so that the copy is what `run.json` says, whatever the
/// server does meanwhile; a file that went away in between begins the copy anew. The open round is not in it.
package enum Backup {
    /// Times that a copy is begun anew.
    private static let attempts = 20

    /// Writes the copy, mode 0600: the ledger's key is in it. Throws a storage `Failure`.
    package static func make(of directory: String, to path: String) throws -> BackupManifest {
        guard try StoredFile.size(at: "\(directory)/run.json") != nil else {
            guard try !RunRecord.isHome(directory) else {
                throw Failure(
                    .storage,
                    "\(directory): holds the runs of a service; back up each folder of \(directory)/runs by itself, and with the"
                        + " server stopped copy signing.key, audit.jsonl, audit.head, registry*, shut-out.jsonl"
                )
            }
            throw Failure(.storage, "\(directory): holds no server's state (run.json is missing)")
        }
        let state = try StateDirectory(directory)
        for attempt in 1... {
            let source = try BackupSource(state)
            if let source {
                return try AtomicFile.write(to: path, mode: 0o600) { try source.write(ArchiveWriter($0)) }
            }
            guard attempt < attempts else { break }
            usleep(50_000)
        }
        throw Failure(.storage, "\(directory): changes faster than it can be copied; try again")
    }

    /// Unpacks a backup into a folder that is empty or missing. Nothing has its name there before every digest and the
    /// ledger's agreement with `run.json` are verified. Throws a storage `Failure`.
    package static func restore(_ path: String, to directory: String) throws -> BackupManifest {
        let there = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        guard there.isEmpty else {
            throw Failure(.storage, "\(directory): is not empty; restore into a new folder")
        }
        let folder = try OutputDirectory(directory, mode: 0o700)
        do {
            return try unpack(ArchiveReader(path), path, StateDirectory(folder.path))
        } catch {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
                try? FileManager.default.removeItem(atPath: "\(directory)/\(name)")
            }
            throw error
        }
    }

    /// Names that a backup may hold: nothing leads out of the folder.
    static func isAllowed(_ name: String) -> Bool {
        if ["run.json", "ledger.jsonl", "ledger.jsonl.key", "agents.jsonl"].contains(name) { return true }
        if SignedBooks.isFile(name) || RunRecord.files.contains(name) { return true }
        if name.hasPrefix("rounds/"), RoundArchive.segmentBounds(name.dropFirst(7)) != nil { return true }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let dot = parts[1].firstIndex(of: "."), let number = Int(parts[1][..<dot]),
            number >= 0, StateDirectory.name(number) == parts[1][..<dot]
        else { return false }
        let kind = parts[1][dot...]
        return parts[0] == "rounds"
            ? kind == ".json" : parts[0] == "models" && [".safetensors", ".memory"].contains(kind)
    }

    private static func unpack(
        _ archive: ArchiveReader, _ path: String, _ state: StateDirectory
    ) throws -> BackupManifest {
        var found: [BackupManifest.File] = []
        var manifest: BackupManifest?
        var names: Set<String> = []
        while let (name, bytes) = try archive.next() {
            guard manifest == nil else { throw Failure(.storage, "\(path): goes on behind its manifest") }
            if name == BackupManifest.name {
                guard bytes <= 1 << 28 else { throw Failure(.storage, "\(path): its manifest is too long") }
                var text: [UInt8] = []
                try archive.content(bytes) { text += $0 }
                manifest = try? JSONDecoder().decode(BackupManifest.self, from: Data(text))
                guard manifest?.version == BackupManifest.currentVersion, try manifest?.text() == text else {
                    throw Failure(.storage, "\(path): its manifest is damaged or of a later version")
                }
                continue
            }
            guard isAllowed(name), names.insert(name).inserted else {
                throw Failure(.storage, "\(path): holds \"\(name.prefix(80))\", which no backup does")
            }
            let hash = try RunningHash()
            // Until all is verified the folder is no state directory: run.json has another name.
            let target = name == "run.json" ? "run.json.unverified" : name
            try AtomicFile.write(to: "\(state.path)/\(target)", mode: 0o600) { file in
                try archive.content(bytes) { piece in
                    try file.append(piece)
                    try hash.update(piece)
                }
            }
            found.append(.init(path: name, bytes: bytes, sha256: try hash.text()))
        }
        guard let manifest, manifest.files == found else {
            throw Failure(.storage, "\(path): is damaged: its files do not have the digests of its manifest")
        }
        try finish(manifest, path, state)
        return manifest
    }

    /// Holds what was unpacked against itself and lets it be a state directory.
    private static func finish(_ manifest: BackupManifest, _ path: String, _ state: StateDirectory) throws {
        let unverified = "\(state.path)/run.json.unverified"
        guard rename(unverified, state.runPath) == 0, var run = try state.run() else {
            throw Failure(.storage, "\(path): holds no run.json")
        }
        guard let key = try state.ledgerKey.read() else {
            throw Failure(.storage, "\(path): holds no ledger key")
        }
        let verdict = try LedgerVerification.verdict(on: LedgerFile.bytes(at: state.ledger) ?? [], key: key)
        if let finding = verdict.findings.first { throw Failure(.storage, "\(path): its ledger: \(finding)") }
        if let complaint = (run.ledger ?? .nothing).complaint(verdict, round: run.round) {
            throw Failure(.storage, "\(path): \(complaint)")
        }
        guard let model = try state.map(state.modelPath(run.modelRound)),
            try SHA256.text(of: model) == run.modelSHA256
        else { throw Failure(.storage, "\(path): its model is not the one that its run.json names") }
        guard manifest.describes(run, manifest.files) else {
            throw Failure(.storage, "\(path): its manifest is not that of its run.json")
        }
        run.restoredThrough = max(manifest.through, run.restoredThrough ?? 0)
        // The rest of a tree of noise is passed over, and the next has a key of its own.
        run.treeNoiseSHA256 = nil
        try state.write(run)
    }
}

/// The files of a state directory as one `run.json` names them, opened.
private struct BackupSource {
    private let run: RunState
    private let through: Int
    private let small: [(name: String, bytes: [UInt8])]
    private let large: [(name: String, descriptor: OpenFile)]

    /// A file that stays readable when its name goes away.
    private final class OpenFile {
        let descriptor: Int32
        let bytes: Int

        init?(_ path: String) throws {
            guard let descriptor = try StoredFile.open(path) else { return nil }
            self.descriptor = descriptor
            bytes = try StoredFile.size(of: descriptor, path: path)
        }

        deinit { close(descriptor) }
    }

    /// Nil where a file went away since `run.json` was read. Throws where they do not agree.
    init?(_ state: StateDirectory) throws {
        guard let text = try StoredFile.bytes(at: state.runPath), let run = try state.run() else {
            return nil
        }
        guard try StoredFile.bytes(at: state.runPath) == text else { return nil }
        guard let binding = run.ledger else {
            throw Failure(
                .storage, "\(state.runPath): is of version 1; start the server once before a backup")
        }
        self.run = run
        guard let model = try OpenFile(state.modelPath(run.modelRound)),
            let memory = try OpenFile(state.optimizerStatePath(run.modelRound))
        else { return nil }
        var large = [
            ("models/\(StateDirectory.name(run.modelRound)).safetensors", model),
            ("models/\(StateDirectory.name(run.modelRound)).memory", memory),
        ]
        // They only grow, and what says where they end is opened before them.
        for name in try SignedBooks.files(in: state.path) {
            guard let file = try OpenFile("\(state.path)/\(name)") else { return nil }
            large.append((name, file))
        }
        // What a run of a service was submitted with; such files are only ever replaced.
        for name in RunRecord.files {
            if let file = try OpenFile("\(state.path)/\(name)") { large.append((name, file)) }
        }
        self.large = large
        guard let seed = try StoredFile.bytes(at: "\(state.ledger).key"),
            let key = try state.ledgerKey.read()
        else { throw StateDirectory.missing("\(state.ledger).key") }
        let verdict = try LedgerVerification.verdict(on: LedgerFile.bytes(at: state.ledger) ?? [], key: key)
        let standing = binding.standing(of: verdict)
        guard case .holds = standing, verdict.findings.isEmpty else {
            let why = verdict.findings.first.map { "\($0)" } ?? "it does not agree with run.json"
            throw Failure(.storage, "\(state.ledger): \(why); \(ServerLedger.wayOn(state.ledger))")
        }
        var ledger: [UInt8] = []
        for line in verdict.lines.prefix(binding.lines) { ledger += Array(line.text.utf8) + [0x0A] }
        let agents = try StoredFile.bytes(at: state.agents) ?? []
        let whole = (agents.lastIndex(of: 0x0A) ?? -1) + 1
        var small = [
            ("run.json", text), ("ledger.jsonl", ledger), ("ledger.jsonl.key", seed),
            ("agents.jsonl", Array(agents[..<whole])),
        ]
        let numbers = try state.roundNumbers()
        for number in numbers where number <= run.round {
            guard let bytes = try StoredFile.bytes(at: state.roundPath(number)) else { return nil }
            small.append(("rounds/\(StateDirectory.name(number)).json", bytes))
        }
        // Behind the files: what was moved meanwhile is then in both.
        for bounds in try state.archive.segments() {
            let path = state.archive.segmentPath(bounds)
            guard let bytes = try StoredFile.bytes(at: path) else { return nil }
            small.append((String(path.dropFirst(state.path.count + 1)), bytes))
        }
        self.small = small
        through = max(run.round, min(numbers.last ?? 0, run.round + 1))
    }

    /// Writes all into an archive, the manifest last.
    func write(_ archive: ArchiveWriter) throws -> BackupManifest {
        var files: [BackupManifest.File] = []
        for (name, bytes) in small {
            try archive.add(name, bytes: bytes.count) { append in try bytes.withUnsafeBytes(append) }
            files.append(.init(path: name, bytes: bytes.count, sha256: try SHA256.text(of: bytes)))
        }
        for (name, file) in large {
            let hash = try RunningHash()
            try archive.add(name, bytes: file.bytes) { append in
                let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
                defer { piece.deallocate() }
                var place = 0
                while place < file.bytes {
                    let count = pread(
                        file.descriptor, piece.baseAddress, min(piece.count, file.bytes - place), off_t(place)
                    )
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else { throw Failure(.storage, "\(name): cannot be read whole") }
                    let part = UnsafeRawBufferPointer(rebasing: piece[..<count])
                    try hash.update(part)
                    try append(part)
                    place += count
                }
            }
            files.append(.init(path: name, bytes: file.bytes, sha256: try hash.text()))
        }
        guard files.first(where: { $0.path.hasSuffix(".safetensors") })?.sha256 == run.modelSHA256 else {
            throw Failure(.storage, "the newest model is damaged; nothing was written")
        }
        let manifest = BackupManifest(
            run: run.run, round: run.round, through: through, lines: run.ledger?.lines ?? 0,
            head: run.ledger?.head ?? "", files: files)
        let text = try manifest.text()
        try archive.add(BackupManifest.name, bytes: text.count) { append in try text.withUnsafeBytes(append) }
        try archive.end()
        return manifest
    }
}
