import Foundation
import Testing

@testable import Ledger

@Suite struct AgentPolicyTests {
    private static let plan = PolicyPlan(
        task: "digits", model: "mlp", mode: .distributed, isMasked: true, clippingNorm: 0.5,
        guaranteedNoiseMultiplier: 1, minimalCohort: 20, adversarialRate: 0.1, dropOutRate: 0.1,
        epsilonAfter: 3,
        delta: 1e-5)

    @Test func anOrdinaryPlanIsAllowed() {
        #expect(AgentPolicy().judge(Self.plan).isEmpty)
    }

    private static let changes: [(key: String, change: @Sendable (inout PolicyPlan) -> Void)] = [
        ("modes", { $0.mode = .none }),
        ("modes", { $0.mode = .central }),
        ("require_masks", { $0.isMasked = false }),
        ("maximal_epsilon", { $0.epsilonAfter = 8.01 }),
        ("maximal_epsilon", { $0.epsilonAfter = .infinity }),
        ("maximal_epsilon", { $0.epsilonAfter = .nan }),
        ("maximal_delta", { $0.delta = 1e-4 }),
        ("maximal_delta", { $0.delta = 0 }),
        ("minimal_noise_multiplier", { $0.guaranteedNoiseMultiplier = 0.4 }),
        ("minimal_noise_multiplier", { $0.guaranteedNoiseMultiplier = .nan }),
        ("maximal_clipping_norm", { $0.clippingNorm = 11 }),
        ("maximal_clipping_norm", { $0.clippingNorm = 0 }),
        ("minimal_cohort", { $0.minimalCohort = 9 }),
        ("adversarial_rate", { $0.adversarialRate = 0.05 }),
        ("drop_out_rate", { $0.dropOutRate = 0 }),
        ("maximal_rounds_per_day", { $0.roundsToday = 1000 }),
        ("statistics", { $0.asksStatistics = true }),
    ]

    @Test(arguments: 0..<changes.count) func eachLimitRefusesWithItsKey(index: Int) throws {
        var plan = Self.plan
        Self.changes[index].change(&plan)
        let first = try #require(AgentPolicy().judge(plan).first)
        #expect(first.key == Self.changes[index].key)
        #expect(!first.reason.contains("\n"))
    }

    @Test func aTrustedServerMayBeCentral() {
        var plan = Self.plan
        plan.mode = .central
        plan.isMasked = false
        plan.epsilonAfter = .infinity
        var policy = AgentPolicy()
        #expect(policy.judge(plan).map(\.key).contains("trust_server"))
        policy.trustsServer = true
        #expect(policy.judge(plan).isEmpty)
        // Naming the mode does not stand for trusting the server.
        policy.trustsServer = false
        policy.modes.insert(.central)
        #expect(policy.judge(plan).map(\.key).contains("trust_server"))
    }

    @Test func statisticsAreAllowedByName() {
        var (plan, policy) = (Self.plan, AgentPolicy())
        plan.asksStatistics = true
        policy.allowsStatistics = true
        #expect(policy.judge(plan).isEmpty)
    }

    @Test func namesAndRosterArePinned() {
        var policy = AgentPolicy()
        policy.tasks = ["digits"]
        policy.models = ["mlp"]
        policy.pinnedRosterDigest = "abc"
        #expect(policy.judge(Self.plan).map(\.key) == ["pinned_roster"])
        var plan = Self.plan
        plan.rosterDigest = "abc"
        #expect(policy.judge(plan).isEmpty)
        plan.task = "faces"
        plan.model = "linear"
        #expect(policy.judge(plan).map(\.key) == ["tasks", "models"])
    }

    @Test func aPolicyWithoutFiniteBudgetAllowsNothing() {
        var policy = AgentPolicy()
        policy.maximalEpsilon = .infinity
        policy.maximalDelta = 1
        #expect(policy.judge(Self.plan).map(\.key) == ["maximal_epsilon", "maximal_delta"])
    }
}
