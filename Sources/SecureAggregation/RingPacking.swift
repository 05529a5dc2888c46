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

    /// Whether `bytes` are a wire form of `count` coordinates: of their length, the unused bits of the last byte zero.
    package static func isPacked(_ bytes: UnsafeRawBufferPointer, count: Int, bits: Int) -> Bool {
        guard isValid(bits: bits), count >= 0, count <= Int.max / 64,
            bytes.count == packedByteCount(count: count, bits: bits)
        else { return false }
        let used = (count * bits) % 8
        return used == 0 || bytes.last.map { $0 >> UInt8(used) == 0 } == true
    }

    /// Adds a vector in its wire form, which is read in place. False, and nothing is added, when it is not one of this
    /// ring and length.
    package mutating func add(packed bytes: UnsafeRawBufferPointer) -> Bool {
        let bits = bits
        guard Self.isPacked(bytes, count: count, bits: bits) else { return false }
        if bits == 64 {
            withWideWords { words in
                for index in words.indices {
                    words[index] &+= UInt64(
                        littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
                }
            }
        } else {
            withNarrowWords { words in
                Self.forEachWord(bytes, count: words.count, bits: bits) { words[$0] &+= $1 }
            }
        }
        return true
    }

    /// The squared norm of a vector in its wire form, coordinates taken as their representatives nearest zero; nil
    /// when `bytes` are no wire form, or the norm is above `bound`.
    package static func squaredNorm(
        packed bytes: UnsafeRawBufferPointer, count: Int, bits: Int, within bound: UInt64
    ) -> UInt64? {
        guard isPacked(bytes, count: count, bits: bits) else { return nil }
        var sum: UInt64 = 0
        var isWithin = true
        func add(_ value: UInt64) {
            let (square, overflow) = value.multipliedReportingOverflow(by: value)
            let (total, carry) = sum.addingReportingOverflow(square)
            if overflow || carry || total > bound { isWithin = false } else { sum = total }
        }
        if bits == 64 {
            for index in 0..<count where isWithin {
                let word = Int64(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: Int64.self))
                add(word.magnitude)
            }
        } else {
            let shift = UInt32(32 - bits)
            forEachWord(bytes, count: count, bits: bits) { _, word in
                if isWithin { add(UInt64((Int32(bitPattern: word << shift) >> Int32(shift)).magnitude)) }
            }
        }
        return isWithin ? sum : nil
    }

    private static func mask(bits: Int) -> UInt32 { bits == 32 ? .max : (UInt32(1) << UInt32(bits)) - 1 }

    /// Calls `body` with each coordinate of a narrow ring in its wire form, whose length was checked.
    @inline(__always)
    private static func forEachWord(
        _ bytes: UnsafeRawBufferPointer, count: Int, bits: Int, _ body: (Int, UInt32) -> Void
    ) {
        let mask = UInt64(mask(bits: bits))
        // A coordinate of at most 32 bits and its offset within a byte fit one load of eight bytes, except at the end.
        let whole = max(0, min(count, (bytes.count - 8) * 8 / bits))
        for index in 0..<whole {
            let bit = index * bits
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: bit >> 3, as: UInt64.self))
            body(index, UInt32(truncatingIfNeeded: (word >> UInt64(bit & 7)) & mask))
        }
        for index in whole..<count {
            let bit = index * bits
            var word: UInt64 = 0
            for (place, byte) in bytes[(bit >> 3)...].prefix(8).enumerated() {
                word |= UInt64(byte) << UInt64(place * 8)
            }
            body(index, UInt32(truncatingIfNeeded: (word >> UInt64(bit & 7)) & mask))
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
