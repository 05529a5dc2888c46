internal import Custody
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
