/// What an administrator may be allowed to do, by the word that a token's `scopes` has for it.
package enum AdminRight: String, CaseIterable, Sendable {
    /// See runs: where they stand, their rounds, agents and ledgers.
    case see = "runs:read"
    /// Submit runs, and change those.
    case submit = "runs:submit"
    /// Pause, resume and stop runs, and shut agents out.
    case operate = "runs:operate"
    /// See and fetch published models.
    case seeModels = "models:read"
    /// Put labels on versions of models.
    case promote = "models:promote"
    /// Read the metrics of all runs.
    case measure = "metrics"
    /// Read the audit log.
    case audit = "audit:read"
    /// List, revoke and rotate tokens.
    case managePeople = "people:manage"
}

/// What an administrator is there for.
package enum AdminRole: String, CaseIterable, Sendable {
    /// Sees everything but the audit log.
    case viewer
    /// Submits runs and sees those.
    case researcher
    /// Does everything.
    case `operator`
    /// Sees everything, the audit log among it, and changes nothing.
    case auditor

    /// All that a token of this role can be good for.
    package var rights: Set<AdminRight> {
        switch self {
        case .viewer: [.see, .seeModels, .measure]
        case .researcher: [.see, .seeModels, .submit]
        case .operator: Set(AdminRight.allCases)
        case .auditor: [.see, .seeModels, .measure, .audit]
        }
    }

    /// One who has it, in words: `a viewer`.
    var withArticle: String {
        switch self {
        case .viewer, .researcher: "a \(rawValue)"
        case .operator, .auditor: "an \(rawValue)"
        }
    }

    /// The roles as a sentence lists them.
    package static var words: String { "viewer, researcher, operator or auditor" }
}

/// Who asks.
struct Administrator: Equatable, Sendable {
    let name: String
    let role: AdminRole
    /// What the token is good for: all of its role's rights, or those of its scopes.
    let rights: Set<AdminRight>

    /// With these of the role's rights; nil: all of them.
    init(name: String, role: AdminRole, scopes: Set<AdminRight>? = nil) {
        self.name = name
        self.role = role
        rights = scopes.map(role.rights.intersection) ?? role.rights
    }

    /// Whether this right is among those of the token.
    func may(_ right: AdminRight) -> Bool { rights.contains(right) }

    /// Whether a run is shown to this administrator: to a researcher only one that was submitted under the same name. A
    /// run that nobody submitted is the server's own.
    func maySee(runSubmittedBy submitter: String?) -> Bool {
        may(.see) && isConcerned(withRunOf: submitter)
    }

    /// Whether this administrator may have the models of such a run.
    func mayFetch(modelsOfRunSubmittedBy submitter: String?) -> Bool {
        may(.seeModels) && isConcerned(withRunOf: submitter)
    }

    /// Whether this administrator may change a run: an operator any, a researcher one of the same name's.
    func mayChange(runSubmittedBy submitter: String?) -> Bool {
        switch role {
        case .operator: may(.operate)
        case .researcher: may(.submit) && isConcerned(withRunOf: submitter)
        case .viewer, .auditor: false
        }
    }

    private func isConcerned(withRunOf submitter: String?) -> Bool {
        role != .researcher || submitter == name
    }
}
