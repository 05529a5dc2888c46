package import Cryptography
package import Privacy

/// Draws cohorts from secret bytes.
///
/// Amplification by sampling holds only for a draw that nobody can foresee or learn later.
package struct CohortGenerator<Source: NoiseSource>: RandomNumberGenerator {
    private var source: Source
    /// Set when the source failed; a draw made then must not be used.
    package private(set) var hasFailed = false

    // Only the two kinds of secret bytes below make one outside of this room.
    init(source: Source) { self.source = source }

    package mutating func next() -> UInt64 {
        var word: UInt64 = 0
        do {
            try withUnsafeMutableBytes(of: &word) { try source.fill($0) }
        } catch {
            hasFailed = true
        }
        return word
    }
}

extension CohortGenerator<SecureNoise> {
    /// Draws afresh. Throws when the library fails.
    package init() throws { self.init(source: try SecureNoise()) }
}

extension CohortGenerator<KeyedNoise> {
    /// Draws the cohort of one round of a simulation under a key that is secret to the run: a round that was killed is
    /// played again with the same cohort, so that the noisy sum which the first try stored, and the settlement that it
    /// wrote, still fit. Throws when the library fails.
    package init(key: borrowing SecretBytes, round: Int) throws(CryptographyError) {
        self.init(source: try KeyedNoise(key: key, .simulationCohort, number: round))
    }
}
