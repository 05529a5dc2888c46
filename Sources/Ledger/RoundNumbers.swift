/// Round numbers as ranges: those of a long run without gaps take as much room as those of a short one.
package struct RoundNumbers: Hashable, Sendable {
    /// Ascending; neither overlapping nor touching.
    package private(set) var ranges: [ClosedRange<Int>] = []
    /// How many numbers there are.
    package private(set) var count = 0

    package init() {}

    /// Reads ranges back; nil unless they are as ``ranges`` promises and all above zero.
    package init?(_ ranges: [ClosedRange<Int>]) {
        var last = -1
        for range in ranges {
            guard range.lowerBound > last + 1, range.upperBound <= Int(Int32.max) else { return nil }
            count += range.count
            last = range.upperBound
        }
        self.ranges = ranges
    }

    /// The greatest, 0 for none.
    package var last: Int { ranges.last?.upperBound ?? 0 }

    /// The greatest `count` of them that are not above `limit`; fewer where there are not so many.
    package func last(_ count: Int, through limit: Int) -> Set<Int> {
        Set(ranges.reversed().lazy.flatMap { $0.reversed() }.filter { $0 <= limit }.prefix(count))
    }

    package func contains(_ number: Int) -> Bool {
        let place = firstPlace(reaching: number)
        return place < ranges.count && ranges[place].contains(number)
    }

    /// Takes in a number; one that is there already changes nothing.
    mutating func insert(_ number: Int) {
        let place = firstPlace(reaching: number - 1)
        guard place < ranges.count, ranges[place].lowerBound <= number + 1 else {
            ranges.insert(number...number, at: place)
            count += 1
            return
        }
        let range = ranges[place]
        guard !range.contains(number) else { return }
        count += 1
        let upper = max(range.upperBound, number)
        ranges[place] = min(range.lowerBound, number)...upper
        guard place + 1 < ranges.count, ranges[place + 1].lowerBound == upper + 1 else { return }
        ranges[place] = ranges[place].lowerBound...ranges[place + 1].upperBound
        ranges.remove(at: place + 1)
    }

    /// The first range whose end is `number` or beyond it, by bisection; mostly the last one is asked for.
    private func firstPlace(reaching number: Int) -> Int {
        guard let last = ranges.last, last.upperBound >= number else { return ranges.count }
        guard last.lowerBound > number else { return ranges.count - 1 }
        var (low, high) = (0, ranges.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound >= number { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
