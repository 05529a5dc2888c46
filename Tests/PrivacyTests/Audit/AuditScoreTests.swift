import Foundation
import Testing

@testable import Privacy

/// Audits of samples and of mechanisms alone.
@Suite struct AuditScoreTests {
    /// Scores of a Gaussian mechanism whose units are so many deviations apart, seeded.
    static func scores(mu: Double, canaries: Int, seed: UInt64) -> CanaryScores {
        var source = SeededNoise(seed: seed)
        let isIn = (0..<canaries).map { _ in source.next() >> 63 == 1 }
        let scores = isIn.map { isIn in
            let first = (Double(source.next() >> 11) + 0.5) * 0x1p-53
            let second = Double(source.next() >> 11) * 0x1p-53
            return (-2 * log(first)).squareRoot() * cos(2 * .pi * second) + (isIn ? mu : 0)
        }
        return CanaryScores(scores: scores, isIn: isIn)
    }

    /// The distance of the Gaussian mechanism with this ε at δ = 1e-5.
    static func mu(epsilon: Double) -> Double {
        var (low, high) = (0.0, 100.0)
        for _ in 0..<100 {
            let middle = (low + high) / 2
            if AnalyticGaussian(mu: middle).epsilon(delta: 1e-5) < epsilon {
                low = middle
            } else {
                high = middle
            }
        }
        return low
    }

    /// At 99 % each form exceeds a true claim in at most one of a hundred runs; of 60 runs three or more would be one in 60.
    @Test(.tags(.statistical), arguments: [1, 8.0]) func aSoundMechanismStaysBelowItsClaim(claim: Double)
        throws
    {
        let mu = Self.mu(epsilon: claim)
        var above = [0, 0, 0]
        var normal: [Double] = []
        for seed in 0..<60 {
            let scores = Self.scores(mu: mu, canaries: 1000, seed: UInt64(seed))
            let found = [
                try scores.oneRun(delta: 1e-5, significance: 0.01).epsilonLowerBound,
                try scores.oneRunGaussian(delta: 1e-5, significance: 0.01).epsilonLowerBound,
                try #require(NormalShift(inside: scores.inside, outside: scores.outside))
                    .epsilonLowerBound(delta: 1e-5, significance: 0.01),
            ]
            for (form, bound) in found.enumerated() where bound > claim { above[form] += 1 }
            normal.append(found[2])
        }
        #expect(above.allSatisfy { $0 <= 2 })
        // And it says something: nearly all of the claim by the normal form.
        if claim == 8 { #expect(normal.sorted()[30] > 6.3) }
    }

    /// Noise at half: the claim of 8 is one of 19, which the normal form sees, and counts of guesses cannot.
    @Test func halvedNoiseIsSeenByTheNormalFormAlone() throws {
        let scores = Self.scores(mu: 2 * Self.mu(epsilon: 8), canaries: 1000, seed: 7)
        let normal = try #require(NormalShift(inside: scores.inside, outside: scores.outside))
        #expect(try normal.epsilonLowerBound(delta: 1e-5, significance: 0.01) > 14)
        #expect(try scores.oneRun(delta: 1e-5, significance: 0.01).epsilonLowerBound < 8)
    }

    /// A claim of 2 with halved noise is refuted by counting alone, with enough canaries.
    @Test func halvedNoiseIsSeenByCountsWhereTheClaimIsSmall() throws {
        let scores = Self.scores(mu: 2 * Self.mu(epsilon: 1), canaries: 20_000, seed: 5)
        #expect(try scores.oneRun(delta: 1e-5, significance: 0.05).epsilonLowerBound > 1)
        #expect(try scores.oneRunGaussian(delta: 1e-5, significance: 0.05).epsilonLowerBound > 1)
    }

    @Test func scoresThatSayNothingGiveNoBoundWhateverTheOrder() throws {
        // All alike: guesses follow the canaries' order, which tells nothing; the coin is fair.
        let blank = Self.scores(mu: 0, canaries: 2000, seed: 9)
        let equal = CanaryScores(scores: blank.isIn.map { _ in 3.0 }, isIn: blank.isIn)
        #expect(try equal.oneRun(delta: 1e-5, significance: 0.05).epsilonLowerBound < 0.3)
        #expect(try blank.oneRun(delta: 1e-5, significance: 0.01).epsilonLowerBound < 0.3)
        let all = try blank.guesses(share: 1)
        #expect(all.guesses == 2000 && abs(all.correct - 1000) < 150)
    }

    /// The estimate of Andrew et al. is near to the truth, and no bound.
    @Test func theEstimateIsNearTheTruth() throws {
        let scores = Self.scores(mu: Self.mu(epsilon: 3), canaries: 20_000, seed: 3)
        let pair = try #require(GaussianPair(fitting: scores.inside, and: scores.outside))
        #expect(abs(pair.epsilon(delta: 1e-5) - 3) < 0.5)
    }

    static let claims: [(name: String, deviation: Double)] = MechanismCatalog.names.flatMap { name in
        name == "none" ? [] : [(name, 40.0), (name, 100.0)]
    }

    /// Each mechanism of the catalog draws no less noise than its event says; a hundredth of the audits of a sound one may
    /// fail, and these are seeded.
    @Test(.tags(.statistical), arguments: claims) func everyMechanismKeepsItsWord(
        name: String, deviation: Double
    ) throws {
        let mechanism = try MechanismCatalog.mechanism(named: name, standardDeviation: deviation)
        let audit = MechanismAudit(mechanism, sensitivity: 60)
        var source = SeededNoise(seed: 11)
        let draws = try audit.draw(40_000, from: &source)
        let claim = try audit.claimed(delta: 1e-3)
        #expect(try draws.epsilonLowerBound(delta: 1e-3, significance: 0.01) <= claim)
        if name != "discrete_laplace" {
            let normal = try #require(
                try draws.gaussianEpsilonLowerBound(delta: 1e-3, significance: 0.01))
            #expect(normal <= claim && normal > 0.9 * claim)
        }
    }

    /// The noise of another deviation than the event was made for: half of it, or a tenth.
    @Test(arguments: claims.filter { $0.deviation == 100 }, [0.5, 0.1]) func tooLittleNoiseIsFound(
        _ known: (name: String, deviation: Double), share: Double
    ) throws {
        let sound = try MechanismCatalog.mechanism(named: known.name, standardDeviation: 100)
        let weak = try MechanismCatalog.mechanism(named: known.name, standardDeviation: 100 * share)
        let claim = try MechanismAudit(sound, sensitivity: 60).claimed(delta: 1e-3)
        var source = SeededNoise(seed: 12)
        let draws = try MechanismAudit(weak, sensitivity: 60).draw(100_000, from: &source)
        #expect(try draws.epsilonLowerBound(delta: 1e-3, significance: 0.01) > claim)
    }

    @Test func noNoiseIsFoundByAnyCount() throws {
        var source = SeededNoise(seed: 1)
        let audit = MechanismAudit(NoPrivacy(), sensitivity: 1)
        let draws = try audit.draw(10_000, from: &source)
        #expect(try audit.claimed(delta: 1e-5) == .infinity)
        #expect(try draws.epsilonLowerBound(delta: 1e-5, significance: 0.01) > 6)
        #expect(try draws.gaussianEpsilonLowerBound(delta: 1e-5, significance: 0.01) == .infinity)
    }
}
