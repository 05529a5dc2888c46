import Compute
import Configuration
import Datasets
import Foundation
import Testing

@testable import Simulation

/// Telling members from others: the rates, the attack where the truth is known, and what privacy leaves of it.
@Suite struct MembershipInferenceTests {
    /// Areas and rates by hand; ties count half, and are not taken for found.
    @Test func ratesOfKnownScores() {
        let curve = RateCurve([(3, true), (2, false), (1, true), (1, false), (0, false), (5, true)])
        // Pairs won: 5 and 3 beat all three others, 1 beats one and ties one.
        #expect(abs(curve.area - (3 + 3 + 1.5) / 9) < 1e-12)
        #expect(abs(curve.truePositiveRate(at: 0) - 2.0 / 3) < 1e-12)
        #expect(abs(curve.truePositiveRate(at: 1.0 / 3) - 2.0 / 3) < 1e-12)
        #expect(curve.truePositiveRate(at: 1) == 1)
        #expect(curve.counts.members == 3 && curve.counts.others == 3)
        #expect(RateCurve([(1, true)]).area == 0.5 && RateCurve([]).truePositiveRate(at: 0.5) == 0)
    }

    /// Confidences that are normal around each unit's own mean, `shift` higher for members.
    private static func scores(shift: Double, spread: Double, runs: Int = 17, units: Int = 400)
        -> MembershipScores
    {
        var random = SeededGenerator(seed: 11, purpose: .test)
        let centers = (0..<units).map { _ in spread * random.normal() }
        let member = (0..<runs).map { _ in (0..<units).map { _ in random.next() & 1 == 1 } }
        let confidence = member.map { row in
            row.indices.map { centers[$0] + random.normal() + (row[$0] ? shift : 0) }
        }
        return MembershipScores(confidence: confidence, isMember: member)
    }

    private static func area(_ scores: MembershipScores, _ statistic: MembershipScores.Statistic) -> Double {
        let areas = scores.scored(statistic).map { RateCurve($0).area }
        return areas.reduce(0, +) / Double(areas.count)
    }

    /// Without a difference no statistic finds one: 17 areas of 400 each have a standard error of 0.007 together, and six of
    /// those are a chance of 1e-9.
    @Test(arguments: MembershipScores.Statistic.allCases) func noSignalIsAHalf(
        _ statistic: MembershipScores.Statistic
    ) {
        #expect(abs(Self.area(Self.scores(shift: 0, spread: 3), statistic) - 0.5) < 0.042)
    }

    /// With a difference of one deviation the best area is Φ(1/√2) = 0.760; LiRA comes near to it where units differ, which
    /// hides it from a threshold (Φ of the shift over √(2 · 10) = 0.588).
    @Test func likelihoodRatiosSeeThroughDifferentUnits() {
        let scores = Self.scores(shift: 1, spread: 3)
        #expect(Self.area(scores, .online) > 0.72 && Self.area(scores, .online) < 0.79)
        #expect(Self.area(scores, .offline) > 0.72 && Self.area(scores, .offline) < 0.79)
        #expect(Self.area(scores, .threshold) > 0.55 && Self.area(scores, .threshold) < 0.63)
    }

    // MARK: What privacy leaves

    /// One (ε, δ) alone: the two bounds of Kairouz et al. 2015.
    @Test func ceilingOfOneStatement() {
        let ceiling = MembershipCeiling([(1, 0.01)])
        let (low, high): (Double, Double) = (exp(1) * 0.1 + 0.01, 1 - exp(-1) * (1 - 0.01 - 0.9))
        #expect(abs(ceiling.truePositiveRate(at: 0.1) - low) < 1e-12)
        #expect(abs(ceiling.truePositiveRate(at: 0.9) - high) < 1e-12)
        #expect(ceiling.truePositiveRate(at: 1) == 1)
        let none = MembershipCeiling([(0, 0)])
        #expect(abs(none.area - 0.5) < 1e-3 && abs(none.truePositiveRate(at: 0.3) - 0.3) < 1e-12)
    }

