internal import Glibc

/// Discrete Laplace (two-sided geometric) noise: P(k) ∝ exp(−|k| / scale) on the integers
/// (Ghosh, Roughgarden, Sundararajan 2009). Drawn exactly (`StripSampler`).
package struct DiscreteLaplace: PrivacyMechanism {
    /// Scales that the sampler is proved for, grid units.
    package static let allowedScale = 0x1p-10...0x1p45

    package let name = "discrete_laplace"
    /// Scale, grid units.
    package let scale: Double
    package let totalVariationBound = 0.0
    private let sampler: StripSampler

    package var variance: Double { 1 / (2 * pow(sinh(1 / (2 * scale)), 2)) }

    /// Throws `MechanismError` when the scale is not in `allowedScale`.
    package init(scale: Double) throws(MechanismError) {
        guard Self.allowedScale.contains(scale) else {
            throw .parameterOutOfRange(
                mechanism: "discrete_laplace", parameter: "scale", value: scale, allowed: Self.allowedScale)
        }
        self.scale = scale
        sampler = StripSampler(density: ExponentialDensity(scale: scale), support: .integers)
    }

    /// Noise of this standard deviation, grid units. Throws `MechanismError` where its scale is not in `allowedScale`.
    package init(standardDeviation: Double) throws(MechanismError) {
        try self.init(scale: 0.5 / asinh(1 / (2.0.squareRoot() * standardDeviation)))
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

    /// A Laplace event that is never cheaper than this mechanism, though at scale close to the sensitivity
    /// somewhat dearer.
    ///
    /// The discrete mechanism is not a rounding of the continuous one. It is (a, 0)-private with
    /// a = sensitivity / scale, hence dominated by randomised response at a, whose
    /// δ(ε) = (e^a − e^ε) / (1 + e^a). A Laplace of inverse scale b = 2 ln((1 + e^a) / 2) has
    /// δ(ε) = 1 − e^((ε − b)/2), larger by (1 − e^(ε/2))² / (1 + e^a) ≥ 0: it dominates randomised response.
    package func event(for sensitivity: PrivacyEvent.IntegerSensitivity) -> PrivacyEvent.Mechanism {
        let worst = sensitivity.l2 * min(Double(sensitivity.dimension).squareRoot(), sensitivity.l2)
        let loss = (sensitivity.l1 ?? worst) / scale
        // ln((1 + e^a) / 2), without overflow.
        let inverse = 2 * (loss + log1p(exp(-loss)) - log(2))
        return .laplace(scaleOverSensitivity: 1 / inverse)
    }

    /// Nil beyond one share: a sum of Laplace draws is not a Laplace draw.
    package func event(
        for sensitivity: PrivacyEvent.IntegerSensitivity, sumOf shares: Int
    ) -> PrivacyEvent.Mechanism? {
        shares == 1 ? event(for: sensitivity) : nil
    }
}
