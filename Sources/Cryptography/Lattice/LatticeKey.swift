/// A one-time key of the lattice encryption: a polynomial with discrete Gaussian coefficients, fresh for one vector of one
/// member in one round. Two vectors under one key would show their difference.
package struct LatticeKey: ~Copyable {
    /// The sizes that it was drawn for.
    package let parameters: LatticeParameters
    /// n coefficients as 32-bit integers.
    private let coefficients: SecretBytes
    private var isSpent = false
    private var stream: SecureRandomStream

    /// Draws a key, or throws when the system gives no randomness.
    package init(_ parameters: LatticeParameters) throws(CryptographyError) {
        self.parameters = parameters
        var stream = try SecureRandomStream()
        let room = LatticeRoom()
        try LatticeNoise.fill(room.values, words: room.words, from: &stream)
        coefficients = SecretBytes(count: 4 * LatticeParameters.degree) { bytes in
            let target = bytes.bindMemory(to: Int32.self)
            for place in target.indices {
                target[place] = Int32(truncatingIfNeeded: Int64(bitPattern: room.values[place]))
            }
        }
        self.stream = stream
    }

    /// The key's n coefficients modulo 2^keyBits, to be summed under masks.
    package func write(to words: UnsafeMutableBufferPointer<UInt32>) {
        precondition(words.count == LatticeParameters.degree, "a key has n coefficients")
        let mask = UInt32.max >> UInt32(32 - parameters.keyBits)
        coefficients.withUnsafeBytes { bytes in
            for place in words.indices {
                words[place] = bytes.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self) & mask
            }
        }
    }

    /// Encrypts words below 2^valueBits under the round's public polynomials, which follow from the 32 bytes `seed` that no
    /// party chose alone, into as many coefficients below 2^modulusBits. Throws `spentKey` for a second vector.
    package mutating func encrypt(
        _ words: UnsafeBufferPointer<UInt32>, seed: [UInt8],
        into ciphertext: UnsafeMutableBufferPointer<UInt64>
    ) throws(CryptographyError) {
        guard !isSpent else { throw .spentKey }
        isSpent = true
        precondition(words.count == ciphertext.count, "a coefficient for each word")
        let (degree, mask, shift) = (LatticeParameters.degree, parameters.modulusMask, parameters.shift)
        let room = LatticeRoom()
        let multiplier = try coefficients.withUnsafeBytes { (bytes) throws(CryptographyError) in
            try LatticeMultiplier(
                by: bytes.assumingMemoryBound(to: Int32.self), parameters: parameters, seed: seed)
        }
        for start in stride(from: 0, to: words.count, by: degree) {
            let count = min(degree, words.count - start)
            let errors = UnsafeMutableBufferPointer(rebasing: room.values[..<count])
            try LatticeNoise.fill(errors, words: room.words, from: &stream)
            try multiplier.withNextProduct { product in
                for place in 0..<count {
                    let word = UInt64(words[start + place]) << shift
                    ciphertext[start + place] = (product[place] &+ errors[place] &+ word) & mask
                }
            }
        }
    }
}

/// Memory for one polynomial of noise and the random words that it is drawn from; cleansed at the end.
struct LatticeRoom: ~Copyable {
    /// n values.
    let values: UnsafeMutableBufferPointer<UInt64>
    /// n words.
    let words: UnsafeMutableBufferPointer<UInt64>

    /// Memory of zeros.
    init() {
        values = .allocate(capacity: LatticeParameters.degree)
        values.initialize(repeating: 0)
        words = .allocate(capacity: LatticeParameters.degree)
        words.initialize(repeating: 0)
    }

    deinit {
        for buffer in [values, words] {
            SecretMemory.cleanse(UnsafeMutableRawBufferPointer(buffer))
            buffer.deallocate()
        }
    }
}
