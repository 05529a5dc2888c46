/// What a task plan would have an agent do, as far as the agent's policy judges it.
package struct PolicyPlan: Hashable, Sendable {
    /// Who adds the noise (`design`: distributed, local, central, none).
    package enum Mode: String, Hashable, Sendable, CaseIterable {
        case distributed, local, central, none
    }

    package var task: String
    package var model: String
    package var mode: Mode
    /// Whether vectors are masked by secure aggregation.
    package var isMasked: Bool
    package var clippingNorm: Double
    /// Noise multiplier of the sum that the honest survivors guarantee, at the *policy's* rates.
    package var guaranteedNoiseMultiplier: Double
    /// Fewest clients in a sum that is released.
    package var minimalCohort: Int
    /// Rates that the plan's parameters were found for.
    package var adversarialRate: Double
    package var dropOutRate: Double
    /// SHA-256 of the roster the cohort is drawn from, where the plan states one.
    package var rosterDigest: String?
    /// The agent's ε against the server after this round, at `delta`.
    package var epsilonAfter: Double
    package var delta: Double
    /// The agent's ε against other members of its cohorts after this round, at `delta`; nil where nothing is stated.
    package var epsilonMembersAfter: Double?
    /// ε of a single record of the agent's data after this round, at `deltaExample`; nil where the task protects no
    /// single records.
    package var epsilonExampleAfter: Double?
    /// δ of `epsilonExampleAfter`.
    package var deltaExample: Double?
    /// Rounds that the agent took part in during the last 24 hours.
    package var roundsToday: Int
    /// Whether the task asks for statistics of the agent's table, and trains no model.
    package var asksStatistics: Bool

    package init(
        task: String, model: String, mode: Mode, isMasked: Bool, clippingNorm: Double,
        guaranteedNoiseMultiplier: Double, minimalCohort: Int, adversarialRate: Double, dropOutRate: Double,
        rosterDigest: String? = nil, epsilonAfter: Double, delta: Double, epsilonMembersAfter: Double? = nil,
        epsilonExampleAfter: Double? = nil, deltaExample: Double? = nil, roundsToday: Int = 0,
        asksStatistics: Bool = false
    ) {
        self.task = task
        self.model = model
        self.mode = mode
        self.isMasked = isMasked
        self.clippingNorm = clippingNorm
        self.guaranteedNoiseMultiplier = guaranteedNoiseMultiplier
        self.minimalCohort = minimalCohort
        self.adversarialRate = adversarialRate
        self.dropOutRate = dropOutRate
        self.rosterDigest = rosterDigest
        self.epsilonAfter = epsilonAfter
        self.delta = delta
        self.epsilonMembersAfter = epsilonMembersAfter
        self.epsilonExampleAfter = epsilonExampleAfter
        self.deltaExample = deltaExample
        self.roundsToday = roundsToday
        self.asksStatistics = asksStatistics
    }
}

/// One way in which a plan lies outside the policy.
package struct PolicyViolation: Hashable, Sendable, CustomStringConvertible {
    /// The policy's key.
    package let key: String
    /// One line: what the plan has and what the policy asks.
    package let reason: String

    package var description: String { "\(key): \(reason)" }
}

/// Whose signed verdicts on tasks count at a site.
package struct Reviewer: Hashable, Sendable {
    package var name: String
    /// The key that verifies, Ed25519, 64 hexadecimal digits.
    package var key: String

    package init(name: String, key: String) { (self.name, self.key) = (name, key) }
}

