internal import Compute

/// The compare-exchanges that sort any values whose every ``OrderKernels/orderGroup`` are in order: merges of odd and even places
/// (Batcher 1968; Knuth, The Art of Computer Programming 3, section 5.3.4).
enum SortingNetwork {
    /// Pairs of places, the lesser value going to the first of each. With `kept` the values of the places below it, in it and
    /// above it are right, and in no order among themselves: fewer exchanges do for that.
    static func pairs(count: Int, kept: Range<Int>? = nil) -> [UInt32] {
        var pairs: [(Int, Int)] = []
        var run = OrderKernels.orderGroup
        while run < count {
            var step = run
            while step > 0 {
                for start in stride(from: step % run, to: max(0, count - step), by: 2 * step) {
                    for first in start..<min(start + step, count - step)
                    where first / (2 * run) == (first + step) / (2 * run) {
                        pairs.append((first, first + step))
                    }
                }
                step /= 2
            }
            run *= 2
        }
        if let kept { pairs = needed(of: pairs, count: count, kept: kept) }
        return pairs.flatMap { [UInt32($0.0), UInt32($0.1)] }
    }

    /// From the last exchange backwards: one between two places of the same side, neither of which is touched after, changes
    /// nothing that counts.
    private static func needed(of pairs: [(Int, Int)], count: Int, kept: Range<Int>) -> [(Int, Int)] {
        var sides: [Int?] = (0..<count).map { $0 < kept.lowerBound ? 0 : $0 < kept.upperBound ? 1 : 2 }
        var needed: [(Int, Int)] = []
        for (first, second) in pairs.reversed() {
            if let side = sides[first], side == sides[second] { continue }
            needed.append((first, second))
            (sides[first], sides[second]) = (nil, nil)
        }
        return needed.reversed()
    }
}
