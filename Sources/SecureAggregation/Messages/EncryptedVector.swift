package import Cryptography
internal import Encoding

/// Step `masked`, member to server, on a lattice: the member's vector encrypted under a one-time key, and that key under the
/// masks.
package struct EncryptedVector: SecureAggregationMessage {
    /// Bits of the ring in which keys are summed.
    package let keyBits: Int
    /// Logarithm of the ciphertext's modulus.
    package let modulusBits: Int
    /// Coordinates of the vector.
    package let count: Int
    /// The masked key, `keyBits` bits a coefficient.
    let key: [UInt8]
    /// The ciphertext, `modulusBits` bits a coordinate.
    let ciphertext: [UInt8]

    /// Bytes of the fields before key and ciphertext.
    private static let headByteCount = 2 + 2 + 2 + 8

    /// Bytes of a message for vectors of so many coordinates.
    package static func byteCount(of count: Int, parameters: LatticeParameters) -> Int {
        headByteCount
            + PackedIntegers.byteCount(count: LatticeParameters.degree, bits: parameters.keyBits)
            + parameters.packedByteCount(of: count)
    }

    /// Packs masked key words below 2^keyBits and coefficients below 2^modulusBits.
    init(key: [UInt32], coefficients: UnsafeBufferPointer<UInt64>, parameters: LatticeParameters) {
        keyBits = parameters.keyBits
        modulusBits = parameters.modulusBits
        count = coefficients.count
        self.key = [UInt8](
            unsafeUninitializedCapacity: PackedIntegers.byteCount(count: key.count, bits: parameters.keyBits)
        ) { bytes, initialized in
            initialized = key.withUnsafeBufferPointer {
                PackedIntegers.pack($0, bits: parameters.keyBits, into: UnsafeMutableRawBufferPointer(bytes))
            }
        }
        ciphertext = LatticeCiphertext.packed(coefficients, bits: parameters.modulusBits)
    }

    /// The masked key's words.
    var keyWords: [UInt32] {
        var words = [UInt32](repeating: 0, count: LatticeParameters.degree)
        key.withUnsafeBytes { bytes in
            words.withUnsafeMutableBufferPointer { PackedIntegers.unpack(bytes, bits: keyBits, into: $0) }
        }
        return words
    }

    /// Reads the only form that `encoded` writes; throws `malformed` for anything else.
    package init(decoding bytes: [UInt8]) throws(SecureAggregationError) {
        var reader = try MessageReader(bytes, kind: .encryptedVector)
        keyBits = try reader.takeNumber()
        modulusBits = try reader.takeNumber()
        let places = try reader.take(8)
        let length = (0..<8).reduce(UInt64(0)) { $0 | UInt64(places[$1]) << UInt64(8 * $1) }
        guard (8...32).contains(keyBits), (9...LatticeParameters.greatestModulusBits).contains(modulusBits)
        else {
            throw reader.refuse("a key of \(keyBits) bits under a modulus of \(modulusBits)")
        }
        // No more than the bytes at hand could hold: what follows cannot overflow.
        guard length <= UInt64(8 * bytes.count) else { throw reader.refuse("it is cut off") }
        count = Int(length)
        let keyByteCount = PackedIntegers.byteCount(count: LatticeParameters.degree, bits: keyBits)
        key = try reader.take(keyByteCount)
        ciphertext = try reader.take((count * modulusBits + 7) / 8)
        try reader.finish()
        let areWhole = ciphertext.withUnsafeBytes {
            LatticeCiphertext.isPacked($0, count: count, bits: modulusBits)
        }
        guard areWhole else { throw reader.refuse("unused bits are set") }
    }

    /// The message's bytes.
    package func encoded() -> [UInt8] {
        var writer = MessageWriter(kind: .encryptedVector)
        writer.put(UInt16(keyBits))
        writer.put(UInt16(modulusBits))
        writer.put(UInt64(count))
        writer.put(key)
        writer.put(ciphertext)
        return writer.bytes
    }
}
