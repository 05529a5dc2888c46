internal import Compute
internal import Learning
package import Privacy

/// Per-example privacy inside one silo: secret Poisson batches and integer noise on a fixed grid (DP-SGD, Abadi et
/// al. 2016), whatever protects the silo's update on top.
package final class ExamplePrivatizer<Source: NoiseSource>: GradientPrivatizer {
    private let plan: ExamplePlan
    private var source: Source
    private var words: [UInt32] = []

    /// A privatizer for one training of one client; `source` gives batches and noise.
    package init(_ plan: ExamplePlan, source: Source) {
        self.plan = plan
        self.source = source
    }

    /// Each position joins on its own with the accounted probability, or up to 2^-32 less, which only adds privacy.
    package func nextBatch(of count: Int, into positions: UnsafeMutableBufferPointer<Int32>) throws -> Int {
        let probability = plan.probability
        var chosen = 0
        if probability >= 1 {
            for position in 0..<count { positions[position] = Int32(position) }
            return count
        }
        let threshold = UInt32(probability * 0x1p32)
        if words.count != count { words = [UInt32](repeating: 0, count: count) }
        try words.withUnsafeMutableBytes { try source.fill($0) }
        for position in 0..<count where words[position] < threshold {
            positions[chosen] = Int32(position)
            chosen += 1
        }
        return chosen
    }

    package func secretSeed() throws -> UInt64 {
        var seed: UInt64 = 0
        try withUnsafeMutableBytes(of: &seed) { try source.fill($0) }
        return seed
    }

    /// Rounds the sum onto the grid and adds the noise there, so that no floating-point digit tells anything.
    package func privatize(sum: UnsafeMutableBufferPointer<Float>) throws {
        precondition(sum.count == plan.dimension, "a gradient of another layout")
        try plan.mechanism.draw(count: sum.count, from: &source) { [plan] start, noise in
            // A sum that is not finite becomes not a number, and training stops as diverged; others fit by far.
            Kernels.addNoise(
                to: UnsafeMutableBufferPointer(rebasing: sum[start..<(start + noise.count)]), noise,
                scale: plan.scale)
        }
    }
}
