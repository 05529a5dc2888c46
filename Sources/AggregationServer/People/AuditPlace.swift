internal import Configuration
internal import Custody
internal import Ledger
internal import Operations

/// `server.audit`: where the audit log goes.
package struct AuditConfiguration: Equatable, Sendable {
    /// Another file than that of the state directory.
    package var file: String?
    /// Whether each line is sent to syslog(3), too.
    package var syslog = false

    /// Reads the section; nil: everything as it is. `resolve` makes a path absolute. Throws ``ConfigurationError``.
    init(_ section: Section?, resolve: (String) -> String) throws {
        guard let section else { return }
        file = try section.string("file").map(resolve)
        syslog = try section.bool("syslog") ?? false
        try section.finish()
    }
}

extension StateDirectory {
    /// The key that signs the audit log and the registry of models.
    var signingKey: LedgerKeyFile { Self.signingKey(in: path) }

    static func signingKey(in path: String) -> LedgerKeyFile { LedgerKeyFile("\(path)/signing.key") }

    /// Where the audit log is kept; `file`: in another place than here.
    func auditPlace(_ file: String? = nil) -> SignedLog<AuditEntry>.Place {
        Self.auditPlace(in: path, file)
    }

    static func auditPlace(in path: String, _ file: String?) -> SignedLog<AuditEntry>.Place {
        SignedLog<AuditEntry>.Place(
            name: "audit", path: file ?? "\(path)/audit.jsonl", head: "\(path)/audit.head")
    }
}
