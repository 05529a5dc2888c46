internal import Compute

/// The running sum of a round: integers of a ring, so that neither order nor grouping matters. The individual
/// update is gone once it is added. Without updates it takes no memory.
package struct Aggregation: Sendable {
    /// Coordinates of the sum.
    private let count: Int
    /// Width of the ring.
    package let bits: Int
    /// Nil before the first update.
    private var held: RingVector?
    /// Sum of the clients' weights: of their examples, or their number where weights are uniform.
    package private(set) var weight = 0
    /// Number of updates in the sum.
    package private(set) var reports = 0

    /// The empty sum.
    package init(count: Int, bits: Int) {
        precondition(RingVector.isValid(bits: bits), "no ring of \(bits) bits")
        (self.count, self.bits) = (count, bits)
    }

    /// The sum; zeros where there are no updates.
    package var sum: RingVector { held ?? RingVector(zeros: count, bits: bits) }

    /// Adds one client's encoded update of a narrow ring.
    package mutating func add(integers: UnsafeBufferPointer<Int32>, weight: Int) {
        prepare()
        held?.withNarrowWords { Kernels.add(to: $0, integers) }
        note(weight)
    }

    /// Adds one client's update to the ring of 64 bits, each value times `factor` rounded to the nearest
    /// integer; every product must be below 2^62.
    package mutating func add(rounding values: UnsafeBufferPointer<Float>, factor: Double, weight: Int) {
        prepare()
        held?.withWideWords { Kernels.addRounded(to: $0, values, factor: factor) }
        note(weight)
    }

    /// Unclipped updates must stay within the ring of 64 bits: bound of an update's norm times its factor.
    package static let largestUnclipped = 0x1p62

    /// Whether floating-point numbers in their wire form are finite and, each times `factor`, within the ring.
    /// `consumed` is told which bytes are not needed any more, piece by piece.
    package static func fits(
        floats bytes: UnsafeRawBufferPointer, factor: Double, consumed: (Range<Int>) -> Void = { _ in }
    ) -> Bool {
        var squared = 0.0
        forEachPiece(of: bytes, consumed) { _, piece in
            squared += piece.baseAddress.map { Kernels.squareNorm($0, count: piece.count) } ?? 0
        }
        return squared.isFinite && squared.squareRoot() * factor < largestUnclipped
    }

    /// Adds one client's update as it travels without privacy: floating-point numbers for which
    /// ``fits(floats:factor:consumed:)`` holds, each times `factor` rounded to the nearest integer of the ring of 64
    /// bits, as the client would have rounded them.
    package mutating func add(
        floats bytes: UnsafeRawBufferPointer, factor: Double, weight: Int,
        consumed: (Range<Int>) -> Void = { _ in }
    ) {
        precondition(bytes.count == 4 * count, "an update of another length")
        prepare()
        held?.withWideWords { sum in
            Self.forEachPiece(of: bytes, consumed) { start, piece in
                let part = UnsafeMutableBufferPointer(rebasing: sum[start..<start + piece.count])
                Kernels.addRounded(to: part, piece, factor: factor)
            }
        }
        note(weight)
    }

    /// Numbers at a time: a mapped file need not be in memory as a whole.
    private static let pieceCount = 1 << 20

    /// Calls `body` with pieces and the places where they begin. Bytes that are not where numbers may lie are copied.
    private static func forEachPiece(
        of bytes: UnsafeRawBufferPointer, _ consumed: (Range<Int>) -> Void,
        _ body: (Int, UnsafeBufferPointer<Float>) -> Void
    ) {
        let isAligned = Int(bitPattern: bytes.baseAddress) % MemoryLayout<Float>.alignment == 0
        for start in stride(from: 0, to: bytes.count / 4, by: pieceCount) {
            let range = 4 * start..<min(4 * (start + pieceCount), bytes.count / 4 * 4)
            let piece = UnsafeRawBufferPointer(rebasing: bytes[range])
            if isAligned {
                body(start, piece.assumingMemoryBound(to: Float.self))
            } else {
                let copy = (0..<piece.count / 4).map {
                    piece.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)
                }
                copy.withUnsafeBufferPointer { body(start, $0) }
            }
            consumed(range)
        }
    }

    /// Adds one client's update to a ring of at most 32 bits, each value times `factor` rounded to the nearest
    /// integer; every product must be below 2^31 − 1. False, and nothing is added, where the squared norm of those
    /// integers is above `bound`.
    package mutating func add(
        nearest values: UnsafeBufferPointer<Float>, factor: Double, squaredNormBound bound: UInt64,
        weight: Int
    ) -> Bool {
        prepare()
        let isWithin = held?.withNarrowWords { sum in
            if Kernels.addNearest(to: sum, values, factor: factor) <= Double(bound).nextDown { return true }
            // Close to the bound, the exact norm decides.
            var added = [Int32](repeating: 0, count: values.count)
            let squared = added.withUnsafeMutableBufferPointer {
                Kernels.round(into: $0, values, factor: factor, coins: nil)
            }
            if let squared, squared <= bound { return true }
            // Taken back: the ring forgets nothing.
            for index in added.indices { sum[index] &-= UInt32(bitPattern: added[index]) }
            return false
        }
        guard isWithin == true else { return false }
        note(weight)
        return true
    }

    /// Adds one client's update in its wire form.
    package mutating func add(_ update: RingVector, weight: Int) {
        prepare()
        held?.add(update)
        note(weight)
    }

    /// Adds one client's update as it travels, without a copy of it; false, and nothing is added, where the bytes are
    /// no vector of this ring and length. `consumed` is told which bytes are not needed any more, piece by piece.
    package mutating func add(
        packed bytes: UnsafeRawBufferPointer, weight: Int, consumed: (Range<Int>) -> Void = { _ in }
    ) -> Bool {
        prepare()
        guard held?.add(packed: bytes, consumed: consumed) == true else { return false }
        note(weight)
        return true
    }

    /// Adds another partial sum of the same round.
    package mutating func merge(_ other: Aggregation) {
        if let theirs = other.held {
            prepare()
            held?.add(theirs)
        }
        weight += other.weight
        reports += other.reports
    }

    /// Takes a sum that was made elsewhere, in place of what there was.
    package mutating func adopt(_ sum: RingVector, weight: Int) {
        precondition(sum.count == count && sum.bits == bits, "a sum of another ring or length")
        release()
        held = sum
        note(weight)
    }

    private mutating func prepare() {
        if held == nil { held = RingVector(zeros: count, bits: bits) }
    }

    private mutating func note(_ weight: Int) {
        self.weight += weight
        reports += 1
    }

    /// Empties the sum, keeping its buffer.
    package mutating func clear() {
        held?.clear()
        weight = 0
        reports = 0
    }

    /// Empties the sum and gives its memory back.
    package mutating func release() { self = Aggregation(count: count, bits: bits) }
}
