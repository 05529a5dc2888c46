package import Cryptography
internal import Privacy

/// Draws the cohorts of a run with secure noise: for every round a keystream of its own, under a key that is
/// secret to the run.
///
/// Amplification by sampling holds only for a draw that nobody can foresee or learn later. Drawing from a kept
/// key rather than afresh lets a round that was killed be played again with the same cohort: then the noisy sum
/// that the first try stored, and the settlement that it wrote, still fit.
package struct SecretCohortGenerator: RandomNumberGenerator {
    /// Bytes of a key.
    static let keyByteCount = PseudorandomStream.keyByteCount

    private var stream: PseudorandomStream
    /// Set when the cipher failed; a draw made then must not be used.
    package private(set) var hasFailed = false

    /// The generator of one round. Throws when the library fails.
    package init(key: borrowing SecretBytes, round: Int) throws(CryptographyError) {
        let info = Array("sordino simulation cohort \(round)".utf8)
        stream = try PseudorandomStream(key: KeyDerivation.derive(from: key, info: info))
    }

    package mutating func next() -> UInt64 {
        var word: UInt64 = 0
        do {
            try withUnsafeMutableBytes(of: &word) { try stream.fill($0) }
        } catch {
            hasFailed = true
        }
        return word
    }
}

/// The noise of one node of a tree over rounds (DP-FTRL) in a run with secure noise: a keystream under a key that
/// is secret to the run, so that a later round draws the same again to take it back out.
package struct SecretNoiseSource: NoiseSource {
    private var stream: PseudorandomStream

    /// The stream of the node that `step` ends. Throws when the library fails.
    package init(key: borrowing SecretBytes, step: Int) throws(CryptographyError) {
        let info = Array("sordino simulation tree noise \(step)".utf8)
        stream = try PseudorandomStream(key: KeyDerivation.derive(from: key, info: info))
    }

    package mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws { try stream.fill(bytes) }
}
