internal import Configuration
package import Federation
internal import Learning
package import Ledger
internal import Messages
internal import Privacy

/// Holds assignments against the agent's own policy. Nothing that the server claims of its privacy is used: every
/// figure is computed here from the task.
package struct PolicyGate: Sendable {
    /// The owner's rules.
    let policy: AgentPolicy
    /// SHA-256 of the roster that this agent holds its peers against; nil: it has none.
    private let rosterDigest: String?

    package init(_ policy: AgentPolicy, rosterDigest: String? = nil) {
        self.policy = policy
        self.rosterDigest = rosterDigest
    }

    /// What of a task is outside the policy before anything is downloaded or computed; the amounts that need
    /// the model are judged by ``judge(_:spent:roundsToday:)``.
    package func judge(task: TaskConfiguration, roundsToday: Int) -> [PolicyViolation] {
        let privacy = task.privacy
        return applicable(
            PolicyPlan(
                task: task.name, model: Self.name(of: task.model.json), mode: Self.mode(privacy.mode),
                isMasked: privacy.mode == .distributed, clippingNorm: privacy.clippingNorm,
                guaranteedNoiseMultiplier: privacy.noiseMultiplier ?? .infinity,
                minimalCohort: (task.minimumReports
                    ?? (privacy.mode == .distributed ? task.cohortSize : max(1, task.cohortSize / 2)))
                    / task.secureAggregation.groups,
                adversarialRate: 1, dropOutRate: 1, rosterDigest: Self.stated(rosterDigest, task),
                epsilonAfter: privacy.mode == .none ? .infinity : 0, delta: policy.maximalDelta,
                epsilonMembersAfter: 0, roundsToday: roundsToday, asksStatistics: task.statistics != nil))
    }

    /// Why a server's ledger is not the one of before, as ``AgentPolicy`` says it.
    func refusal(of offer: RoundOffer, after progress: RoundProgress) -> OwnParticipation.Refusal? {
        policy.refusal(of: offer.ledger, after: progress.serverLedgers[offer.run])
    }

    /// What of a resolved round is outside the policy.
    /// - Parameters:
    ///   - work: the round as the server's offer resolves.
    ///   - spending: the agent's ε with the round charged, at `delta` and `deltaExample`.
    ///   - roundsToday: rounds that the agent reported in today.
    /// - Returns: every rule that the round breaks; empty where the agent may take part.
    func judge(_ work: RoundWork, spending: Spending, roundsToday: Int) -> [PolicyViolation] {
        judge(
            work.plan, clippingNorm: work.clippingNorm, spending: spending, roundsToday: roundsToday)
    }

    /// What of a resolved task is outside the policy, its updates clipped to `clippingNorm`.
    func judge(
        _ plan: TaskPlan, clippingNorm: Double, spending: Spending, roundsToday: Int
    ) -> [PolicyViolation] {
        let task = plan.configuration
        return applicable(
            PolicyPlan(
                task: task.name, model: Self.name(of: task.model.json), mode: Self.mode(task.privacy.mode),
                isMasked: task.privacy.mode == .distributed, clippingNorm: clippingNorm,
                guaranteedNoiseMultiplier: plan.privacy?.noiseMultiplier ?? 0,
                minimalCohort: Self.minimalCohort(plan),
                adversarialRate: task.secureAggregation.adversarialRate,
                dropOutRate: task.secureAggregation.dropoutRate,
                rosterDigest: Self.stated(rosterDigest, task),
                epsilonAfter: spending.server, delta: policy.maximalDelta,
                epsilonMembersAfter: spending.members, epsilonExampleAfter: spending.record,
                deltaExample: spending.record.map { _ in policy.maximalDeltaExample },
                roundsToday: roundsToday, asksStatistics: task.statistics != nil))
    }

    /// Fewest clients among whom an update is hidden: the least reports that are released. A central Poisson cohort has no
    /// such number: its noise is that of the planned cohort, whoever came.
    private static func minimalCohort(_ plan: TaskPlan) -> Int {
        let configuration = plan.configuration
        let isPlanned = configuration.privacy.mode == .central && configuration.privacy.sampling == .poisson
        if isPlanned { return configuration.cohortSize }
        return plan.maskingGroups > 1 ? plan.minimalSurvivors : plan.rules.minimumReports
    }

    /// Only masked rounds show an agent its peers: the roster is held against nothing elsewhere.
    private static func stated(_ digest: String?, _ task: TaskConfiguration) -> String? {
        task.privacy.mode == .distributed ? digest : nil
    }

    /// Greatest magnitude of a published model's values that is trained from.
    package var maximalWeight: Double { policy.maximalWeight }

    /// What the agent will have spent with a round of `task`, at the policy's δ. Throws where no accountant knows an
    /// event.
    func spending(_ ledgers: AgentLedgers, after task: TaskPlan) throws -> Spending {
        try ledgers.spending(
            after: task, delta: policy.maximalDelta, deltaExample: policy.maximalDeltaExample,
            countsMembers: policy.maximalEpsilonMembers != nil)
    }

    /// Figures of noise have no meaning where the owner allows plain averaging by name and trusts the server:
    /// they forbid nothing then, and everything otherwise.
    private func applicable(_ plan: PolicyPlan) -> [PolicyViolation] {
        let violations = policy.judge(plan)
        guard plan.mode == .none, policy.modes.contains(.none), policy.trustsServer else {
            return violations
        }
        let figures = ["maximal_epsilon", "maximal_delta", "maximal_clipping_norm", "require_masks"]
        return violations.filter { !figures.contains($0.key) }
    }

    private static func mode(_ mode: PrivacyMode) -> PolicyPlan.Mode {
        switch mode {
        case .distributed: .distributed
        case .local: .local
        case .central: .central
        case .none: .none
        }
    }

    /// A model's name in policies: its preset, or "layers".
    private static func name(of model: JSONValue) -> String {
        if case .object(let members) = model, case .string(let preset)? = members["preset"] { return preset }
        return "layers"
    }
}
