import Compute
import Configuration
import Encoding
import Learning
import Privacy
import Testing

@testable import Federation

/// Clients that are masked in groups: who is with whom, what noise a group brings, and what is refused.
@Suite struct MaskingGroupTests {
    private func plan(
        groups: Int, robust: String = "robust: {rule: 'median'},", cohort: Int = 40, population: Int = 100,
        more: String = ""
    ) throws -> TaskPlan {
        let text = """
            {name: 'test', model: {layers: [{dense: 3}]}, training: {loss: 'mse'}, rounds: 5, cohort_size: \(cohort),
             min_reports: \(cohort * 3 / 4), \(robust) evaluation: {holdout: 'none'},
             privacy: {mode: 'distributed', clipping_norm: 1, noise_multiplier: 1 \(more)},
             secure_aggregation: {groups: \(groups), estimated_dropout_rate: 0.2}}
            """
        let task = try TaskConfiguration(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [2]), population: population)
    }

    @Test(arguments: [2, 3, 7, 10]) func everyClientIsInOneGroup(_ count: Int) throws {
        let plan = try plan(groups: count)
        let clients = Array(stride(from: 3, to: 123, by: 3))
        for round in 1...5 {
            let groups = GroupedRound(plan).groups(of: clients, seed: 4, round: round)
            #expect(groups.count == count && groups.joined().sorted() == clients)
            let sizes = groups.map(\.count)
            #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1 && (sizes.max() ?? 0) <= plan.maximalMembers)
            #expect(groups == GroupedRound(plan).groups(of: clients.reversed(), seed: 4, round: round))
        }
        let draws = [(4, 1), (4, 2), (5, 1)].map { seed, round in
            GroupedRound(plan).groups(of: clients, seed: UInt64(seed), round: round)
        }
        #expect(draws[0] != draws[1] && draws[0] != draws[2])
    }

    /// Each group bears the noise that a round of its size bears by itself, and the claim is the same.
    @Test func aGroupIsAsPrivateAsARoundOfItsSize() throws {
        let groups = try plan(groups: 4)
        let alone = try plan(groups: 1, robust: "", cohort: 10)
        let (one, other) = (try #require(groups.privacy), try #require(alone.privacy))
        #expect(one.roundEvent == other.roundEvent && one.serverEvent == other.serverEvent)
        #expect(try one.clientNoise(members: 40)?.variance == other.clientNoise(members: 10)?.variance)
        #expect(groups.codec == alone.codec && groups.minimalSurvivors == alone.minimalSurvivors)
        #expect(groups.divisor == .expectedCohort(10))
    }

    /// A group's sum that is far off moves the median no more than any other.
    @Test func theRuleGoesAcrossSums() throws {
        let plan = try plan(groups: 5)
        let count = plan.report.count
        let sums = [1, 2, 3, 4, 1 << (plan.codec.bits - 2)].map { value in
            RingVector(narrow: [UInt32](repeating: UInt32(value), count: count), bits: plan.codec.bits)
        }
        let (vector, weight) = try GroupedRound(plan).robustSum(
            ofGroups: sums, reports: 38, seed: 1, round: 1, threads: 2)
        // Thirty-eight reports in five groups are eight in one.
        #expect(weight == 8 && vector.centred() == [Int64](repeating: 3, count: count))
        let negative = RingVector(
            narrow: [UInt32](repeating: UInt32(bitPattern: -7), count: count), bits: plan.codec.bits)
        let middle = try GroupedRound(plan).robustSum(
            ofGroups: [sums[0], negative, negative], reports: 3, seed: 1, round: 1, threads: 1)
        #expect(middle.vector.centred() == [Int64](repeating: -7, count: count))
    }

    @Test(arguments: [
        (2, "", "", "task.robust"), (21, "robust: {rule: 'median'},", "", "at most 20 groups"),
        (4, "robust: {rule: 'krum', hostile: 1},", "", "needs 5 groups"),
        (4, "robust: {rule: 'median'},", ", sampling: 'poisson'", "poisson"),
    ]) func whatIsNotSoundIsRefused(_ groups: Int, _ robust: String, _ more: String, _ word: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try plan(groups: groups, robust: robust, more: more)
        }
        #expect(error?.description.contains(word) == true, "\(error?.description ?? "")")
    }
}