    /// The ceiling of one Gaussian release of noise 1/µ comes near to that test's own curve, Φ(Φ⁻¹(FPR) + µ), from above;
    /// for records, which are two steps away, it lies higher.
    @Test func ceilingOfAGaussianPlan() throws {
        let plan = try SimulatorFixture.setup(
            privacy: "{mode: 'central', clipping_norm: 1, noise_multiplier: 1}", clients: 12, cohort: 12
        ).plan
        let client = try #require(try MembershipCeiling(plan, unit: .client, rounds: 1))
        // Φ(Φ⁻¹(0.01) + 1) and Φ(Φ⁻¹(0.001) + 1), and the area Φ(1/√2).
        #expect(client.truePositiveRate(at: 0.01) > 0.0923 && client.truePositiveRate(at: 0.01) < 0.11)
        #expect(client.truePositiveRate(at: 0.001) > 0.0183 && client.truePositiveRate(at: 0.001) < 0.023)
        #expect(client.area > 0.7602 && client.area < 0.785)
        // A record is another client's data: noise of half the multiplier, Φ(Φ⁻¹(0.01) + 2) and Φ(2/√2).
        let record = try #require(try MembershipCeiling(plan, unit: .record, rounds: 1))
        #expect(record.truePositiveRate(at: 0.01) > 0.3721 && record.truePositiveRate(at: 0.01) < 0.42)
        #expect(record.area > 0.9213 && record.area < 0.94)
        #expect(try MembershipCeiling(SimulatorFixture.setup().plan, unit: .client, rounds: 1) == nil)
    }

    // MARK: Whole attacks

    private static func run(_ privacy: String, unit: String = "record") throws -> MembershipOutcome {
        var setup = try SimulatorFixture.setup(
            privacy: privacy, task: "min_reports: 2", clients: 8, cohort: 8)
        setup.partition = Partition(clients: (0..<8).map { client in (0..<6).map { Int32(client * 6 + $0) } })
        let configuration = try PrivacyAttackConfiguration(
            Section(
                JSONValue(json5: "{membership_inference: {unit: '\(unit)', shadows: 8}}".utf8, source: "t"),
                path: "simulation.privacy_attack"))
        let attacks = try PrivacyAttacks(configuration, setup)
        let simulator = try Simulator(setup, journal: SilentJournal())
        let result = try attacks.run(attacks.witness(simulator, Stopper(after: 100)))
        return try #require(result.outcome.membershipInference)
    }

    @Test(arguments: ["record", "client"]) func attacksCountEveryUnitInEveryRun(_ unit: String) throws {
        let outcome = try Self.run("{mode: 'none'}", unit: unit)
        #expect(outcome.runs == 9 && outcome.ceiling == nil && outcome.unit == unit)
        #expect(outcome.members + outcome.others == 9 * (unit == "record" ? 48 : 8))
        #expect(outcome.attacks.map(\.name) == ["threshold", "offline", "online"])
        #expect(
            outcome.attacks.allSatisfy {
                (0...1).contains($0.auc) && $0.tprAtThousandth == nil
                    && ($0.tprAtHundredth != nil) == (unit == "record")
            })
        #expect(try Self.run("{mode: 'none'}", unit: unit) == outcome)
    }

    @Test func privateRunsHaveACeiling() throws {
        let outcome = try Self.run(
            "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 4, adjacency: 'add-or-remove-one'}")
        let ceiling = try #require(outcome.ceiling)
        #expect(ceiling.auc > 0.5 && ceiling.auc < 1)
        // Nine areas of 48 have a standard error of 0.028 together.
        for attack in outcome.attacks { #expect(attack.auc < ceiling.auc + 0.1) }
    }

    @Test func repeatedRowsAreRefused() throws {
        let setup = try SimulatorFixture.setup()
        let configuration = try PrivacyAttackConfiguration(
            Section(
                JSONValue(json5: "{membership_inference: {}}".utf8, source: "t"),
                path: "simulation.privacy_attack"))
        let error = #expect(throws: ConfigurationError.self) { try PrivacyAttacks(configuration, setup) }
        #expect(error?.path == "simulation.privacy_attack.membership_inference")
    }
}
