/// The wire form of ring vectors: `bits` bits a coordinate, little-endian, without gaps.
extension RingVector {
    /// Bytes that `count` coordinates of a ring take on the wire.
    package static func packedByteCount(count: Int, bits: Int) -> Int {
        PackedIntegers.byteCount(count: count, bits: bits)
    }

    /// Coordinates that go through memory at once where a whole vector shall not: a multiple of eight, so that every
    /// piece begins with a byte.
    package static let windowCount = 1 << 18

    /// Calls `body` with the bytes of ``packed()``, without a copy where the words lie in memory as they travel.
    package func withPackedBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        if let result = try withTravellingWords(body) { return result }
        return try packed().withUnsafeBytes(body)
    }

    /// Calls `body` with the bytes of ``packed()`` piece by piece, in order: never more than a window of
    /// `windowCount` coordinates is copied, and nothing where the words lie in memory as they travel. `windowCount`
    /// must be a multiple of eight.
    package func forEachPackedPiece(
        windowCount: Int = Self.windowCount, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        precondition(windowCount > 0 && windowCount % 8 == 0, "a window ends within a byte")
        if try withTravellingWords(body) != nil { return }
        let window = min(windowCount, count)
        let piece = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.packedByteCount(count: window, bits: bits), alignment: 64)
        defer { piece.deallocate() }
        for start in stride(from: 0, to: count, by: windowCount) {
            let written = pack(start..<min(start + windowCount, count), into: piece)
            try body(UnsafeRawBufferPointer(rebasing: piece[..<written]))
        }
    }

    /// Calls `body` with the words where they lie in memory as they travel; nil elsewhere.
    private func withTravellingWords<Result>(
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result? {
        guard 1.littleEndian == 1 else { return nil }
        switch storage {
        case .wide(let words): return try words.withUnsafeBytes(body)
        case .narrow(let words) where bits == 32: return try words.withUnsafeBytes(body)
        case .narrow: return nil
        }
    }

    /// The coordinates, packed to `bits` bits each; bit 0 of coordinate 0 is bit 0 of byte 0.
    package func packed() -> [UInt8] {
        if let bytes = withTravellingWords({ Array($0) }) { return bytes }
        let byteCount = Self.packedByteCount(count: count, bits: bits)
        return [UInt8](unsafeUninitializedCapacity: byteCount) { bytes, initialized in
            initialized = pack(0..<count, into: UnsafeMutableRawBufferPointer(bytes))
        }
    }

    /// Packs coordinates from the beginning of `bytes` on, which has room for them; returns how many bytes they take.
    private func pack(_ range: Range<Int>, into bytes: UnsafeMutableRawBufferPointer) -> Int {
        switch storage {
        case .wide(let words):
            var place = 0
            for index in range {
                bytes.storeBytes(of: words[index].littleEndian, toByteOffset: place, as: UInt64.self)
                place += 8
            }
            return place
        case .narrow(let words):
            return words.withUnsafeBufferPointer {
                PackedIntegers.pack(UnsafeBufferPointer(rebasing: $0[range]), bits: bits, into: bytes)
            }
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
        isValid(bits: bits) && PackedIntegers.isPacked(bytes, count: count, bits: bits)
    }

    /// Adds a vector of the same ring and length in its wire form, without a copy of it; false, and nothing is
    /// added, where the bytes are no such form. `consumed` is told, piece by piece, which bytes are not needed any
    /// more: those of a mapped file can leave memory then.
    package mutating func add(
        packed bytes: UnsafeRawBufferPointer, consumed: (Range<Int>) -> Void = { _ in }
    ) -> Bool {
        guard Self.isWireForm(bytes, count: count, bits: bits) else { return false }
        let (count, bits) = (count, bits)
        if bits == 64 {
            withWideWords { sum in
                Self.forEachPiece(count: count, bits: bits, consumed) { coordinates, place in
                    for index in coordinates {
                        let word = bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
                        sum[index] &+= UInt64(littleEndian: word)
                    }
                }
            }
        } else {
            withNarrowWords { sum in
                Self.forEachPiece(count: count, bits: bits, consumed) { coordinates, place in
                    Self.forEachWord(bytes, coordinates, from: place, bits: bits) { sum[$0] &+= $1 }
                }
            }
        }
        return true
    }

    /// The squared norm of a vector in its wire form, each coordinate read as the representative nearest zero; nil
    /// where it exceeds 64 bits. `bytes` must be a wire form; `consumed` is told as in ``add(packed:consumed:)``.
    package static func squaredNorm(
        packed bytes: UnsafeRawBufferPointer, count: Int, bits: Int,
        consumed: (Range<Int>) -> Void = { _ in }
    ) -> UInt64? {
        precondition(isWireForm(bytes, count: count, bits: bits), "no wire form of this ring and length")
        var (sum, overflows) = (UInt64(0), false)
        func add(_ value: Int64) {
            let (square, isLarge) = value.magnitude.multipliedReportingOverflow(by: value.magnitude)
            let (total, carries) = sum.addingReportingOverflow(square)
            overflows = overflows || isLarge || carries
            sum = total
        }
        let shift = UInt32(truncatingIfNeeded: max(0, 32 - bits))
        forEachPiece(count: count, bits: bits, consumed) { coordinates, place in
            if bits == 64 {
                for index in coordinates {
                    add(Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: Int64.self)))
                }
            } else {
                forEachWord(bytes, coordinates, from: place, bits: bits) {
                    add(Int64(Int32(bitPattern: $1 << shift) >> Int32(shift)))
                }
            }
        }
        return overflows ? nil : sum
    }

    /// Calls `body` with windows of coordinates and the places of their first bytes, and `consumed` with each
    /// window's bytes after it.
    @inline(__always)
    private static func forEachPiece(
        count: Int, bits: Int, _ consumed: (Range<Int>) -> Void, _ body: (Range<Int>, Int) -> Void
    ) {
        for start in stride(from: 0, to: count, by: windowCount) {
            let end = min(start + windowCount, count)
            let first = packedByteCount(count: start, bits: bits)
            body(start..<end, first)
            consumed(first..<packedByteCount(count: end, bits: bits))
        }
    }

    /// Calls `body` with coordinates of a narrow ring's wire form, in order, of which the first begins with the byte
    /// `place`.
    @inline(__always)
    private static func forEachWord(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, from place: Int, bits: Int,
        _ body: (Int, UInt32) -> Void
    ) {
        if bits == 32 {
            for index in range {
                body(
                    index,
                    UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
            }
            return
        }
        let mask = (UInt64(1) << UInt64(bits)) - 1
        var accumulator: UInt64 = 0
        var filled = 0
        var place = place
        for index in range {
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
