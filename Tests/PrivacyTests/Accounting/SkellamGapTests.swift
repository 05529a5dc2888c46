import Foundation
import Testing

@testable import Privacy

/// One coordinate's two laws, computed from their definitions: Skellam's, and the Gaussian's rounded to integers.
private struct ExactLaws {
    /// log (Skellam / Gaussian) of 0, 1, 2, ….
    private(set) var logRatios: [Double] = []
    /// Skellam's probabilities of 0, 1, 2, ….
    private(set) var skellam: [Double] = []

    init(variance: Double, deviations: Double) {
        let deviation = variance.squareRoot()
        let reach = Int(deviations * deviation)
        let noise = IntegerNoiseLoss.skellam(variance: variance, shift: 1, logOmitted: -80)
        let middle = (noise.masses.count - 2) / 2
        for k in 0...reach {
            let mass = noise.masses[middle + k]
            let cell =
                NormalDistribution.upperTail((Double(k) - 0.5) / deviation)
                - NormalDistribution.upperTail((Double(k) + 0.5) / deviation)
            skellam.append(mass)
            logRatios.append(log(mass / cell))
        }
    }

    /// Hockey-stick divergence of N coordinates, `E_P[(1 - e^(η - Σh))₊]`, the least δ' for this η: the law of the sum from
    /// the N-th power of one coordinate's characteristic function, within 30 standard deviations of its mean.
    func divergence(coordinates: Double, logRatio: Double) -> Double {
        func mean(_ value: (Double) -> Double) -> Double {
            logRatios.indices.reduce(0) { sum, k in
                sum + (k == 0 ? skellam[k] : 2 * skellam[k]) * value(logRatios[k])
            }
        }
        let center = mean { $0 }
        let deviation = (coordinates * mean { ($0 - center) * ($0 - center) }).squareRoot()
        let period = 60 * deviation
        let powers = (1...400).map { index in
            let frequency = 2 * Double.pi * Double(index) / period
            let (real, imaginary) = (
                mean { cos(frequency * ($0 - center)) }, mean { sin(frequency * ($0 - center)) }
            )
            let size = exp(0.5 * coordinates * log(real * real + imaginary * imaginary))
            return (frequency, size, coordinates * atan2(imaginary, real))
        }
        func density(_ x: Double) -> Double {
            powers.reduce(1) { $0 + 2 * $1.1 * cos($1.2 - $1.0 * (x - coordinates * center)) } / period
        }
        let points = 2000
        let width = (coordinates * center + 0.5 * period - logRatio) / Double(points)
        return (0..<points).reduce(0.0) { sum, index in
            let excess = (Double(index) + 0.5) * width
            return sum - width * density(logRatio + excess) * expm1(-excess)
        }
    }
}

@Suite("Skellam noise in many dimensions as Gaussian noise") struct SkellamGapTests {
    private static func event(
        _ multiplier: Double, _ l2: Double, dimension: Int, steps: Int,
        sampling: PrivacyEvent.Sampling = .none, adjacency: Adjacency = .addOrRemoveOne
    ) -> PrivacyEvent {
        PrivacyEvent(
            mechanism: .skellam(
                variance: multiplier * multiplier * l2 * l2, sensitivity: .init(l2: l2, dimension: dimension)),
            sampling: sampling, adjacency: adjacency, steps: steps)
    }

    private static func gaussian(_ event: PrivacyEvent) -> PrivacyEvent {
        guard case .skellam(let variance, let sensitivity) = event.mechanism else { return event }
        var other = event
        other.mechanism = .gaussian(noiseMultiplier: variance.squareRoot() / sensitivity.l2)
        return other
    }

    private static func gap(_ event: PrivacyEvent) throws -> SkellamGap {
        try #require(try SkellamGap.split([event], accountant: "pld").gap)
    }

