internal import Cryptography
internal import Privacy

/// Noise from the cryptographic generator, the only fresh source that deployed programs have: it is made where it is used,
/// and nothing hands them another. Throws, and then nothing is released, when the generator cannot deliver.
package struct SecureNoise: NoiseSource {
    private var stream: SecureRandomStream

    /// A stream of its own, keyed by the operating system's randomness.
    package init() throws { stream = try SecureRandomStream() }

    package mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws { try stream.fill(bytes) }
}
