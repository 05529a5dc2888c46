import Foundation
import Testing

@testable import Privacy

/// Symmetric integer noise on Poisson samples: the sharper Rényi amplification against exact loss distributions.
@Suite struct SymmetricAmplificationTests {
    @Test(
        arguments: [
            PrivacyEvent.Mechanism.skellam(variance: 9, sensitivity: .init(l2: 1)),
            .skellam(variance: 100, sensitivity: .init(l2: 12)),
            .discreteGaussian(.init(sigmaSquared: 4, sensitivity: .init(l2: 2))),
            .discreteGaussian(.init(sigmaSquared: 0.5, sensitivity: .init(l2: 1))),
            .laplace(scaleOverSensitivity: 2),
        ], [(0.01, 1000), (0.1, 100), (0.5, 10)])
    func neverBelowTheLossDistribution(mechanism: PrivacyEvent.Mechanism, sampled: (Double, Int)) throws {
        let event = PrivacyEvent(
            mechanism: mechanism, sampling: .poisson(probability: sampled.0), steps: sampled.1)
        let delta = 1e-6
        let exact = try PLDAccountant([event]).guarantee(delta: delta).epsilon
        let published = try RDPAccountant([event]).guarantee(delta: delta).epsilon
        let sharp = try RDPAccountant([event]).guarantee(delta: delta, precision: .extended).epsilon
        #expect(sharp <= published * (1 + 1e-12))
        // Loss distributions are rounded up by their grid.
        #expect(sharp >= exact * 0.999)
    }
}