    @Test("H is above the two laws' log ratio everywhere, and close", arguments: [1024, 5000, 60_000.0])
    func heights(_ variance: Double) {
        let laws = ExactLaws(variance: variance, deviations: 9)
        var closest = 0.0
        for (k, ratio) in laws.logRatios.enumerated() {
            let u = Double(k) / variance.squareRoot()
            guard u <= 0.5 * variance.squareRoot() else { break }
            let height = SkellamGap.CellLaw.height(variance, from: u, to: u)
            // Cells are differences of doubles: their logarithms are good to some 1e-12.
            #expect(abs(ratio) <= height + 2e-12, "at \(k)")
            closest = max(closest, abs(ratio) / height)
        }
        #expect(closest > 0.9)
    }

    @Test(
        "η dominates the exact law of a product, and half of it does not",
        arguments: [(1024, 2000), (1024, 100_000), (4096, 50_000), (20_000, 1_000_000)])
    func dominates(_ variance: Double, _ coordinates: Int) throws {
        let event = PrivacyEvent(
            mechanism: .skellam(variance: variance, sensitivity: .init(l2: 1, dimension: coordinates)))
        let delta = 1e-8
        let logRatio = try Self.gap(event).logRatio(logDelta: log(delta))
        let laws = ExactLaws(variance: variance, deviations: 9)
        func exact(_ logRatio: Double) -> Double {
            laws.divergence(coordinates: Double(coordinates), logRatio: logRatio)
        }
        #expect(exact(logRatio) <= delta)
        // Few coordinates of little variance are ruled by the cut, which the exact law has no need of.
        if coordinates > 10_000 { #expect(exact(0.5 * logRatio) > delta) }
    }

    @Test("the example of the documentation: an MLP of 55,050 weights and a hundred rounds")
    func example() throws {
        let event = Self.event(1, 5e5.squareRoot(), dimension: 55_050, steps: 100)
        let logRatio = try Self.gap(event).logRatio(logDelta: -30)
        let deviation = (5_505_000.0 / 24).squareRoot() / 5e5
        #expect(logRatio > 6 * deviation && logRatio < 9 * deviation)
    }

    static let runs: [PrivacyEvent] = [
        event(8, 900, dimension: 55_050, steps: 100),
        event(2, 3000, dimension: 1_000_000, steps: 20),
        event(0.9, 1200, dimension: 55_050, steps: 100, sampling: .poisson(probability: 0.1)),
        event(
            1.4, 5000, dimension: 100_000, steps: 30, sampling: .poisson(probability: 0.02),
            adjacency: .zeroOut),
    ]

    @Test("costs a little more than the Gaussian and less than by Rényi divergences", arguments: runs)
    func littleMore(_ event: PrivacyEvent) throws {
        let delta = 1e-5
        let guarantee = try PLDAccountant([event]).guarantee(delta: delta)
        let gaussian = try PLDAccountant([Self.gaussian(event)]).guarantee(delta: delta).epsilon
        #expect(guarantee.epsilon > gaussian && guarantee.epsilon < 1.02 * gaussian)
        let renyi = try RDPAccountant([event]).guarantee(delta: delta, precision: .extended).epsilon
        #expect(guarantee.epsilon < renyi)
        let best = try PrivacyGuarantee.of([event], delta: delta)
        #expect(best == guarantee)
    }

    @Test(
        "is never below one coordinate that takes the whole distance",
        arguments: [(40, 0.5), (100, 0.45), (200, 3)])
    func neverBelowOneCoordinate(_ l2: Double, _ multiplier: Double) throws {
        for delta in [1e-3, 1e-6, 1e-10] {
            let single = try PLDAccountant([Self.event(multiplier, l2, dimension: 1, steps: 1)])
            let exact = try single.guarantee(delta: delta).epsilon
            let many = Self.event(multiplier, l2, dimension: 2, steps: 1)
            guard multiplier * l2 >= 32 else {
                #expect(throws: AccountingError.self) { try PLDAccountant([many]) }
                continue
            }
            #expect(try PLDAccountant([many]).guarantee(delta: delta).epsilon >= exact)
        }
    }

    @Test("more coordinates, less variance and a smaller δ' are further apart")
    func monotone() throws {
        func logRatio(_ variance: Double, _ dimension: Int, _ logDelta: Double) throws -> Double {
            try Self.gap(
                PrivacyEvent(
                    mechanism: .skellam(variance: variance, sensitivity: .init(l2: 1, dimension: dimension)))
            ).logRatio(logDelta: logDelta)
        }
        let base = try logRatio(1e5, 10_000, -25)
        #expect(try logRatio(1e5, 20_000, -25) > base)
        #expect(try logRatio(0.8e5, 10_000, -25) > base)
        #expect(try logRatio(1e5, 10_000, -30) > base)
        // Beyond half the variance, in standard deviations of it, nothing is claimed.
        #expect(try logRatio(1024, 1000, -400) == .infinity)
    }

    @Test("events of several variances compose, in any order, to less than each for itself")
    func groups() throws {
        let first = Self.event(6, 900, dimension: 5000, steps: 10)
        let second = Self.event(9, 1000, dimension: 5000, steps: 10)
        let beside = PrivacyEvent(mechanism: .gaussian(noiseMultiplier: 20))
        func epsilon(_ events: [PrivacyEvent]) throws -> Double {
            try PLDAccountant(events).guarantee(delta: 1e-6).epsilon
        }
        let all = try epsilon([first, second, beside])
        #expect(all == (try epsilon([beside, second, first])))
        let gaussians = try epsilon([first, second, beside].map(Self.gaussian))
        #expect(all > gaussians && all < 1.01 * gaussians)
        let twice = try epsilon([first, first, beside])
        var doubled = first
        doubled.steps *= 2
        #expect(twice == (try epsilon([doubled, beside])))
    }

    @Test("samples of a fixed size have the Gaussian's sharper bound")
    func fixedSize() throws {
        let event = Self.event(
            4, 2000, dimension: 50_000, steps: 100, sampling: .fixedSize(population: 1000, cohort: 50),
            adjacency: .replaceOne)
        #expect(throws: AccountingError.self) { try PLDAccountant([event]) }
        let best = try PrivacyGuarantee.of([event], delta: 1e-5)
        let renyi = try RDPAccountant([event]).guarantee(delta: 1e-5, precision: .extended).epsilon
        let gaussian = try PrivacyGuarantee.of([Self.gaussian(event)], delta: 1e-5).epsilon
        #expect(best.accountant == .rdp)
        #expect(best.epsilon < 0.7 * renyi && best.epsilon > gaussian && best.epsilon < 1.01 * gaussian)
    }

    @Test("calibration follows, by either accountant", arguments: [AccountantKind.pld, .best])
    func calibration(_ accountant: AccountantKind) throws {
        let event = Self.event(1, 20, dimension: 4, steps: 10)
        let result = try NoiseCalibration.calibrate(
            event, targetEpsilon: 2, delta: 1e-6, accountant: accountant)
        #expect(result.guarantee.epsilon <= 2)
        // Where less noise would do than anything is proved for, it is that.
        let least = try NoiseCalibration.calibrate(
            Self.event(1, 3, dimension: 10, steps: 1), targetEpsilon: 10, delta: 1e-6, accountant: .pld)
        #expect(abs(3 * least.noiseMultiplier - 32) < 1e-2)
        let sharp = try NoiseCalibration.calibrate(
            Self.event(1, 3000, dimension: 100_000, steps: 10), targetEpsilon: 2, delta: 1e-6,
            accountant: accountant)
        let gaussian = try NoiseCalibration.calibrate(
            PrivacyEvent(mechanism: .gaussian(noiseMultiplier: 1), steps: 10), targetEpsilon: 2, delta: 1e-6)
        #expect(sharp.noiseMultiplier > gaussian.noiseMultiplier)
        #expect(sharp.noiseMultiplier < 1.01 * gaussian.noiseMultiplier)
        #expect(sharp.guarantee.accountant == .pld)
    }
}
