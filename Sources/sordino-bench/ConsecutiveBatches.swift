import Learning

/// Batches of a fixed size, one after the other, and no noise: what remains is the cost of clipping.
final class ConsecutiveBatches: GradientPrivatizer {
    func secretSeed() -> UInt64 { 1 }

    private let size: Int
    private var next = 0

    init(size: Int) { self.size = size }

    func nextBatch(of count: Int, into positions: UnsafeMutableBufferPointer<Int32>) -> Int {
        for place in 0..<size { positions[place] = Int32((next + place) % count) }
        next = (next + size) % count
        return size
    }

    func privatize(sum: UnsafeMutableBufferPointer<Float>) {}
}
