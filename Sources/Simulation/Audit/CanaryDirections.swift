internal import Compute
internal import Federation
internal import Privacy

/// Random directions, one for each canary and round: signs drawn from the seed, of unit L2 norm as a whole. Anew in each round,
/// so that what canaries hide of one another does not add up.
///
/// Signs rather than normal numbers, because 32 coordinates come from one random word; projections of anything that is not a
/// handful of coordinates are as normal as those of the sphere. Where each tensor is clipped to a norm of its own, each has
/// its part of the norm, so that clipping changes no direction.
struct CanaryDirections: Sendable {
    /// Coordinates of a direction: the model's parameters.
    let count: Int
    private let seed: UInt64
    /// Runs of coordinates and how large each of their signs is.
    private let parts: [(range: Range<Int>, magnitude: Float)]

    /// Directions of so many coordinates, each sign as large as the others.
    init(count: Int, seed: UInt64) {
        (self.count, self.seed) = (count, seed)
        parts = [(0..<count, Float(1 / Double(count).squareRoot()))]
    }

    /// Directions of a plan's updates.
    init(_ plan: TaskPlan, seed: UInt64) {
        (count, self.seed) = (plan.dimension, seed)
        let layers = plan.layerClipping?.layers.map(\.coordinates) ?? [0..<plan.dimension]
        parts = layers.filter { !$0.isEmpty }.map {
            ($0, Float(1 / (Double($0.count) * Double(layers.count)).squareRoot()))
        }
    }

    /// Writes a canary's direction of a round times `scale`.
    func write(
        _ canary: Int, round: Int, scale: Double, into values: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(values.count == count, "a direction of another layout")
        var generator = SeededGenerator(seed: seed, purpose: .audit, client: canary + 1, round: round)
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: (count + 31) / 32) { signs in
            generator.fill(signs)
            for (range, magnitude) in parts {
                let size = (magnitude * Float(scale)).bitPattern
                for place in range {
                    let sign = signs[place >> 5] >> UInt32(place & 31) & 1
                    values[place] = Float(bitPattern: size ^ sign << 31)
                }
            }
        }
    }

    /// The projection of a vector on a canary's direction of a round.
    func projection(of vector: UnsafeBufferPointer<Float>, on canary: Int, round: Int) -> Double {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { direction in
            write(canary, round: round, scale: 1, into: direction)
            return Self.product(UnsafeBufferPointer(direction), vector)
        }
    }

    /// The sum of products, in eight lanes of single precision for each block and in double precision over blocks.
    static func product(_ left: UnsafeBufferPointer<Float>, _ right: UnsafeBufferPointer<Float>) -> Double {
        let count = min(left.count, right.count)
        let whole = count / 8 * 8
        var sum = 0.0
        for start in stride(from: 0, to: whole, by: 4096) {
            var lanes = SIMD8<Float>.zero
            for place in stride(from: start, to: min(start + 4096, whole), by: 8) {
                let (a, b) = (Self.lanes(left, place), Self.lanes(right, place))
                lanes += a * b
            }
            sum += Double(lanes.sum())
        }
        for place in whole..<count { sum += Double(left[place] * right[place]) }
        return sum
    }

    private static func lanes(_ values: UnsafeBufferPointer<Float>, _ place: Int) -> SIMD8<Float> {
        UnsafeRawBufferPointer(values).loadUnaligned(
            fromByteOffset: place * MemoryLayout<Float>.stride, as: SIMD8<Float>.self)
    }
}
