internal import Compute
package import SecureAggregation

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
