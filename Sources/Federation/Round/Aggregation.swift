internal import Compute
package import SecureAggregation

/// The running sum of a round: integers of a ring, so that neither order nor grouping matters. The individual
/// update is gone once it is added.
package struct Aggregation: Equatable, Sendable {
    package private(set) var sum: RingVector
    /// Sum of the clients' weights: of their examples, or their number where weights are uniform.
    package private(set) var weight: Int
    /// Number of updates in the sum.
    package private(set) var reports: Int

    /// The empty sum.
    package init(count: Int, bits: Int) {
        sum = RingVector(zeros: count, bits: bits)
        weight = 0
        reports = 0
    }

    /// Adds one client's encoded update of a narrow ring.
    package mutating func add(integers: UnsafeBufferPointer<Int32>, weight: Int) {
        sum.withNarrowWords { Kernels.add(to: $0, integers) }
        count(weight)
    }

    /// Adds one client's update to the ring of 64 bits, each value times `factor` rounded to the nearest
    /// integer; every product must be below 2^62.
    package mutating func add(rounding values: UnsafeBufferPointer<Float>, factor: Double, weight: Int) {
        sum.withWideWords { Kernels.addRounded(to: $0, values, factor: factor) }
        count(weight)
    }

    /// Adds one client's update to a ring of at most 32 bits, each value times `factor` rounded to the nearest
    /// integer; every product must be below 2^31 − 1. False, and nothing is added, where the squared norm of those
    /// integers is above `bound`.
    package mutating func add(
        nearest values: UnsafeBufferPointer<Float>, factor: Double, squaredNormBound bound: UInt64,
        weight: Int
    ) -> Bool {
        let isWithin = sum.withNarrowWords { sum in
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
        if isWithin { count(weight) }
        return isWithin
    }

    /// Adds one client's update in its wire form.
    package mutating func add(_ update: RingVector, weight: Int) {
        sum.add(update)
        count(weight)
    }

    /// Adds one client's update as it travels, without a copy of it; false, and nothing is added, where the bytes are
    /// no vector of this ring and length.
    package mutating func add(packed bytes: UnsafeRawBufferPointer, weight: Int) -> Bool {
        guard sum.add(packed: bytes) else { return false }
        count(weight)
        return true
    }

    /// Adds another partial sum of the same round.
    package mutating func merge(_ other: Aggregation) {
        sum.add(other.sum)
        weight += other.weight
        reports += other.reports
    }

    private mutating func count(_ weight: Int) {
        self.weight += weight
        reports += 1
    }

    /// Empties the sum, keeping its buffer.
    package mutating func clear() {
        sum.clear()
        weight = 0
        reports = 0
    }
}
