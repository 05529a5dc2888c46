/// The wire form of ring vectors: `bits` bits a coordinate, little-endian, without gaps.
extension RingVector {
    /// Bytes that `count` coordinates of a ring take on the wire.
    package static func packedByteCount(count: Int, bits: Int) -> Int { (count * bits + 7) / 8 }

    /// The coordinates, packed to `bits` bits each; bit 0 of coordinate 0 is bit 0 of byte 0.
    package func packed() -> [UInt8] {
        if bits == 32, 1.littleEndian == 1, case .narrow(let words) = storage {
            // The words lie in memory as they travel.
            return words.withUnsafeBytes { Array($0) }
        }
        let byteCount = Self.packedByteCount(count: count, bits: bits)
        return [UInt8](unsafeUninitializedCapacity: byteCount) { bytes, initialized in
            var place = 0
            switch storage {
            case .wide(let words):
                for word in words {
                    for shift in stride(from: UInt64(0), to: 64, by: 8) {
                        bytes[place] = UInt8(truncatingIfNeeded: word >> shift)
                        place += 1
                    }
                }
            case .narrow(let words):
                var accumulator: UInt64 = 0
                var filled = 0
                for word in words {
                    accumulator |= UInt64(word) << UInt64(filled)
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
            }
            initialized = place
        }
    }

    /// Reads the wire form. Nil when the length is not exactly that of `count` coordinates, or when the unused
    /// bits of the last byte are not zero: every vector has one wire form only.
    package init?(packed bytes: UnsafeRawBufferPointer, count: Int, bits: Int) {
        guard Self.isValid(bits: bits), count >= 0, count <= Int.max / 64,
            bytes.count == Self.packedByteCount(count: count, bits: bits)
        else { return nil }
        if bits == 64 {
            self.init(
                wide: (0..<count).map {
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self))
                })
            return
        }
        let mask = bits == 32 ? UInt64(UInt32.max) : (UInt64(1) << UInt64(bits)) - 1
        var accumulator: UInt64 = 0
        var filled = 0
        var place = 0
        let words = [UInt32](unsafeUninitializedCapacity: count) { words, initialized in
            for index in 0..<count {
                while filled < bits {
                    accumulator |= UInt64(bytes[place]) << UInt64(filled)
                    place += 1
                    filled += 8
                }
                words[index] = UInt32(truncatingIfNeeded: accumulator & mask)
                accumulator >>= UInt64(bits)
                filled -= bits
            }
            initialized = count
        }
        guard accumulator == 0 else { return nil }
        self.init(narrow: words, bits: bits)
    }
}
