/// A running sum of ciphertexts, and its opening with the sum of their keys.
package struct LatticeSum: Sendable {
    /// The sizes of the ciphertexts.
    package let parameters: LatticeParameters
    /// Coefficients modulo 2^64, of which the low k bits count: sums need no reduction, for 2^k divides 2^64.
    private var coefficients: [UInt64]
    /// Ciphertexts in the sum.
    private var members = 0

    /// The sum of none, for vectors of `count` words.
    package init(count: Int, parameters: LatticeParameters) {
        self.parameters = parameters
        coefficients = [UInt64](repeating: 0, count: count)
    }

    /// Adds a ciphertext of as many coefficients.
    package mutating func add(_ ciphertext: UnsafeBufferPointer<UInt64>) {
        precondition(ciphertext.count == coefficients.count, "ciphertexts of different lengths")
        coefficients.withUnsafeMutableBufferPointer { sum in
            for place in 0..<sum.count { sum[place] &+= ciphertext[place] }
        }
        members += 1
    }

    /// Adds a ciphertext in its wire form, ``LatticeParameters/packedByteCount(of:)`` bytes with zeros in the unused bits of the
    /// last; false, and nothing is added, for other bytes.
    package mutating func add(packed bytes: UnsafeRawBufferPointer) -> Bool {
        guard LatticeCiphertext.isPacked(bytes, count: coefficients.count, bits: parameters.modulusBits)
        else {
            return false
        }
        let bits = parameters.modulusBits
        coefficients.withUnsafeMutableBufferPointer { sum in
            LatticeCiphertext.forEachWord(bytes, count: sum.count, bits: bits) { sum[$0] &+= $1 }
        }
        members += 1
        return true
    }

    /// What opening found.
    package struct Opened: Sendable {
        /// The sum of the words modulo 2^valueBits.
        package let words: [UInt32]
        /// The greatest magnitude of a coefficient of the summed error; below 2^(k - b - 1) the words are exact.
        package let greatestError: UInt64
    }

    /// Opens the sum with the sum of the keys, word by word modulo 2^keyBits, and the seed that all encrypted under.
    ///
    /// Throws `invalidLattice` where the sum of keys is too large to be one of honest members, and where the errors are too
    /// large to be theirs: with any other key or seed they are spread over all of 2^(k - b), and the words are noise. Honest
    /// errors of so many members exceed nine deviations with probability 5e-18 a coefficient.
    package consuming func open(keySum: [UInt32], seed: [UInt8]) throws(CryptographyError) -> Opened {
        let unused = UInt32(32 - parameters.keyBits)
        let key = keySum.map { Int32(bitPattern: $0 << unused) >> Int32(unused) }
        guard key.count == LatticeParameters.degree, LatticeMultiplier.isExact(key, parameters: parameters)
        else {
            throw .invalidLattice("a sum of keys that is too large to be one")
        }
        let multiplier = try key.withUnsafeBufferPointer { (key) throws(CryptographyError) in
            try LatticeMultiplier(by: key, parameters: parameters, seed: seed)
        }
        let (degree, count) = (LatticeParameters.degree, coefficients.count)
        let (shift, mask) = (parameters.shift, UInt64(1) << UInt64(parameters.valueBits) - 1)
        let unusedBits = UInt64(64 - parameters.modulusBits)
        var words = [UInt32](repeating: 0, count: count)
        var greatest: UInt64 = 0
        for start in stride(from: 0, to: count, by: degree) {
            try multiplier.withNextProduct { (product) throws(CryptographyError) in
                for place in start..<min(start + degree, count) {
                    let value = coefficients[place] &- product[place - start]
                    let word = (value &+ 1 << (shift - 1)) >> shift & mask
                    words[place] = UInt32(truncatingIfNeeded: word)
                    let error = Int64(bitPattern: (value &- word << shift) << unusedBits) >> Int64(unusedBits)
                    greatest = max(greatest, error.magnitude)
                }
            }
        }
        let likely = 9 * LatticeNoise.deviation * Double(members).squareRoot()
        guard Double(greatest) <= likely else {
            throw .invalidLattice("a sum that this sum of keys does not open")
        }
        return Opened(words: words, greatestError: greatest)
    }
}

/// The wire form of ciphertexts: k bits a coefficient, little-endian, without gaps.
package enum LatticeCiphertext {
    /// Writes coefficients below 2^bits, 57 at most, as bytes.
    package static func packed(_ coefficients: UnsafeBufferPointer<UInt64>, bits: Int) -> [UInt8] {
        let byteCount = (coefficients.count * bits + 7) / 8
        return [UInt8](unsafeUninitializedCapacity: byteCount) { bytes, initialized in
            var (place, filled, accumulator) = (0, 0, UInt64(0))
            for coefficient in coefficients {
                accumulator |= coefficient << UInt64(filled)
                filled += bits
                while filled >= 8 {
                    bytes[place] = UInt8(truncatingIfNeeded: accumulator)
                    place += 1
                    accumulator >>= 8
                    filled -= 8
                }
            }
            if filled > 0 {
                bytes[place] = UInt8(truncatingIfNeeded: accumulator)
                place += 1
            }
            initialized = place
        }
    }

    /// Whether bytes have exactly the length of so many coefficients, and zeros in the unused bits of the last byte.
    package static func isPacked(_ bytes: UnsafeRawBufferPointer, count: Int, bits: Int) -> Bool {
        guard count >= 0, count <= Int.max / 64, bytes.count == (count * bits + 7) / 8 else { return false }
        let used = count * bits % 8
        return used == 0 || bytes.last.map { $0 >> UInt8(used) } == 0
    }

    /// Calls `body` with each coefficient of a wire form.
    @inline(__always)
    static func forEachWord(
        _ bytes: UnsafeRawBufferPointer, count: Int, bits: Int, _ body: (Int, UInt64) -> Void
    ) {
        let mask = UInt64(1) << UInt64(bits) - 1
        // Eight bytes at once as long as there are so many; a coefficient lies in seven of them and what one lacks.
        let whole = max(0, (bytes.count - 8) * 8 / bits)
        var index = 0
        while index < min(whole, count) {
            let bit = index * bits
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: bit >> 3, as: UInt64.self))
            body(index, word >> UInt64(bit & 7) & mask)
            index += 1
        }
        while index < count {
            let bit = index * bits
            var word: UInt64 = 0
            for (shift, byte) in bytes[(bit >> 3)..<min(bytes.count, bit >> 3 + 8)].enumerated() {
                word |= UInt64(byte) << UInt64(8 * shift)
            }
            body(index, word >> UInt64(bit & 7) & mask)
            index += 1
        }
    }
}
