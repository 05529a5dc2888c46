internal import Glibc

/// The continuous Gaussian rounded to the nearest integer: P(k) = Φ((k + ½) / σ) − Φ((k − ½) / σ).
///
/// Added to an integer it is the continuous Gaussian mechanism followed by rounding, which is
/// post-processing: so the tight accounting of the Gaussian applies, subsampling included. Drawn exactly
/// (`StripSampler`): a real number is drawn with as many binary digits as its acceptance and its rounding need.
package struct RoundedGaussian: PrivacyMechanism {
    /// Standard deviations that the sampler is proved for, grid units.
    package static let allowedSigma = 0x1p-10...0x1p50

    package let name = "gaussian"
    /// Standard deviation of the real number before rounding, grid units.
    package let sigma: Double
    package let variance: Double
    package let totalVariationBound = 0.0
    private let sampler: StripSampler

    /// Throws `MechanismError` when σ is not in `allowedSigma`.
    package init(sigma: Double) throws(MechanismError) {
        guard Self.allowedSigma.contains(sigma) else {
            throw .parameterOutOfRange(
                mechanism: "gaussian", parameter: "standard deviation", value: sigma,
                allowed: Self.allowedSigma)
        }
        self.sigma = sigma
        variance = Self.variance(sigma: sigma)
        sampler = StripSampler(density: GaussianDensity(sigma: sigma), support: .roundedReals)
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
        .gaussian(noiseMultiplier: sigma / sensitivity.l2)
    }

    /// Nil beyond one share: a sum of roundings is no function of the sum of the reals.
    package func event(
        for sensitivity: PrivacyEvent.IntegerSensitivity, sumOf shares: Int
    ) -> PrivacyEvent.Mechanism? {
        shares == 1 ? event(for: sensitivity) : nil
    }

    // From σ = 2 Sheppard's correction is exact to 1e-30; below, the sum of (2k−1) P(|X| ≥ k).
    private static func variance(sigma: Double) -> Double {
        guard sigma < 2 else { return sigma * sigma + 1 / 12 }
        var sum = 0.0
        for k in 1...60 {
            let tail = erfc((Double(k) - 0.5) / (sigma * 2.0.squareRoot()))
            sum += Double(2 * k - 1) * tail
        }
        return sum
    }
}
