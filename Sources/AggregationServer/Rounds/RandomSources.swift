internal import Cryptography
internal import Federation
internal import Operations
internal import Privacy

/// Noise from the cryptographic generator. The server knows no other, and nothing can hand it one.
struct SecureNoiseSource: NoiseSource {
    private var stream: SecureRandomStream

    init() throws { stream = try SecureRandomStream() }

    mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws { try stream.fill(bytes) }
}

/// The noise of one node of a tree over rounds (DP-FTRL): a keystream under the run's key, so that a later round
/// draws the same again to take it back out.
struct TreeNoiseSource: NoiseSource {
    /// Bytes of a key.
    static let keyByteCount = PseudorandomStream.keyByteCount

    private var stream: PseudorandomStream

    init(key: borrowing SecretBytes, step: Int) throws(CryptographyError) {
        let info = Array("sordino server tree noise \(step)".utf8)
        stream = try PseudorandomStream(key: KeyDerivation.derive(from: key, info: info))
    }

    mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws { try stream.fill(bytes) }
}

/// The server's noise of a round.
struct ServerNoise: ServerNoiseSources {
    /// The key of noise in trees over rounds; nil where the plan has none.
    let treeKey: SharedSecret?

    func fresh() throws -> SecureNoiseSource { try SecureNoiseSource() }

    func keyed(step: Int) throws -> TreeNoiseSource {
        guard let treeKey else { throw Failure(.internalFault, "noise over rounds without its key") }
        return try TreeNoiseSource(key: treeKey.bytes, step: step)
    }
}

/// Cohorts are drawn from the cryptographic generator: amplification holds only for a secret draw.
struct SecureCohortGenerator: RandomNumberGenerator {
    private var stream: SecureRandomStream
    /// Set when the generator failed; a draw made then must not be used.
    private(set) var hasFailed = false

    init() throws { stream = try SecureRandomStream() }

    mutating func next() -> UInt64 {
        var word: UInt64 = 0
        do {
            try withUnsafeMutableBytes(of: &word) { try stream.fill($0) }
        } catch {
            hasFailed = true
        }
        return word
    }
}
