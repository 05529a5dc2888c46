internal import Custody
internal import Foundation
internal import Notation
internal import Operations

/// What a server keeps for all its runs in signed lines, under one key: the audit log, and the registry of models.
struct SignedBooks: Sendable {
    let audit: AuditLog
    let registry: ModelRegistry

    /// Opens and verifies both. Throws a storage `Failure`, one line, for one that was cut, emptied or edited, or whose key
    /// is gone.
    /// `runsHaveFolders`: each run has a state directory of its own below `runs`.
    init(_ settings: ServerSettings, runsHaveFolders: Bool, log: Logger) throws {
        let folder = settings.stateDirectory
        let place = StateDirectory.auditPlace(in: folder, settings.audit.file)
        let key = try StateDirectory.signingKey(in: folder).key(
            of: [place.path, ModelRegistry.path(in: folder)], wayOn: "restore all of them from one backup")
        audit = try AuditLog(place, key: key, log: log, mirror: settings.audit.syslog ? SystemLog.send : nil)
        registry = try ModelRegistry(folder, key: key) { run, round in
            let state = runsHaveFolders ? "\(folder)/runs/\(run)" : folder
            return StateDirectory.modelPath(round, in: state)
        }
    }
}

extension SignedBooks {
    /// What a backup has of these, and in which order it is opened: what names a last line before the lines.
    private static let names = [
        "signing.key", "audit.head", "registry.head", "audit.jsonl", "registry.jsonl",
    ]
    private static let suffix = ".safetensors"

    /// The files of a state directory that a backup has of these, by their names in it. Throws a storage `Failure`.
    static func files(in directory: String) throws -> [String] {
        var files = try names.filter { try StoredFile.size(at: "\(directory)/\($0)") != nil }
        // A log that lies elsewhere is not the backup's, and without it nor is its end.
        if !files.contains("audit.jsonl") { files.removeAll { $0 == "audit.head" } }
        let labelled = (try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/registry")) ?? []
        return files + labelled.sorted().map { "registry/\($0)" }.filter(isFile)
    }

    /// Whether a backup may have a file of this name for these.
    static func isFile(_ name: String) -> Bool {
        if names.contains(name) { return true }
        guard name.hasPrefix("registry/"), name.hasSuffix(suffix) else { return false }
        return Hexadecimal.isText(name.dropFirst(9).dropLast(suffix.count), ofBytes: 32)
    }
}
