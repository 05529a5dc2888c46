/// A prefix code of DEFLATE as a table (RFC 1951, section 3.2.2): the next bits of the stream, least significant first,
/// are the index of an entry that says what they begin with.
///
/// Codes longer than the table's width continue in a smaller table behind it.
struct PrefixCode {
    /// Longest code of the format, in bits.
    static let longest = 15

    /// What a code stands for, in 32 bits: bits 0 to 4 the bits that it takes with the extra bits behind it (0: no code
    /// begins so), bits 8 to 11 how many of them are extra, bits 16 to 30 the value. Bit 31 marks a literal, bit 15 the
    /// end of a block and bit 14 a smaller table at the value, indexed by so many bits as are extra, which it does not
    /// take.
    typealias Entry = UInt32
    static let literal: Entry = 1 << 31
    static let end: Entry = 1 << 15
    static let continued: Entry = 1 << 14
    /// Set where an entry is neither length nor distance.
    static let special: Entry = end | continued

    /// Bits that index the table.
    let width: Int
    private(set) var entries: [Entry]

    /// A code without codes, whose table will be indexed by `width` bits.
    init(width: Int) {
        self.width = width
        entries = Array(repeating: 0, count: 1 << width)
    }

    /// Takes over the code whose symbol i has the length `lengths[i]` (0: unused) and stands for `meanings[i]`, an entry
    /// without the code's own length; symbols beyond `meanings` stand for nothing. Throws where no such code can be.
    mutating func assign(lengths: ArraySlice<UInt8>, meanings: [Entry]) throws(DamagedStream) {
        var counts = [Int](repeating: 0, count: Self.longest + 1)
        for length in lengths { counts[Int(length)] += 1 }
        counts[0] = 0
        // The next code of each length; codes of one length are consecutive, after those that are shorter.
        var next = [Int](repeating: 0, count: Self.longest + 2)
        var left = 1
        for length in 1...Self.longest {
            left = left << 1 - counts[length]
            guard left >= 0 else { throw DamagedStream("codes that contradict each other") }
            next[length + 1] = (next[length] + counts[length]) << 1
        }
        // A single code may be incomplete: the format has no other way to say it.
        let used = counts.reduce(0, +)
        guard left == 0 || used == 0 || (used == 1 && counts[1] == 1) else {
            throw DamagedStream("codes that leave some bits without meaning")
        }
        entries.removeLast(entries.count - 1 << width)
        Self.fill(&entries, with: 0, from: 0, to: entries.count, by: 1)
        let long = place(lengths: lengths, meanings: meanings, next: next)
        placeLong(long, meanings: meanings)
    }

    private struct LongCode {
        let symbol: Int
        /// Bits as they come in the stream, the first lowest.
        let bits: Int
        let length: Int
    }

    /// Enters the codes that fit the table, and returns the others, the longest last.
    private mutating func place(lengths: ArraySlice<UInt8>, meanings: [Entry], next: [Int]) -> [LongCode] {
        var next = next
        var long: [LongCode] = []
        for (symbol, length) in lengths.enumerated() where length > 0 {
            let length = Int(length)
            let bits = Self.reversed(next[length], count: length)
            next[length] += 1
            guard length <= width else {
                long.append(LongCode(symbol: symbol, bits: bits, length: length))
                continue
            }
            let entry = Self.entry(symbol, meanings, length: length)
            Self.fill(&entries, with: entry, from: bits, to: 1 << width, by: 1 << length)
        }
        return long.sorted { ($0.length, $0.symbol) < ($1.length, $1.symbol) }
    }

    private mutating func placeLong(_ codes: [LongCode], meanings: [Entry]) {
        guard !codes.isEmpty else { return }
        let mask = 1 << width - 1
        // The longest code with the same first bits decides how large their table is.
        var widths: [Int: Int] = [:]
        for code in codes { widths[code.bits & mask] = code.length - width }
        var starts: [Int: Int] = [:]
        for code in codes {
            let prefix = code.bits & mask
            let inner = widths[prefix] ?? 0
            let start =
                starts[prefix]
                ?? {
                    let start = entries.count
                    entries.append(contentsOf: repeatElement(0, count: 1 << inner))
                    entries[prefix] =
                        Self.continued | Entry(start) << 16 | Entry(inner) << 8 | Entry(width)
                    return start
                }()
            starts[prefix] = start
            let entry = Self.entry(code.symbol, meanings, length: code.length - width)
            Self.fill(
                &entries, with: entry, from: start + code.bits >> width, to: start + 1 << inner,
                by: 1 << (code.length - width))
        }
    }

    /// Enters `entry` at every `step`th place; a table is filled for each block of a stream.
    private static func fill(
        _ entries: inout [Entry], with entry: Entry, from start: Int, to end: Int, by step: Int
    ) {
        precondition(end <= entries.count, "a code beyond its table")
        entries.withUnsafeMutableBufferPointer { table in
            var index = start
            while index < end {
                table[index] = entry
                index += step
            }
        }
    }

    private static func entry(_ symbol: Int, _ meanings: [Entry], length: Int) -> Entry {
        symbol < meanings.count ? meanings[symbol] + Entry(length) : 0
    }

    private static func reversed(_ code: Int, count: Int) -> Int {
        var (code, result) = (code, 0)
        for _ in 0..<count {
            result = result << 1 | code & 1
            code >>= 1
        }
        return result
    }
}

/// Why a compressed stream cannot be read: what it holds, without the file, which the caller knows.
struct DamagedStream: Error {
    let problem: String

    init(_ problem: String) { self.problem = problem }
}

extension PrefixCode {
    /// What the symbols of literals and lengths stand for (RFC 1951, section 3.2.5).
    static let literalMeanings: [Entry] = {
        let literals = (0..<256).map { literal | Entry($0) << 16 }
        var lengths: [Entry] = []
        var base = 3
        for symbol in 0..<28 {
            let extra = symbol < 8 ? 0 : (symbol - 4) / 4
            lengths.append(ranged(base, extra: extra))
            base += 1 << extra
        }
        return literals + [end] + lengths + [ranged(258, extra: 0)]
    }()

    /// What the symbols of distances stand for (the same section).
    static let distanceMeanings: [Entry] = {
        var distances: [Entry] = []
        var base = 1
        for symbol in 0..<30 {
            let extra = symbol < 4 ? 0 : (symbol - 2) / 2
            distances.append(ranged(base, extra: extra))
            base += 1 << extra
        }
        return distances
    }()

    /// What the symbols stand for that code lengths are written with: themselves (section 3.2.7).
    static let lengthMeanings: [Entry] = (0..<19).map { Entry($0) << 16 }

    /// A value of `base` and more, so much more as the `extra` bits behind the code say.
    private static func ranged(_ base: Int, extra: Int) -> Entry {
        Entry(base) << 16 | Entry(extra) << 8 | Entry(extra)
    }
}
