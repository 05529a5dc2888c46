package import Cryptography
internal import Privacy

/// Random bytes that can be drawn again: a keystream under a key that is secret to one run, a stream of its own for every
/// purpose and number.
package struct KeyedNoise: NoiseSource {
    /// What is drawn, and in whose run. The text goes into the derivation of the stream's key: no two are equal, and none
    /// may ever change, for what was drawn must be drawn again.
    package enum Purpose: String, Sendable {
        /// A node of a tree over rounds (DP-FTRL), by the step that ends it, on a server.
        case serverTree = "sordino server tree noise"
        /// The same in a simulation.
        case simulationTree = "sordino simulation tree noise"
        /// The cohort of a round of a simulation.
        case simulationCohort = "sordino simulation cohort"
    }

    /// Bytes of a key.
    package static let keyByteCount = PseudorandomStream.keyByteCount

    private var stream: PseudorandomStream

    /// The stream for this purpose and number under `key`. Throws when the library fails.
    package init(key: borrowing SecretBytes, _ purpose: Purpose, number: Int) throws(CryptographyError) {
        let info = Array("\(purpose.rawValue) \(number)".utf8)
        stream = try PseudorandomStream(key: KeyDerivation.derive(from: key, info: info))
    }

    package mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws { try stream.fill(bytes) }
}