@Suite("Properties of the accountants")
struct AccountingPropertyTests {
    private static func sampled(
        _ multiplier: Double, _ probability: Double, _ steps: Int, _ adjacency: Adjacency = .addOrRemoveOne
    ) -> PrivacyEvent {
        PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: multiplier), sampling: .poisson(probability: probability),
            adjacency: adjacency, steps: steps)
    }

    @Test("edge cases of the reference file", arguments: AccountingVectors.family("edge_cases"))
    func edgeCases(_ vector: VectorCase) throws {
        let expected = vector.expected["epsilon"].list.compactMap(\.number)
        let cases = vector.params["cases"].list
        try #require(expected.count == cases.count)
        for (parameters, epsilon) in zip(cases, expected) {
            let multiplier = try #require(parameters["noise_multiplier"].number)
            let event = PrivacyEvent(
                mechanism: .gaussian(noiseMultiplier: multiplier),
                sampling: parameters["sampling_probability"].number.map { .poisson(probability: $0) }
                    ?? .none,
                steps: Int(try #require(parameters["count"].number ?? parameters["steps"].number)))
            let delta = try #require(parameters["delta"].number)
            let actual = try PrivacyGuarantee.of([event], delta: delta).epsilon
            #expect(actual == epsilon || abs(actual - epsilon) <= 1e-9)
        }
    }

    @Test("epsilon falls with noise and rises with sampling and steps", arguments: AccountantKind.allCases)
    func monotone(_ kind: AccountantKind) throws {
        func epsilon(_ event: PrivacyEvent) throws -> Double {
            try PrivacyGuarantee.of([event], delta: 1e-7, accountant: kind).epsilon
        }
        let noise = try [0.5, 0.8, 0.801, 1.5, 6].map { try epsilon(Self.sampled($0, 0.02, 300)) }
        let sampling = try [1e-4, 1e-3, 0.02, 0.0201, 0.5, 1].map { try epsilon(Self.sampled(1, $0, 300)) }
        let steps = try [1, 10, 300, 301, 2000].map { try epsilon(Self.sampled(1, 0.02, $0)) }
        for values in [noise.reversed(), sampling, steps] {
            #expect(values.allSatisfy { $0.isFinite })
            #expect(zip(values, values.dropFirst()).allSatisfy { $0 < $1 }, "\(values)")
        }
    }

    @Test("a grid agrees with the closed form where sampling is all but certain")
    func gridAgainstClosedForm() throws {
        let nearly = try PLDAccountant([Self.sampled(4, 1 - 1e-12, 40)]).guarantee(delta: 1e-6).epsilon
        let exact = AnalyticGaussian(noiseMultiplier: 4, steps: 40).epsilon(delta: 1e-6)
        #expect(abs(nearly - exact) <= 1e-4 * exact)
        #expect(nearly >= exact * (1 - 1e-9))
    }

    @Test("integer noise on a grid agrees with its own convolution")
    func integerNoiseTwice() throws {
        // The sum of two Skellams released for a doubled query is one release of half the information: compose
        // one-dimensional Skellam with itself by brute force over pairs of outcomes.
        let noise = IntegerNoiseLoss.skellam(variance: 6, shift: 2, logOmitted: -40)
        func delta(_ epsilon: Double) -> Double {
            var sum = 0.0
            for first in noise.losses.indices {
                for second in noise.losses.indices {
                    let loss = noise.losses[first] + noise.losses[second]
                    guard loss > epsilon else { continue }
                    sum += noise.shiftedMasses[first] * noise.shiftedMasses[second] * -expm1(epsilon - loss)
                }
            }
            return sum
        }
        let event = PrivacyEvent(mechanism: .skellam(variance: 6, sensitivity: .init(l2: 2)), steps: 2)
        let epsilon = try PLDAccountant([event]).guarantee(delta: 1e-5).epsilon
        #expect(delta(epsilon) <= 1e-5)
        #expect(delta(epsilon * 0.999) > 1e-5)
    }

    @Test("masses of integer noise are those of its law")
    func integerMasses() {
        for variance in [0.3, 6, 400.0] {
            let skellam = IntegerNoiseLoss.skellam(variance: variance, shift: 1, logOmitted: -45)
            let gaussian = IntegerNoiseLoss.discreteGaussian(
                sigmaSquared: variance, shift: 1, logOmitted: -45)
            for noise in [skellam, gaussian] {
                #expect(abs(noise.masses.reduce(0, +) - 1) < 1e-12)
                #expect(zip(noise.losses, noise.losses.dropFirst()).allSatisfy { $0 < $1 })
            }
            let reach = (skellam.masses.count - 2) / 2
            let moment = skellam.masses.enumerated().reduce(0.0) { sum, pair in
                sum + pair.element * pow(Double(pair.offset - reach), 2)
            }
            #expect(abs(moment - variance) < 1e-9 * variance + 1e-12)
        }
    }

    @Test("replace-one costs more than add-or-remove-one at equal noise")
    func adjacencies() throws {
        // Multipliers are relative to the sensitivity, which doubles: equal sigma is half the multiplier.
        let removed = try PLDAccountant([Self.sampled(1, 0.05, 20)]).guarantee(delta: 1e-6).epsilon
        let replaced = try PLDAccountant([Self.sampled(0.5, 0.05, 20, .replaceOne)]).guarantee(delta: 1e-6)
            .epsilon
        let zeroed = try PLDAccountant([Self.sampled(1, 0.05, 20, .zeroOut)]).guarantee(delta: 1e-6).epsilon
        #expect(replaced > removed)
        #expect(zeroed == removed)
    }

    static let unproved: [PrivacyEvent] = [
        PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: 1), sampling: .fixedSize(population: 10, cohort: 2),
            steps: 3),
        PrivacyEvent(
            mechanism: .laplace(scaleOverSensitivity: 1), sampling: .poisson(probability: 0.1),
            adjacency: .replaceOne),
        PrivacyEvent(
            mechanism: .tree(noiseMultiplier: 1, participations: 1), sampling: .poisson(probability: 0.1),
            steps: 8),
        PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: 1),
            sampling: .truncatedPoisson(probability: 0.1, population: 100, maximum: 12), adjacency: .zeroOut),
        PrivacyEvent(mechanism: .gaussian(noiseMultiplier: -1)),
        PrivacyEvent(mechanism: .gaussian(noiseMultiplier: .nan)),
        PrivacyEvent(mechanism: .gaussian(noiseMultiplier: 1), sampling: .poisson(probability: 1.5)),
        PrivacyEvent(mechanism: .gaussian(noiseMultiplier: 1), steps: -1),
    ]

    @Test("what is not proved is refused by every accountant", arguments: unproved)
    func refusal(_ event: PrivacyEvent) {
        for kind in AccountantKind.allCases {
            #expect(throws: AccountingError.self) {
                try PrivacyGuarantee.of([event], delta: 1e-6, accountant: kind)
            }
        }
    }

    @Test("what one accountant cannot bound, the other may")
    func partialRefusal() throws {
        let many = PrivacyEvent(mechanism: .skellam(variance: 1e3, sensitivity: .init(l2: 50, dimension: 10)))
        #expect(throws: AccountingError.self) { try PLDAccountant([many]) }
        #expect(try PrivacyGuarantee.of([many], delta: 1e-6).accountant == .rdp)
        let replaced = Self.sampled(1, 0.1, 5, .replaceOne)
        #expect(throws: AccountingError.self) { try RDPAccountant([replaced]) }
        #expect(try PrivacyGuarantee.of([replaced], delta: 1e-6).accountant == .pld)
        #expect(throws: AccountingError.self) {
            try PrivacyGuarantee.of([replaced, Self.sampled(1, 0.1, 5)], delta: 1e-6)
        }
        #expect(throws: AccountingError.self) { try PrivacyGuarantee.of([replaced], delta: -1) }
    }

    /// Settings at the ends of the ranges that deployments use.
    static let endsOfRanges: [PrivacyEvent] = [0.3, 1, 100].flatMap { multiplier in
        [1e-5, 0.01, 1].map { sampled(multiplier, $0, 1_000_000) }
    }

    @Test("extremes are finite and rising in delta's strictness", .tags(.slow), arguments: endsOfRanges)
    func extremes(_ event: PrivacyEvent) throws {
        let strict = try PrivacyGuarantee.of([event], delta: 1e-12)
        let loose = try PrivacyGuarantee.of([event], delta: 1e-5)
        #expect(strict.epsilon.isFinite && strict.epsilon > loose.epsilon && loose.epsilon >= 0)
        let renyi = try RDPAccountant([event]).guarantee(delta: 1e-12)
        #expect(renyi.epsilon.isFinite && renyi.epsilon >= strict.epsilon)
    }
}
