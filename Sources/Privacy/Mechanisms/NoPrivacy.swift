/// Adds nothing. What a release with it costs is unbounded: its event has noise multiplier 0.
package struct NoPrivacy: PrivacyMechanism {
    package let name = "none"
    package let variance = 0.0
    package let totalVariationBound = 0.0

    package init() {}

    /// Fills with zeros, and asks nothing of the source.
    package func draw(into noise: UnsafeMutableBufferPointer<Int64>, from source: inout some NoiseSource)
        throws
    {
        noise.update(repeating: 0)
    }

    /// Hands over nothing: zeros change no sum.
    package func draw(
        count: Int, from source: inout some NoiseSource,
        inPieces take: (_ start: Int, _ piece: UnsafeBufferPointer<Int64>) -> Void
    ) throws {}

    package func event(for sensitivity: PrivacyEvent.IntegerSensitivity) -> PrivacyEvent.Mechanism {
        .gaussian(noiseMultiplier: 0)
    }

    package func event(
        for sensitivity: PrivacyEvent.IntegerSensitivity, sumOf shares: Int
    ) -> PrivacyEvent.Mechanism? {
        event(for: sensitivity)
    }
}
