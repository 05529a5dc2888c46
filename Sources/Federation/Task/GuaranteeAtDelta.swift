internal import Privacy

/// What a plan's releases tell of one client at another δ than the task's.
package struct GuaranteeAtDelta {
    private let plan: PrivacyPlan
    private let delta: Double

    /// The guarantee of a plan at a δ.
    package init(_ plan: PrivacyPlan, delta: Double) { (self.plan, self.delta) = (plan, delta) }

    /// ε after `rounds` charged rounds against whoever sees the released models: exact where a formula gives it, else by Rényi
    /// accounting, which takes no time and is never below the truth.
    package func epsilon(rounds: Int) throws -> Double {
        guard rounds > 0 else { return 0 }
        var configuration = plan.configuration
        configuration.targetDelta = delta
        let accountant: AccountantKind = try plan.epsilonByFormula(rounds: rounds) == nil ? .rdp : .pld
        return try PrivacyPlan.guarantee(
            plan.roundEvent, configuration, rounds: plan.counted(rounds), accountant: accountant
        ).epsilon
    }

    /// The same where one client's data become others, whatever the plan's neighbours are: the distance of two sums is at most
    /// twice the norm bound then. Nil where no formula gives it.
    package func epsilonOfReplacement(rounds: Int) throws -> Double? {
        guard plan.roundEvent.hasClosedForm,
            case .gaussian(let multiplier) = plan.roundEvent.mechanism
        else { return nil }
        guard plan.configuration.adjacency != .replaceOne else { return try epsilon(rounds: rounds) }
        guard rounds > 0 else { return 0 }
        var event = plan.roundEvent
        (event.mechanism, event.steps) = (.gaussian(noiseMultiplier: multiplier / 2), plan.counted(rounds))
        return try PrivacyGuarantee.of([event], delta: delta, accountant: .pld).epsilon
    }
}
