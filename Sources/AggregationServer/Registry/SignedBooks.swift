internal import Custody
internal import Operations

/// What a server keeps for all its runs in signed lines, under one key: the audit log, and the registry of models.
struct SignedBooks: Sendable {
    let audit: AuditLog
    let registry: ModelRegistry

    /// Opens and verifies both. Throws a storage `Failure`, one line, for one that was cut, emptied or edited, or whose key
    /// is gone.
    init(_ configuration: ServerConfiguration, _ state: StateDirectory, log: Logger) throws {
        let settings = configuration.audit
        let place = state.auditPlace(settings.file)
        let key = try state.signingKey.key(
            of: [place.path, state.registry], wayOn: "restore all of them from one backup")
        audit = try AuditLog(place, key: key, log: log, mirror: settings.syslog ? SystemLog.send : nil)
        registry = try ModelRegistry(state, key: key) { _, round in state.modelPath(round) }
    }
}
