/// Skellam noise: the difference of two Poisson variables of rate `variance` / 2 each
/// (Agarwal, Kairouz, Liu 2021). Sums of Skellam draws are Skellam draws, so drop-outs only scale the variance.
///
/// Drawn by `StripSampler` from its probabilities e^-v I_k(v): exactly up to variance 1024, and beyond up to
/// values further out than 12 standard deviations, which have probability below 2^-100.
package struct Skellam: PrivacyMechanism {
    /// Variances that the sampler is proved for, grid units squared.
    package static let allowedVariance = 0x1p-20...0x1p60

    package let name = "skellam"
    package let variance: Double
    package var totalVariationBound: Double { variance <= 1024 ? 0 : 0x1p-100 }
    private let sampler: StripSampler

    /// Throws `MechanismError` when the variance is not in `allowedVariance`.
    package init(variance: Double) throws(MechanismError) {
        guard Self.allowedVariance.contains(variance) else {
            throw .parameterOutOfRange(
                mechanism: "skellam", parameter: "variance", value: variance, allowed: Self.allowedVariance)
        }
        self.variance = variance
        sampler = StripSampler(density: BesselDensity(variance: variance), support: .integers)
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
        .skellam(variance: variance, sensitivity: sensitivity)
    }

    package func event(
        for sensitivity: PrivacyEvent.IntegerSensitivity, sumOf shares: Int
    ) -> PrivacyEvent.Mechanism? {
        .skellam(variance: variance * Double(shares), sensitivity: sensitivity)
    }
}
