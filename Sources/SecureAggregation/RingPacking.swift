/// The wire form of ring vectors: `bits` bits a coordinate, little-endian, without gaps.
extension RingVector {
    /// Bytes that `count` coordinates of a ring take on the wire.
    package static func packedByteCount(count: Int, bits: Int) -> Int { (count * bits + 7) / 8 }

    /// Calls `body` with the bytes of ``packed()``, without a copy where the words lie in memory as they travel.
    package func withPackedBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        if bits == 32, 1.littleEndian == 1, case .narrow(let words) = storage {
            return try words.withUnsafeBytes(body)
        }
        return try packed().withUnsafeBytes(body)
    }

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

    /// Reads the wire form. Nil when ``isWireForm(_:count:bits:)`` does not hold.
    package init?(packed bytes: UnsafeRawBufferPointer, count: Int, bits: Int) {
        guard Self.isWireForm(bytes, count: count, bits: bits) else { return nil }
        self.init(zeros: count, bits: bits)
        _ = add(packed: bytes)
    }

    /// Whether bytes have exactly the length of `count` coordinates, and zeros in the unused bits of the last
    /// byte: every vector has one wire form only.
    package static func isWireForm(_ bytes: UnsafeRawBufferPointer, count: Int, bits: Int) -> Bool {
        guard isValid(bits: bits), count >= 0, count <= Int.max / 64,
            bytes.count == packedByteCount(count: count, bits: bits)
        else { return false }
        let used = count * bits % 8
        return used == 0 || bytes.last.map { $0 >> UInt8(used) } == 0
    }

    /// Adds a vector of the same ring and length in its wire form, without a copy of it; false, and nothing is
    /// added, where the bytes are no such form.
    package mutating func add(packed bytes: UnsafeRawBufferPointer) -> Bool {
        guard Self.isWireForm(bytes, count: count, bits: bits) else { return false }
        if bits == 64 {
            withWideWords { sum in
                for index in sum.indices {
                    let word = bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
                    sum[index] &+= UInt64(littleEndian: word)
                }
            }
        } else {
            let (count, bits) = (count, bits)
            withNarrowWords { sum in
                Self.forEachWord(bytes, count: count, bits: bits) { sum[$0] &+= $1 }
            }
        }
        return true
    }

    /// The squared norm of a vector in its wire form, each coordinate read as the representative nearest zero; nil
    /// where it exceeds 64 bits. `bytes` must be a wire form.
    package static func squaredNorm(packed bytes: UnsafeRawBufferPointer, count: Int, bits: Int) -> UInt64? {
        precondition(isWireForm(bytes, count: count, bits: bits), "no wire form of this ring and length")
        var (sum, overflows) = (UInt64(0), false)
        func add(_ value: Int64) {
            let (square, isLarge) = value.magnitude.multipliedReportingOverflow(by: value.magnitude)
            let (total, carries) = sum.addingReportingOverflow(square)
            overflows = overflows || isLarge || carries
            sum = total
        }
        if bits == 64 {
            for index in 0..<count {
                add(Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: Int64.self)))
            }
        } else {
            let shift = UInt32(32 - bits)
            forEachWord(bytes, count: count, bits: bits) {
                add(Int64(Int32(bitPattern: $1 << shift) >> Int32(shift)))
            }
        }
        return overflows ? nil : sum
    }

    /// Calls `body` with each coordinate of a narrow ring's wire form, in order.
    @inline(__always)
    private static func forEachWord(
        _ bytes: UnsafeRawBufferPointer, count: Int, bits: Int, _ body: (Int, UInt32) -> Void
    ) {
        if bits == 32 {
            for index in 0..<count {
                body(
                    index,
                    UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
            }
            return
        }
        let mask = (UInt64(1) << UInt64(bits)) - 1
        var accumulator: UInt64 = 0
        var filled = 0
        var place = 0
        for index in 0..<count {
            while filled < bits {
                accumulator |= UInt64(bytes[place]) << UInt64(filled)
                place += 1
                filled += 8
            }
            body(index, UInt32(truncatingIfNeeded: accumulator & mask))
            accumulator >>= UInt64(bits)
            filled -= bits
        }
    }
}
