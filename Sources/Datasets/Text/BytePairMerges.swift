/// The merges of a byte-pair vocabulary, and how they put a word's bytes together.
struct BytePairMerges: Sendable {
    /// Above every rank: two tokens that no merge joins.
    private static let none = Int32.max
    /// Words of up to so many bytes are searched, longer ones keep a queue.
    private static let searchedLength = 96

    /// An open-addressed table from two tokens to their merge; `none` among `ranks` where a place is free.
    private var keys: [UInt64]
    private var ranks: [Int32]
    private var results: [Int32]

    /// Makes room for `count` merges.
    init(count: Int) {
        var size = 16
        while size < 2 * count { size *= 2 }
        keys = [UInt64](repeating: 0, count: size)
        ranks = [Int32](repeating: Self.none, count: size)
        results = [Int32](repeating: 0, count: size)
    }

    /// Adds a merge, of which those with a lower rank come first; false where the two have one already.
    mutating func add(_ left: Int32, _ right: Int32, rank: Int32, result: Int32) -> Bool {
        let place = place(left, right)
        guard ranks[place] == Self.none else { return false }
        (keys[place], ranks[place], results[place]) = (Self.key(left, right), rank, result)
        return true
    }

    /// Joins tokens until no merge applies, each time the merge with the lowest rank and of equal ones the leftmost
    /// (Sennrich et al. 2016, algorithm 1). The tokens come in `symbols`, one a byte, and are appended to `tokens`.
    func join(_ symbols: inout [Int32], appendingTo tokens: inout [Int32]) {
        if symbols.count <= Self.searchedLength {
            search(&symbols)
            tokens += symbols
        } else {
            queue(symbols, appendingTo: &tokens)
        }
    }

    /// Quadratic in the word's length, which is short.
    private func search(_ symbols: inout [Int32]) {
        guard symbols.count > 1 else { return }
        var pairs = (0..<symbols.count - 1).map { rank(symbols[$0], symbols[$0 + 1]) }
        while true {
            var (lowest, found) = (Self.none, -1)
            for index in pairs.indices where pairs[index] < lowest { (lowest, found) = (pairs[index], index) }
            guard found >= 0 else { return }
            symbols[found] = results[place(symbols[found], symbols[found + 1])]
            symbols.remove(at: found + 1)
            pairs.remove(at: found)
            if found > 0 { pairs[found - 1] = rank(symbols[found - 1], symbols[found]) }
            if found < pairs.count { pairs[found] = rank(symbols[found], symbols[found + 1]) }
        }
    }

    /// n log n in the word's length, which may be that of the whole text.
    private func queue(_ symbols: [Int32], appendingTo tokens: inout [Int32]) {
        var symbols = symbols
        let count = symbols.count
        var next = (0..<count).map { Int32($0 + 1) }
        var previous = (0..<count).map { Int32($0 - 1) }
        // The rank of each symbol with the next one; what the queue says otherwise is out of date.
        var pairs = [Int32](repeating: Self.none, count: count)
        var queue = MergeQueue()
        func update(_ place: Int, _ pairs: inout [Int32], _ queue: inout MergeQueue) {
            let after = Int(next[place])
            pairs[place] = after < count ? rank(symbols[place], symbols[after]) : Self.none
            if pairs[place] != Self.none { queue.push(rank: pairs[place], place: Int32(place)) }
        }
        for place in 0..<count { update(place, &pairs, &queue) }
        while let (rank, place) = queue.pop() {
            let left = Int(place)
            guard pairs[left] == rank else { continue }
            let right = Int(next[left])
            symbols[left] = results[self.place(symbols[left], symbols[right])]
            next[left] = next[right]
            if Int(next[left]) < count { previous[Int(next[left])] = place }
            pairs[right] = Self.none
            update(left, &pairs, &queue)
            if previous[left] >= 0 { update(Int(previous[left]), &pairs, &queue) }
        }
        var place = 0
        while place < count {
            tokens.append(symbols[place])
            place = Int(next[place])
        }
    }

    private func rank(_ left: Int32, _ right: Int32) -> Int32 { ranks[place(left, right)] }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Where the two are, or the free place where they belong. Half of the places are free.
    private func place(_ left: Int32, _ right: Int32) -> Int {
        let key = Self.key(left, right)
        let mask = keys.count - 1
        var place = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
        while ranks[place] != Self.none, keys[place] != key { place = (place + 1) & mask }
        return place
    }
}

/// A binary heap of merges that may be done: the lowest rank first, of equal ones the leftmost.
private struct MergeQueue {
    /// The rank above the place.
    private var entries: [UInt64] = []

    mutating func push(rank: Int32, place: Int32) {
        let entry = UInt64(UInt32(bitPattern: rank)) << 32 | UInt64(UInt32(bitPattern: place))
        var index = entries.count
        entries.append(entry)
        while index > 0, entries[(index - 1) / 2] > entry {
            entries[index] = entries[(index - 1) / 2]
            index = (index - 1) / 2
        }
        entries[index] = entry
    }

    mutating func pop() -> (rank: Int32, place: Int32)? {
        guard let first = entries.first, let last = entries.popLast() else { return nil }
        if !entries.isEmpty {
            var index = 0
            while 2 * index + 1 < entries.count {
                var child = 2 * index + 1
                if child + 1 < entries.count, entries[child + 1] < entries[child] { child += 1 }
                guard entries[child] < last else { break }
                entries[index] = entries[child]
                index = child
            }
            entries[index] = last
        }
        return (Int32(truncatingIfNeeded: first >> 32), Int32(truncatingIfNeeded: first))
    }
}
