import Foundation
import Privacy
import Testing

extension Tag {
    /// Seeded tests of samples against exact distributions.
    @Tag static var statistical: Self
}

/// A fast reproducible source (SplitMix64), for tests only.
struct SeededNoise: NoiseSource {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws {
        var copy = self
        let whole = bytes.count / 8
        for index in 0..<whole {
            bytes.storeBytes(of: copy.next(), toByteOffset: 8 * index, as: UInt64.self)
        }
        if bytes.count % 8 > 0 {
            withUnsafeBytes(of: copy.next()) {
                bytes[(8 * whole)...].copyBytes(from: $0.prefix(bytes.count % 8))
            }
        }
        self = copy
    }
}

/// A source that delivers some bytes and then fails.
struct FailingNoise: NoiseSource {
    struct Exhausted: Error {}

    var fillsLeft: Int
    private var inner = SeededNoise(seed: 5)

    init(fillsLeft: Int) { self.fillsLeft = fillsLeft }

    mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws {
        guard fillsLeft > 0 else { throw Exhausted() }
        fillsLeft -= 1
        try inner.fill(bytes)
    }
}

/// A distribution on the integers symmetric about 0, to hold samples against.
struct ReferenceDistribution {
    /// P(X = 0), P(X = 1), …; what is missing beyond the end is negligible.
    let masses: [Double]

    var variance: Double { moment(2) }
    func moment(_ order: Int) -> Double {
        2 * masses.enumerated().reduce(0) { $0 + pow(Double($1.offset), Double(order)) * $1.element }
    }

    /// exp(−k² / (2 σ²)), normalised.
    static func discreteGaussian(sigmaSquared: Double) -> ReferenceDistribution {
        normalised(until: 40 * sigmaSquared.squareRoot() + 12) { exp(-$0 * $0 / (2 * sigmaSquared)) }
    }

    /// Φ((k + ½) / σ) − Φ((k − ½) / σ).
    static func roundedGaussian(sigma: Double) -> ReferenceDistribution {
        let scale = sigma * 2.0.squareRoot()
        return normalised(until: 12 * sigma + 12) {
            $0 == 0 ? 2 * erf(0.5 / scale) : erfc(($0 - 0.5) / scale) - erfc(($0 + 0.5) / scale)
        }
    }

    /// exp(−k / scale), normalised.
    static func discreteLaplace(scale: Double) -> ReferenceDistribution {
        normalised(until: 45 * scale + 12) { exp(-$0 / scale) }
    }

    /// Skellam of the given variance, by Miller's backward recurrence of the Bessel functions.
    static func skellam(variance: Double) -> ReferenceDistribution {
        let count = Int(15 * variance.squareRoot()) + 40
        var ratios = [Double](repeating: 0, count: count)
        var ratio = 0.0
        for order in (1..<count).reversed() {
            ratio = 1 / (2 * Double(order) / variance + ratio)
            ratios[order] = ratio
        }
        var mass = 1.0
        return normalised(until: Double(count - 1)) { k in
            if k > 0 { mass *= ratios[Int(k)] }
            return mass
        }
    }

    private static func normalised(until end: Double, _ mass: (Double) -> Double) -> ReferenceDistribution {
        let masses = stride(from: 0, through: end.rounded(.up), by: 1).map(mass)
        let total = masses[0] + 2 * masses.dropFirst().reduce(0, +)
        return ReferenceDistribution(masses: masses.map { $0 / total })
    }
}

/// The verdicts of the tests on one sample. Each has a false-alarm rate of 1e-6.
struct SampleVerdict {
    /// Normal quantile of the two-sided rate 1e-6.
    static let normalLimit = 4.891638475698591

    let meanScore: Double
    let varianceScore: Double
    let chiSquare: Double
    let chiSquareLimit: Double

    var isMeanRight: Bool { abs(meanScore) < Self.normalLimit }
    var isVarianceRight: Bool { abs(varianceScore) < Self.normalLimit }
    var isShapeRight: Bool { chiSquare < chiSquareLimit }

    init(_ sample: [Int64], against reference: ReferenceDistribution) throws {
        let limit = Int64(reference.masses.count)
        var histogram = [Int](repeating: 0, count: 2 * reference.masses.count + 1)
        var sum = 0.0
        var squares = 0.0
        for value in sample {
            sum += Double(value)
            squares += Double(value) * Double(value)
            histogram[Int(max(-limit, min(limit, value)) + limit)] += 1
        }
        let count = Double(sample.count)
        let variance = reference.variance
        meanScore = sum / (count * variance).squareRoot()
        let spread = ((reference.moment(4) - variance * variance) / count).squareRoot()
        varianceScore = (squares / count - variance) / spread
        let expected = (-limit...limit).map { abs($0) == limit ? 0 : count * reference.masses[Int(abs($0))] }
        (chiSquare, chiSquareLimit) = try Self.chiSquare(
            observed: histogram.map(Double.init), expected: expected)
    }

    /// Pearson's statistic and its limit: neighbouring values are pooled to cells of at least 50 expected, and
    /// to a count of cells for which the limit is tabulated.
    static func chiSquare(observed: [Double], expected: [Double]) throws -> (statistic: Double, limit: Double)
    {
        let limits = try MechanismVectors.chiSquareCriticalValues()
        let total = expected.reduce(0, +)
        var cells = pool(observed, expected, until: 50)
        if cells.count > 101 { cells = pool(observed, expected, until: total / 80) }
        let freedom = try #require(limits.keys.filter { $0 < cells.count }.max())
        while cells.count > freedom + 1 {
            let pooled = cells.removeLast()
            let last = cells.removeLast()
            cells.append((last.observed + pooled.observed, last.expected + pooled.expected))
        }
        let statistic = cells.reduce(0) { $0 + pow($1.observed - $1.expected, 2) / $1.expected }
        return (statistic, try #require(limits[freedom]))
    }

    private static func pool(
        _ observed: [Double], _ expected: [Double], until least: Double
    ) -> [(observed: Double, expected: Double)] {
        var cells: [(observed: Double, expected: Double)] = []
        var open = (observed: 0.0, expected: 0.0)
        for (seen, due) in zip(observed, expected) {
            open.observed += seen
            open.expected += due
            if open.expected >= least {
                cells.append(open)
                open = (0, 0)
            }
        }
        if let last = cells.popLast() {
            cells.append((last.observed + open.observed, last.expected + open.expected))
        }
        return cells
    }
}