/// What an agent agrees to, whatever a server says. Defaults are strict.
package struct AgentPolicy: Hashable, Sendable {
    /// Who says that a task may be served.
    package enum Approval: String, Hashable, Sendable, CaseIterable {
        /// The other rules alone; what somebody refused is not served.
        case byPolicy = "by-policy"
        /// A person, by the task's digest, beside the other rules.
        case manual
    }

    /// Largest ε against the server over the agent's life, at `maximalDelta`.
    package var maximalEpsilon = 8.0
    package var maximalDelta = 1e-5
    /// Largest ε against other members of the agent's cohorts over its life, at `maximalDelta`; nil: no bound beside that
    /// against the server.
    package var maximalEpsilonMembers: Double?
    /// Largest ε of a single record over the agent's life, at `maximalDeltaExample`, over all tasks that protect single
    /// records.
    package var maximalEpsilonExample = 8.0
    package var maximalDeltaExample = 1e-5
    package var minimalNoiseMultiplier = 0.5
    package var maximalClippingNorm = 10.0
    package var minimalCohort = 10
    /// Modes allowed; `central` needs `trustsServer` beside.
    package var modes: Set<PolicyPlan.Mode> = [.distributed, .local]
    /// Whether vectors must be masked. A `local` update carries all its noise itself and may do without.
    package var requiresMasks = true
    /// Fraction of clients assumed to add no noise and to tell the server all they know.
    package var adversarialRate = 0.1
    /// Fraction of clients assumed to drop out.
    package var dropOutRate = 0.1
    /// SHA-256 of the one roster accepted, or nil for any.
    package var pinnedRosterDigest: String?
    /// Whether masked rounds need the authority's revocation list, and how old it may be, in seconds since it was signed;
    /// nil: as long as it says itself. An agent that has had a list never does without one again.
    package var requiresRevocationList = false
    package var maximalRevocationAge: Double?
    /// Whether rounds are served although the server's ledger has gone back since it was last told of.
    package var acceptsOlderLedger = false
    /// Names of tasks and models accepted, or nil for any.
    package var tasks: Set<String>?
    package var models: Set<String>?
    package var maximalRoundsPerDay = 1000
    /// Whether tasks may ask for statistics of the agent's table, beside those that train a model.
    package var allowsStatistics = false
    /// Whether the server may see this agent's exact update.
    package var trustsServer = false
    /// Greatest magnitude of a published model's values that is trained from where anything is private. Beyond it
    /// training would overflow: the round is served with noise alone, whatever the data.
    package var maximalWeight = 1e4
    package var approval = Approval.byPolicy
    /// Reviewers whose signed verdicts count as the owner's own.
    package var reviewers: [Reviewer] = []
    /// Columns of the agent's table that together could tell people apart; none: nothing is counted.
    package var quasiIdentifiers: [String] = []
    /// Fewest rows that may share their values of ``quasiIdentifiers``.
    package var minimalGroup = 5

    package init() {}

    /// Everything in the plan that the policy does not allow, in the order of the policy's keys; none for a
    /// plan that the agent may follow. Figures that are no numbers are violations.
    package func judge(_ plan: PolicyPlan) -> [PolicyViolation] {
        var violations: [PolicyViolation] = []
        func require(_ isMet: Bool, _ key: String, _ reason: @autoclosure () -> String) {
            if !isMet { violations.append(PolicyViolation(key: key, reason: reason())) }
        }
        require(
            modes.contains(plan.mode) || (plan.mode == .central && trustsServer), "modes",
            "the plan's mode is \(plan.mode.rawValue); allowed: \(modes.map(\.rawValue).sorted().joined(separator: ", "))"
        )
        require(
            plan.mode != .central || trustsServer, "trust_server",
            "mode central shows the server the exact update; set trust_server: true to allow it")
        require(
            plan.isMasked || !requiresMasks || plan.mode == .local || (plan.mode == .central && trustsServer),
            "require_masks", "the plan sends updates unmasked")
        judgeBudget(of: plan, require)
        require(
            plan.mode == .none || plan.guaranteedNoiseMultiplier >= minimalNoiseMultiplier,
            "minimal_noise_multiplier",
            "honest survivors guarantee \(plan.guaranteedNoiseMultiplier), below \(minimalNoiseMultiplier)")
        require(
            plan.clippingNorm > 0 && plan.clippingNorm <= maximalClippingNorm, "maximal_clipping_norm",
            "the plan clips to \(plan.clippingNorm); allowed is above 0 and up to \(maximalClippingNorm)")
        require(
            plan.minimalCohort >= minimalCohort, "minimal_cohort",
            "the plan releases sums of \(plan.minimalCohort) clients, below \(minimalCohort)")
        judgeRates(of: plan, require)
        if let pinned = pinnedRosterDigest {
            require(
                plan.rosterDigest == pinned, "pinned_roster",
                "the plan's roster is \(plan.rosterDigest ?? "not stated"), not \(pinned)")
        }
        if let tasks { require(tasks.contains(plan.task), "tasks", "task \"\(plan.task)\" is not allowed") }
        if let models {
            require(models.contains(plan.model), "models", "model \"\(plan.model)\" is not allowed")
        }
        require(
            !plan.asksStatistics || allowsStatistics, "statistics",
            "the task asks for statistics of the agent's table; set statistics: true to allow it")
        require(
            plan.roundsToday < maximalRoundsPerDay, "maximal_rounds_per_day",
            "\(plan.roundsToday) rounds were run today, of \(maximalRoundsPerDay)")
        return violations
    }

    private typealias Requirement = (Bool, String, @autoclosure () -> String) -> Void

    /// A policy without finite limits would promise nothing: it allows no plan but one whose server is trusted,
    /// where ε against the server is unbounded by its nature.
    private func judgeBudget(of plan: PolicyPlan, _ require: Requirement) {
        require(
            maximalEpsilon.isFinite && maximalEpsilon > 0, "maximal_epsilon",
            "the policy's own limit is \(maximalEpsilon); give a positive finite number")
        require(
            maximalDelta > 0 && maximalDelta < 1, "maximal_delta",
            "the policy's own limit is \(maximalDelta); give a number between 0 and 1")
        judgeSingleRecords(of: plan, require)
        if let limit = maximalEpsilonMembers, plan.mode != .none {
            require(
                (plan.epsilonMembersAfter ?? .infinity) <= limit, "maximal_epsilon_members",
                "the round would raise epsilon against other members to \(plan.epsilonMembersAfter ?? .infinity), above"
                    + " \(limit)")
        }
        guard !(plan.mode == .central && trustsServer) else { return }
        require(
            plan.epsilonAfter <= maximalEpsilon, "maximal_epsilon",
            "the round would raise epsilon against the server to \(plan.epsilonAfter), above \(maximalEpsilon)"
        )
        require(
            plan.delta > 0 && plan.delta <= maximalDelta, "maximal_delta",
            "epsilon is stated at delta \(plan.delta); allowed is above 0 and up to \(maximalDelta)")
    }

    /// Single records have a budget of their own, which trust in the server does not lift: their noise is the agent's.
    private func judgeSingleRecords(of plan: PolicyPlan, _ require: Requirement) {
        guard let epsilon = plan.epsilonExampleAfter else { return }
        require(
            epsilon <= maximalEpsilonExample, "maximal_epsilon_example",
            "the round would raise epsilon of a single record to \(epsilon), above \(maximalEpsilonExample)")
        let delta = plan.deltaExample ?? .infinity
        require(
            delta > 0 && delta <= maximalDeltaExample, "maximal_delta_example",
            "epsilon of a single record is stated at delta \(delta); allowed is above 0 and up to"
                + " \(maximalDeltaExample)")
    }

    /// A plan found for lower rates than the policy assumes has too small a degree, threshold or noise.
    private func judgeRates(of plan: PolicyPlan, _ require: Requirement) {
        guard plan.isMasked else { return }
        require(
            plan.adversarialRate >= adversarialRate, "adversarial_rate",
            "the plan assumes \(plan.adversarialRate) adversarial clients, the policy \(adversarialRate)")
        require(
            plan.dropOutRate >= dropOutRate, "drop_out_rate",
            "the plan assumes a drop-out rate of \(plan.dropOutRate), the policy \(dropOutRate)")
    }
}
