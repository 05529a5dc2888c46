/// Writes small integers one behind the other, the first into the lowest bits of the first byte.
struct BitWriter {
    private let bytes: UnsafeMutableRawBufferPointer
    private var place = 0
    private var pending: UInt64 = 0
    private var filled = 0

    /// Writes from the beginning of bytes on, which have room for all that will be appended.
    init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

    /// Appends the low `bits` of an integer, which has no others set; at most 32.
    mutating func append(_ integer: UInt32, bits: Int) {
        pending |= UInt64(integer) << UInt64(filled)
        filled += bits
        while filled >= 8 {
            bytes[place] = UInt8(truncatingIfNeeded: pending)
            place += 1
            pending >>= 8
            filled -= 8
        }
    }

    /// Writes the last byte, its unused bits zero.
    mutating func finish() {
        if filled > 0 { bytes[place] = UInt8(truncatingIfNeeded: pending) }
    }
}

/// Reads what ``BitWriter`` wrote.
struct BitReader {
    private let bytes: UnsafeRawBufferPointer
    private var place = 0
    private var pending: UInt64 = 0
    private var filled = 0

    /// Reads from the beginning of bytes on, which hold all that will be asked for.
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next `bits`, at most 32.
    mutating func next(bits: Int) -> UInt32 {
        while filled < bits {
            pending |= UInt64(bytes[place]) << UInt64(filled)
            place += 1
            filled += 8
        }
        defer {
            pending >>= UInt64(bits)
            filled -= bits
        }
        return UInt32(truncatingIfNeeded: pending & (1 << UInt64(bits) - 1))
    }

    /// Whether nothing follows but unused bits that are zero.
    var isAtEnd: Bool { place == bytes.count && pending == 0 }
}
