import Foundation
import Testing

@testable import Privacy

/// What every mechanism of the catalog promises.
@Suite struct MechanismContractTests {
    static let noisy = MechanismCatalog.names.filter { $0 != "none" }

    @Test(.tags(.statistical), arguments: noisy, [1.5, 40, 1e6])
    func noiseIsCentredWithTheStatedVariance(name: String, deviation: Double) throws {
        let mechanism = try MechanismCatalog.mechanism(named: name, standardDeviation: deviation)
        #expect(mechanism.name == name)
        #expect(abs(mechanism.variance / (deviation * deviation) - 1) < 0.04)
        var source = SeededNoise(seed: 51)
        let count = 100_000
        let sample = try mechanism.draw(count: count, from: &source).map { Double($0) / deviation }
        // The kurtosis of each is at most that of Laplace, 6; limits of six standard errors fail falsely
        // fewer than once in 1e8.
        let mean = sample.reduce(0, +) / Double(count)
        #expect(abs(mean) < 6 / Double(count).squareRoot())
        let second = sample.reduce(0) { $0 + $1 * $1 } / Double(count)
        let spread = (6 / Double(count)).squareRoot()
        #expect(abs(second - mechanism.variance / (deviation * deviation)) < 6 * spread)
    }

    @Test(arguments: MechanismCatalog.names) func aFailingSourceIsNotHidden(name: String) throws {
        let mechanism = try MechanismCatalog.mechanism(named: name, standardDeviation: 10)
        guard mechanism.variance > 0 else { return }
        var source = FailingNoise(fillsLeft: 0)
        #expect(throws: FailingNoise.Exhausted.self) { try mechanism.draw(count: 10, from: &source) }
        #expect(throws: FailingNoise.Exhausted.self) {
            try mechanism.draw(count: 10, from: &source) { _, _ in Issue.record("noise without randomness") }
        }
    }

    @Test(arguments: MechanismCatalog.names) func eventsStateTheNoiseAgainstTheSensitivity(name: String)
        throws
    {
        let mechanism = try MechanismCatalog.mechanism(named: name, standardDeviation: 100)
        let sensitivity = PrivacyEvent.IntegerSensitivity(l2: 50, l1: 60, dimension: 4)
        switch mechanism.event(for: sensitivity) {
        case .gaussian(let multiplier):
            #expect(multiplier == (name == "none" ? 0 : 2))
        case .discreteGaussian(let parameters):
            #expect(parameters.sigmaSquared == 10_000 && parameters.sensitivity == sensitivity)
            #expect(parameters.shares == nil)
        case .skellam(let variance, let stated):
            #expect(variance == 10_000 && stated == sensitivity)
        case .laplace(let ratio):
            // Never cheaper than the ratio of scale to sensitivity, of which the deviation is √2 times.
            let scale = (mechanism.variance / 2).squareRoot()
            #expect(ratio <= scale / 60 && ratio > 0.7 * scale / 60)
        case .tree, .matrix:
            Issue.record("no mechanism of the catalog is noise over rounds")
        }
        #expect(mechanism.totalVariationBound <= 0x1p-60)
    }

    /// What a task can name costs what its deviation is against the L2 norm, whatever other norms are.
    @Test(arguments: MechanismCatalog.all.map(\.name))
    func whatSuitsUpdatesIsMeasuredInTheNormThatIsClipped(name: String) throws {
        let entry = try #require(MechanismCatalog.all.first { $0.name == name })
        let mechanism = try entry.make(1000)
        #expect(mechanism.name == name)
        // The L1 norm follows: √d times the L2 norm, or its square, at most.
        let isCheap = [1, 1_000_000].allSatisfy { dimension in
            let sensitivity = PrivacyEvent.IntegerSensitivity(l2: 500, dimension: dimension)
            let event = PrivacyEvent(mechanism: mechanism.event(for: sensitivity), adjacency: .addOrRemoveOne)
            let guarantee = try? PrivacyGuarantee.of([event], delta: 1e-5, accountant: .rdp)
            return (guarantee?.epsilon ?? .infinity) < 3
        }
        #expect(isCheap == entry.suitsUpdates)
    }

    @Test func sumsOfSharesAreStatedOnlyWhereProved() throws {
        let sensitivity = PrivacyEvent.IntegerSensitivity(l2: 10)
        #expect(try RoundedGaussian(sigma: 5).event(for: sensitivity, sumOf: 2) == nil)
        #expect(try DiscreteLaplace(scale: 5).event(for: sensitivity, sumOf: 2) == nil)
        #expect(
            try Skellam(variance: 9).event(for: sensitivity, sumOf: 4)
                == .skellam(variance: 36, sensitivity: sensitivity))
        let shares = PrivacyEvent.DiscreteGaussianParameters(
            sigmaSquared: 36, sensitivity: sensitivity, shares: .init(clients: 4, localVariance: 9))
        #expect(
            try DiscreteGaussian(sigmaSquared: 9).event(for: sensitivity, sumOf: 4)
                == .discreteGaussian(shares))
    }

    @Test func unknownNamesAreRefusedWithTheKnownOnes() {
        #expect {
            try MechanismCatalog.mechanism(named: "gauss", standardDeviation: 1)
        } throws: { error in
            "\(error)".contains("skellam") && "\(error)".contains("\"gauss\"")
        }
    }

    @Test(.tags(.statistical), arguments: [0.4, 3, 200.5]) func discreteLaplaceHasItsDistribution(
        scale: Double
    ) throws {
        var source = SeededNoise(seed: 52)
        let sample = try DiscreteLaplace(scale: scale).draw(count: 500_000, from: &source)
        let reference = ReferenceDistribution.discreteLaplace(scale: scale)
        let verdict = try SampleVerdict(sample, against: reference)
        #expect(verdict.isMeanRight && verdict.isVarianceRight && verdict.isShapeRight, "\(verdict)")
        #expect(abs(try DiscreteLaplace(scale: scale).variance / reference.variance - 1) < 1e-9)
    }

    // The proof of `DiscreteLaplace.event`, in numbers: δ(ε) of randomised response at a never exceeds δ(ε)
    // of the stated Laplace.
    @Test(arguments: [0.01, 0.5, 1, 4, 30]) func laplaceEventDominates(loss: Double) throws {
        let mechanism = try DiscreteLaplace(scale: 64)
        let event = mechanism.event(for: .init(l2: loss * 64, l1: loss * 64))
        guard case .laplace(let ratio) = event else { throw CocoaError(.featureUnsupported) }
        for step in 0..<50 {
            let epsilon = loss * Double(step) / 50
            let response = (exp(loss) - exp(epsilon)) / (1 + exp(loss))
            #expect(1 - exp((epsilon - 1 / ratio) / 2) >= response - 1e-14)
        }
    }
}
