/// How much a run may spend, against whoever sees the released models and against the server.
package struct PrivacyBudget: Hashable, Sendable {
    /// ε of composed events at a δ, against an observer. Throws for events it does not know: then nothing is affordable.
    package typealias Accountant = (
        _ observer: BudgetExcess.Observer, _ events: LedgerTally, _ delta: Double
    ) throws -> Double

    /// Limit of ε against released models; `.infinity` for none.
    package var epsilon: Double
    /// Limit of ε against the server; `.infinity` for none.
    package var serverEpsilon: Double
    package var delta: Double

    package init(epsilon: Double, serverEpsilon: Double = .infinity, delta: Double) {
        self.epsilon = epsilon
        self.serverEpsilon = serverEpsilon
        self.delta = delta
    }

    /// What `costs` would exceed after everything the ledger counts, or nil when they are affordable.
    /// An ε that is no number exceeds any limit. Without a limit the accountant is not asked.
    package func excess(
        of costs: LedgerEntry.RoundCosts, after state: LedgerState, epsilon accountant: Accountant
    ) throws -> BudgetExcess? {
        if epsilon < .infinity {
            let spent = try accountant(
                .releasedModels, state.releasedEvents.adding(costs.released), delta)
            guard spent <= epsilon else {
                return BudgetExcess(against: .releasedModels, epsilon: spent, limit: epsilon)
            }
        }
        if serverEpsilon < .infinity {
            let spent = try accountant(.server, state.serverEvents.adding(costs.server), delta)
            guard spent <= serverEpsilon else {
                return BudgetExcess(against: .server, epsilon: spent, limit: serverEpsilon)
            }
        }
        return nil
    }
}

/// A budget that a round would exceed.
package struct BudgetExcess: Hashable, Sendable, CustomStringConvertible {
    /// Whose view the budget is about.
    package enum Observer: String, Hashable, Sendable {
        case releasedModels = "whoever sees the released models"
        case server = "the server"
    }

    package let against: Observer
    /// ε with the round.
    package let epsilon: Double
    package let limit: Double

    package var description: String {
        "the round would raise epsilon against \(against.rawValue) to \(epsilon), above its limit \(limit)"
    }
}
