import Encoding
import Testing

@Suite struct RingVectorTests {
    private func integers(_ count: Int, _ seed: UInt64, bits: Int) -> [Int64] {
        var state = seed &+ 0x9E37_79B9_7F4A_7C15
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int64(bitPattern: state) >> Int64(65 - bits)
        }
    }

    @Test(arguments: [8, 12, 16, 20, 24, 31, 32, 64])
    func centredUndoesTheRing(bits: Int) {
        let half = bits == 64 ? Int64.max : Int64(1) << Int64(bits - 1) - 1
        let values = [0, 1, -1, half, -half - 1] + integers(100, 7, bits: bits)
        var ring = RingVector(zeros: values.count, bits: bits)
        values.withUnsafeBufferPointer { ring.add(integers: $0) }
        #expect(ring.centred() == values)
    }

    @Test(arguments: [8, 12, 17, 32, 64]) func partsAddUpToTheWhole(bits: Int) {
        let terms = integers(50, 3, bits: bits)
        var whole = RingVector(zeros: 50, bits: bits)
        var parts = whole
        terms.withUnsafeBufferPointer { terms in
            for _ in 0..<3 { whole.add(integers: terms) }
            for _ in 0..<3 {
                for start in [0, 20, 40] {
                    let part = UnsafeBufferPointer(rebasing: terms[start..<min(start + 20, 50)])
                    parts.add(integers: part, at: start)
                }
            }
        }
        #expect(parts == whole)
    }

    @Test(arguments: [8, 12, 17, 32, 64])
    func sumsIgnoreOrderAndWrap(bits: Int) {
        let terms = (0..<9).map { seed in
            var ring = RingVector(zeros: 50, bits: bits)
            integers(50, UInt64(seed), bits: bits).withUnsafeBufferPointer { ring.add(integers: $0) }
            return ring
        }
        var forward = RingVector(zeros: 50, bits: bits)
        for term in terms { forward.add(term) }
        var backward = RingVector(zeros: 50, bits: bits)
        for term in terms.reversed() { backward.add(term) }
        #expect(forward == backward)
        backward.clear()
        #expect(backward == RingVector(zeros: 50, bits: bits))
    }

    @Test(arguments: Array(8...32) + [64], [0, 1, 7, 8, 33, 1000])
    func addsAndMeasuresTheWireFormInPlace(bits: Int, count: Int) {
        let values = integers(count, 3, bits: min(bits, 20))
        var vector = RingVector(zeros: count, bits: bits)
        values.withUnsafeBufferPointer { vector.add(integers: $0) }
        var sum = RingVector(zeros: count, bits: bits)
        integers(count, 9, bits: bits).withUnsafeBufferPointer { sum.add(integers: $0) }
        var expected = sum
        expected.add(vector)
        let packed = vector.packed()
        #expect(packed.withUnsafeBytes { sum.add(packed: $0) })
        #expect(sum == expected)
        let norm = values.reduce(UInt64(0)) { $0 + $1.magnitude * $1.magnitude }
        let measured = packed.withUnsafeBytes { RingVector.squaredNorm(packed: $0, count: count, bits: bits) }
        #expect(measured == norm)
    }

    @Test(arguments: Array(8...32) + [64], [0, 1, 8, 33, 1000])
    func piecesAreTheWireForm(bits: Int, count: Int) {
        var vector = RingVector(zeros: count, bits: bits)
        integers(count, 5, bits: bits).withUnsafeBufferPointer { vector.add(integers: $0) }
        for window in [8, 40, 1000] {
            var pieces: [UInt8] = []
            vector.forEachPackedPiece(windowCount: window) { pieces += $0 }
            #expect(pieces == vector.packed())
        }
    }

    @Test(arguments: [9, 24, 32, 64]) func longVectorsAreReadPieceByPiece(bits: Int) {
        let count = RingVector.windowCount + 77
        var vector = RingVector(zeros: count, bits: bits)
        integers(count, 3, bits: min(bits, 20)).withUnsafeBufferPointer { vector.add(integers: $0) }
        let bytes = vector.packed()
        var sum = RingVector(zeros: count, bits: bits)
        var (consumed, measured): ([Range<Int>], [Range<Int>]) = ([], [])
        let (isAdded, norm) = bytes.withUnsafeBytes { bytes in
            (
                sum.add(packed: bytes) { consumed.append($0) },
                RingVector.squaredNorm(packed: bytes, count: count, bits: bits) { measured.append($0) }
            )
        }
        #expect(isAdded && sum == vector)
        #expect(norm == vector.centred().reduce(0) { $0 + UInt64($1 * $1) })
        // Every byte is told once, in order.
        #expect(consumed.count == 2 && measured == consumed)
        #expect(consumed.first?.lowerBound == 0 && consumed.last?.upperBound == bytes.count)
        #expect(consumed.first?.upperBound == consumed.last?.lowerBound)
    }

    @Test func whatIsNoWireFormIsNotAdded() {
        var sum = RingVector(zeros: 3, bits: 12)
        let bytes = RingVector(narrow: [1, 2, 3], bits: 12).packed()
        for broken in [[], Array(bytes.dropLast()), bytes + [0], bytes.dropLast() + [0x10 | bytes[4]]] {
            #expect(!broken.withUnsafeBytes { sum.add(packed: $0) })
            #expect(!broken.withUnsafeBytes { RingVector.isWireForm($0, count: 3, bits: 12) })
        }
        #expect(sum == RingVector(zeros: 3, bits: 12))
        // The most negative 64-bit word has no square of 64 bits.
        let extreme = RingVector(wide: [1 << 63]).packed()
        #expect(extreme.withUnsafeBytes { RingVector.squaredNorm(packed: $0, count: 1, bits: 64) } == nil)
    }

    @Test(arguments: Array(8...32) + [64], [0, 1, 7, 8, 33])
    func wireFormRoundTrips(bits: Int, count: Int) {
        var ring = RingVector(zeros: count, bits: bits)
        integers(count, 5, bits: bits).withUnsafeBufferPointer { ring.add(integers: $0) }
        let bytes = ring.packed()
        #expect(bytes.count == RingVector.packedByteCount(count: count, bits: bits))
        let read = bytes.withUnsafeBytes { RingVector(packed: $0, count: count, bits: bits) }
        #expect(read == ring)
    }

    @Test(arguments: Array(8...32) + [64], [0, 1, 7, 33]) func wireFormsAreSummedAndMeasured(
        bits: Int, count: Int
    ) {
        let terms = (0..<3).map { integers(count, UInt64($0), bits: bits).map { $0 / 4 } }
        var (sum, streamed) = (RingVector(zeros: count, bits: bits), RingVector(zeros: count, bits: bits))
        for term in terms {
            var vector = RingVector(zeros: count, bits: bits)
            term.withUnsafeBufferPointer { vector.add(integers: $0) }
            sum.add(vector)
            let bytes = vector.packed()
            #expect(bytes.withUnsafeBytes { streamed.add(packed: $0) })
            let before = streamed
            #expect(!(bytes + [0]).withUnsafeBytes { streamed.add(packed: $0) })
            #expect(streamed == before)
            var exact: UInt64? = 0
            for value in term {
                let (square, large) = value.magnitude.multipliedReportingOverflow(by: value.magnitude)
                let (total, carries) = (exact ?? 0).addingReportingOverflow(square)
                exact = exact == nil || large || carries ? nil : total
            }
            let found = bytes.withUnsafeBytes { RingVector.squaredNorm(packed: $0, count: count, bits: bits) }
            #expect(found == exact)
        }
        #expect(streamed == sum)
    }

    @Test func wireFormIsGolden() {
        let ring = RingVector(narrow: [0xABC, 0x123, 0xFFF], bits: 12)
        #expect(ring.packed() == [0xBC, 0x3A, 0x12, 0xFF, 0x0F])
    }

    @Test func wireFormRefusesOtherLengthsAndLooseBits() {
        let bytes = RingVector(narrow: [1, 2, 3], bits: 12).packed()
        for length in 0..<bytes.count {
            #expect(bytes[..<length].withUnsafeBytes { RingVector(packed: $0, count: 3, bits: 12) } == nil)
        }
        #expect((bytes + [0]).withUnsafeBytes { RingVector(packed: $0, count: 3, bits: 12) } == nil)
        var loose = bytes
        loose[4] |= 0x10
        #expect(loose.withUnsafeBytes { RingVector(packed: $0, count: 3, bits: 12) } == nil)
    }
}

