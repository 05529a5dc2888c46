/// Integers of a few bits, 32 at most, one behind the other without gaps: bit 0 of the first is bit 0 of the first byte, and
/// unused bits of the last byte are zero.
package enum PackedIntegers {
    /// Bytes that so many take.
    package static func byteCount(count: Int, bits: Int) -> Int { (count * bits + 7) / 8 }

    /// Writes words, of which the low `bits` alone are set, from the beginning of `bytes` on, which has room for them; returns how
    /// many bytes they take.
    package static func pack(
        _ words: UnsafeBufferPointer<UInt32>, bits: Int, into bytes: UnsafeMutableRawBufferPointer
    ) -> Int {
        var place = 0
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
        return place
    }

    /// Reads what ``pack(_:bits:into:)`` wrote, as many as there are words to fill, which `bytes` must hold.
    package static func unpack(
        _ bytes: UnsafeRawBufferPointer, bits: Int, into words: UnsafeMutableBufferPointer<UInt32>
    ) {
        let mask = (UInt64(1) << UInt64(bits)) - 1
        var accumulator: UInt64 = 0
        var filled = 0
        var place = 0
        for index in words.indices {
            while filled < bits {
                accumulator |= UInt64(bytes[place]) << UInt64(filled)
                place += 1
                filled += 8
            }
            words[index] = UInt32(truncatingIfNeeded: accumulator & mask)
            accumulator >>= UInt64(bits)
            filled -= bits
        }
    }

    /// Whether bytes have exactly the length of so many integers, and zeros in the unused bits of the last byte.
    package static func isPacked(_ bytes: UnsafeRawBufferPointer, count: Int, bits: Int) -> Bool {
        guard count >= 0, count <= Int.max / 64, bytes.count == byteCount(count: count, bits: bits) else {
            return false
        }
        let used = count * bits % 8
        return used == 0 || bytes.last.map { $0 >> UInt8(used) } == 0
    }
}
