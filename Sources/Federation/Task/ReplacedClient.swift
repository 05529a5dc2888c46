internal import Privacy

/// What a plan's releases tell of one client's data where these become others, whatever the plan's neighbours are: the distance
/// of two sums is at most twice the norm bound then.
package struct ReplacedClient {
    private let plan: PrivacyPlan

    /// A client under a plan.
    package init(_ plan: PrivacyPlan) { self.plan = plan }

    /// ε after so many rounds; nil where no formula gives it.
    package func epsilon(rounds: Int, delta: Double) throws -> Double? {
        guard PrivacyPlan.hasClosedForm(plan.roundEvent),
            case .gaussian(let multiplier) = plan.roundEvent.mechanism
        else { return nil }
        guard plan.configuration.adjacency != .replaceOne else {
            return try plan.epsilon(rounds: rounds, delta: delta)
        }
        guard rounds > 0 else { return 0 }
        var event = plan.roundEvent
        (event.mechanism, event.steps) = (.gaussian(noiseMultiplier: multiplier / 2), rounds)
        return try PrivacyGuarantee.of([event], delta: delta, accountant: .pld).epsilon
    }
}
