internal import Compute
internal import Configuration
internal import Datasets
internal import Federation
internal import Learning
internal import Privacy

/// Canary records in one client's private training: they are drawn into batches by the client's own privatizer, together with
/// its examples, and what they add to a batch's sum is a direction of the clipping norm's length.
final class RecordCanaries<Source: NoiseSource>: GradientPrivatizer {
    /// The sum of all noisy sums of steps, in clipping norms: what an observer has who sees every step.
    private(set) var total: [Float]
    /// Steps seen.
    private(set) var steps = 0
    private let inner: ExamplePrivatizer<Source>
    private let isIn: [Bool]
    private let directions: CanaryDirections
    private let clippingNorm: Double
    private var positions: [Int32] = []
    /// Canaries in the batch at hand.
    private var drawn: [Int] = []

    /// Canaries that are in, or not, beside the records of whoever trains with it.
    init(_ inner: ExamplePrivatizer<Source>, isIn: [Bool], directions: CanaryDirections, clippingNorm: Double)
    {
        (self.inner, self.isIn, self.directions) = (inner, isIn, directions)
        self.clippingNorm = clippingNorm
        total = [Float](repeating: 0, count: directions.count)
    }

    /// One batch of records and canaries; those canaries that are out are drawn too, and add nothing.
    func nextBatch(of count: Int, into chosen: UnsafeMutableBufferPointer<Int32>) throws -> Int {
        let all = count + isIn.count
        if positions.count != all { positions = [Int32](repeating: 0, count: all) }
        let size = try positions.withUnsafeMutableBufferPointer { try inner.nextBatch(of: all, into: $0) }
        drawn = []
        var records = 0
        for position in positions[..<size].map(Int.init) {
            if position < count {
                chosen[records] = Int32(position)
                records += 1
            } else if isIn[position - count] {
                drawn.append(position - count)
            }
        }
        return records
    }

    func secretSeed() throws -> UInt64 { try inner.secretSeed() }

    /// Adds the batch's canaries, then noise, and looks at the result.
    func privatize(sum: UnsafeMutableBufferPointer<Float>) throws {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: sum.count) { direction in
            for canary in drawn {
                directions.write(canary, round: 0, scale: clippingNorm, into: direction)
                for place in sum.indices { sum[place] += direction[place] }
            }
        }
        try inner.privatize(sum: sum)
        let unit = Float(1 / clippingNorm)
        for place in sum.indices { total[place] += sum[place] * unit }
        steps += 1
    }

    /// By canary, the projection of all that was seen on its direction.
    var scores: [Double] {
        total.withUnsafeBufferPointer { total in
            isIn.indices.map { directions.projection(of: total, on: $0, round: 0) }
        }
    }
}
