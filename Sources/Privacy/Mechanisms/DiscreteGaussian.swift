internal import Glibc

/// Discrete Gaussian noise: P(k) ∝ exp(−k² / (2 σ²)) on the integers (Canonne, Kamath, Steinke 2020).
///
/// Drawn exactly (`StripSampler`): the distribution claimed is the distribution drawn.
package struct DiscreteGaussian: PrivacyMechanism {
    /// Variance parameters that the sampler is proved for, grid units squared.
    package static let allowedSigmaSquared = 0x1p-20...0x1p100

    package let name = "discrete_gaussian"
    /// Variance parameter σ², grid units squared. The variance itself is a little smaller when σ² is below 1.
    package let sigmaSquared: Double
    package let variance: Double
    package let totalVariationBound = 0.0
    private let sampler: StripSampler

    /// Throws `MechanismError` when σ² is not in `allowedSigmaSquared`.
    package init(sigmaSquared: Double) throws(MechanismError) {
        guard Self.allowedSigmaSquared.contains(sigmaSquared) else {
            throw .parameterOutOfRange(
                mechanism: "discrete_gaussian", parameter: "sigma squared", value: sigmaSquared,
                allowed: Self.allowedSigmaSquared)
        }
        self.sigmaSquared = sigmaSquared
        variance = Self.variance(sigmaSquared: sigmaSquared)
        sampler = StripSampler(density: GaussianDensity(sigmaSquared: sigmaSquared), support: .integers)
    }

    package func draw(into noise: UnsafeMutableBufferPointer<Int64>, from source: inout some NoiseSource)
        throws
    {
        try sampler.fill(noise, from: &source)
    }

    package func draw(
        count: Int, from source: inout some NoiseSource,
        inPieces take: (_ start: Int, _ piece: UnsafeBufferPointer<Int64>) -> Void
    ) throws {
        try sampler.draw(count: count, from: &source, inPieces: take)
    }

    package func event(for sensitivity: PrivacyEvent.IntegerSensitivity) -> PrivacyEvent.Mechanism {
        .discreteGaussian(.init(sigmaSquared: sigmaSquared, sensitivity: sensitivity))
    }

    package func event(
        for sensitivity: PrivacyEvent.IntegerSensitivity, sumOf shares: Int
    ) -> PrivacyEvent.Mechanism? {
        .discreteGaussian(
            .init(
                sigmaSquared: sigmaSquared * Double(shares), sensitivity: sensitivity,
                shares: .init(clients: shares, localVariance: sigmaSquared)))
    }

    // From σ² = 4 the difference is below 1e-30 of the variance (Poisson summation).
    private static func variance(sigmaSquared: Double) -> Double {
        guard sigmaSquared < 4 else { return sigmaSquared }
        let masses = (1...100).map { exp(-Double($0 * $0) / (2 * sigmaSquared)) }
        let moment = masses.enumerated().reduce(0) {
            $0 + Double(($1.offset + 1) * ($1.offset + 1)) * $1.element
        }
        return 2 * moment / (1 + 2 * masses.reduce(0, +))
    }
}