@Suite struct FixedPointCodecTests {
    @Test func roundsToTheNearestGridPointAndBack() {
        let codec = FixedPointCodec(bits: 64, scale: 0x1p32)
        let values: [Float] = [0, 1, -1, 0.1, -3.75e-9, 12345.678]
        var integers = [Int64](repeating: 0, count: values.count)
        let ok = values.withUnsafeBufferPointer { source in
            integers.withUnsafeMutableBufferPointer { codec.encode(source, weight: 1, into: $0) }
        }
        #expect(ok)
        var ring = RingVector(zeros: values.count + 1, bits: 64)
        integers.withUnsafeBufferPointer { ring.add(integers: $0) }
        let decoded = codec.decode(ring, count: values.count, dividedBy: 1)
        for (value, back) in zip(values, decoded) {
            #expect(abs(value - back) <= 0x1p-33 + abs(value) * 0x1p-23)
        }
    }

    @Test(arguments: [8, 24, 32, 64], [1, 7, 64, 1000]) func windowsDecodeAsTheWhole(bits: Int, window: Int) {
        var state = UInt64(bits)
        let integers = (0..<1000).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int64(bitPattern: state) >> Int64(64 - bits)
        }
        var sum = RingVector(zeros: 1000, bits: bits)
        integers.withUnsafeBufferPointer { sum.add(integers: $0) }
        let codec = FixedPointCodec(bits: bits, scale: 1234.5)
        let whole = codec.decode(sum, count: 999, dividedBy: 7)
        var pieces: [Float] = []
        for start in stride(from: 0, to: 999, by: window) {
            var piece = [Float](repeating: .nan, count: min(window, 999 - start))
            piece.withUnsafeMutableBufferPointer {
                codec.decode(sum, from: start, dividedBy: 7, into: $0)
            }
            pieces += piece
        }
        #expect(pieces == whole)
    }

    @Test(arguments: [8, 12, 24, 32, 64]) func decodesTheRepresentativeNearestZero(bits: Int) {
        let integers: [Int64] = [0, 1, -1, 127, -128]
        var ring = RingVector(zeros: integers.count, bits: bits)
        integers.withUnsafeBufferPointer { ring.add(integers: $0) }
        let decoded = FixedPointCodec(bits: bits, scale: 4).decode(ring, count: 5, dividedBy: 2)
        #expect(decoded == integers.map { Float($0) / 8 })
        #expect(integers.indices.map { ring.centred(at: $0) } == integers)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity, 1e30])
    func refusesWhatTheRingCannotHold(value: Float) {
        let codec = FixedPointCodec(bits: 64, scale: 0x1p32)
        var integers: [Int64] = [0, 0]
        let ok = [Float(0), value].withUnsafeBufferPointer { source in
            integers.withUnsafeMutableBufferPointer { codec.encode(source, weight: 1, into: $0) }
        }
        #expect(!ok)
    }
}
