/// Decodes a DEFLATE stream (RFC 1951) from memory into memory, in as many calls as the output takes.
struct Inflater {
    /// Bits of a code that one look into a table decides; 2,048 entries stay in the innermost cache.
    private static let literalWidth = 11
    private static let distanceWidth = 8
    /// The longest match, which may be followed by a vector that is stored whole.
    static let slack = 258 + 32
    /// Most bytes that a byte of input can become.
    static let largestRatio = 1032

    private enum State {
        case header
        /// So many bytes of a block that is not compressed are left.
        case stored(Int)
        case coded
        case done
    }

    private var state = State.header
    private var isLast = false
    private var literals = PrefixCode(width: literalWidth)
    private var distances = PrefixCode(width: distanceWidth)
    private var reader: BitReader
    /// Where the output of this stream begins: no match reaches before it.
    private let origin: Int

    /// A stream that begins at `position` of `input` and is written from `origin` of the output on. `input` must outlive it.
    init(_ input: UnsafeBufferPointer<UInt8>, at position: Int, origin: Int) {
        reader = BitReader(input, at: position)
        self.origin = origin
    }

    /// The first byte behind what was read; at the end of the stream, the one behind it.
    var position: Int { reader.position }

    /// Decodes into `output` from `filled` on until the stream ends, and returns true, or until fewer than ``slack`` bytes
    /// are free, and returns false: the next call brings a larger output that begins with the same bytes.
    mutating func decode(
        into output: UnsafeMutableBufferPointer<UInt8>, filled: inout Int
    ) throws(DamagedStream) -> Bool {
        while true {
            switch state {
            case .header: try readHeader()
            case .stored(let left):
                let count = min(left, output.count - filled)
                try reader.copyBytes(count, to: output, at: filled)
                filled += count
                if count < left {
                    state = .stored(left - count)
                    return false
                }
                state = isLast ? .done : .header
            case .coded:
                guard try decodeBlock(output, &filled) else { return false }
                state = isLast ? .done : .header
            case .done:
                reader.alignToByte()
                return true
            }
        }
    }

    private mutating func readHeader() throws(DamagedStream) {
        isLast = try reader.take(1) == 1
        switch try reader.take(2) {
        case 0:
            reader.alignToByte()
            let (length, complement) = (try reader.take(16), try reader.take(16))
            guard length == ~complement & 0xFFFF else {
                throw DamagedStream("a length without its complement")
            }
            state = .stored(length)
        case 1:
            let lengths: [UInt8] = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
            try literals.assign(lengths: lengths[...], meanings: PrefixCode.literalMeanings)
            try distances.assign(
                lengths: Array(repeating: 5, count: 32)[...], meanings: PrefixCode.distanceMeanings)
            state = .coded
        case 2:
            try readCodes()
            state = .coded
        default: throw DamagedStream("a block of no known type")
        }
    }

    /// Reads the codes of a block (RFC 1951, section 3.2.7).
    private mutating func readCodes() throws(DamagedStream) {
        let (literalCount, distanceCount) = (try reader.take(5) + 257, try reader.take(5) + 1)
        guard literalCount <= 286, distanceCount <= 30 else {
            throw DamagedStream("more codes than there are")
        }
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
        var inner = [UInt8](repeating: 0, count: order.count)
        for place in order[..<(try reader.take(4) + 4)] { inner[place] = UInt8(try reader.take(3)) }
        var code = PrefixCode(width: 7)
        try code.assign(lengths: inner[...], meanings: PrefixCode.lengthMeanings)
        let total = literalCount + distanceCount
        var lengths: [UInt8] = []
        lengths.reserveCapacity(total)
        while lengths.count < total {
            let (repeated, count): (UInt8, Int)
            switch try reader.symbol(of: code) {
            case let length where length < 16: (repeated, count) = (UInt8(length), 1)
            case 16:
                guard let last = lengths.last else { throw DamagedStream("a repetition of nothing") }
                (repeated, count) = (last, try reader.take(2) + 3)
            case 17: (repeated, count) = (0, try reader.take(3) + 3)
            default: (repeated, count) = (0, try reader.take(7) + 11)
            }
            guard lengths.count + count <= total else { throw DamagedStream("more codes than it states") }
            for _ in 0..<count { lengths.append(repeated) }
        }
        guard lengths[256] > 0 else { throw DamagedStream("a block that cannot end") }
        try literals.assign(lengths: lengths[..<literalCount], meanings: PrefixCode.literalMeanings)
        try distances.assign(lengths: lengths[literalCount...], meanings: PrefixCode.distanceMeanings)
    }

    /// Decodes to the end of the block, and returns true, or until the output is nearly full.
    private mutating func decodeBlock(
        _ output: UnsafeMutableBufferPointer<UInt8>, _ filled: inout Int
    ) throws(DamagedStream) -> Bool {
        guard let base = output.baseAddress else { return false }
        let limit = output.count - Self.slack
        var (reader, place) = (self.reader, filled)
        defer { (self.reader, filled) = (reader, place) }
        let literalMask = 1 << Self.literalWidth - 1
        let distanceMask = 1 << Self.distanceWidth - 1
        return try literals.entries.withUnsafeBufferPointer { literals throws(DamagedStream) -> Bool in
            try distances.entries.withUnsafeBufferPointer { distances throws(DamagedStream) -> Bool in
                while place <= limit {
                    guard reader.hasInput else { throw DamagedStream("no end") }
                    reader.refill()
                    // A look at 56 bits: three literals of the table's width and what comes next, or a length and a
                    // distance, of 48 bits at most.
                    var entry = literals[reader.peek(literalMask)]
                    if entry & PrefixCode.literal != 0 {
                        Self.put(entry, at: base, &place, &reader)
                        entry = literals[reader.peek(literalMask)]
                        if entry & PrefixCode.literal != 0 {
                            Self.put(entry, at: base, &place, &reader)
                            entry = literals[reader.peek(literalMask)]
                            if entry & PrefixCode.literal != 0 {
                                Self.put(entry, at: base, &place, &reader)
                                continue
                            }
                        }
                        reader.refill()
                    }
                    if entry & PrefixCode.special != 0 {
                        if entry & PrefixCode.continued != 0 {
                            entry = literals[reader.enter(entry)]
                            if entry & PrefixCode.literal != 0 {
                                Self.put(entry, at: base, &place, &reader)
                                continue
                            }
                        }
                        if entry & PrefixCode.end != 0 {
                            reader.drop(entry)
                            guard reader.hasInput else { throw DamagedStream("no end") }
                            return true
                        }
                    }
                    let length = reader.value(entry)
                    var far = distances[reader.peek(distanceMask)]
                    if far & PrefixCode.continued != 0 { far = distances[reader.enter(far)] }
                    let distance = reader.value(far)
                    guard entry & 31 != 0, far & 31 != 0 else { throw DamagedStream("bits that are no code") }
                    guard distance <= place &- origin else {
                        throw DamagedStream("a reference to before its beginning")
                    }
                    Self.copy(base + place, from: distance, count: length)
                    place &+= length
                }
                return false
            }
        }
    }

    /// Writes a literal.
    @inline(__always)
    private static func put(
        _ entry: PrefixCode.Entry, at base: UnsafeMutablePointer<UInt8>, _ place: inout Int,
        _ reader: inout BitReader
    ) {
        base[place] = UInt8(truncatingIfNeeded: entry >> 16)
        place &+= 1
        reader.drop(entry)
    }

    /// Writes `count` bytes that repeat those `distance` before them; up to 15 more behind them may be written.
    @inline(__always)
    private static func copy(_ target: UnsafeMutablePointer<UInt8>, from distance: Int, count: Int) {
        let end = target + count
        var place = target
        if distance >= 16 {
            repeat {
                let piece = UnsafeRawPointer(place - distance).loadUnaligned(as: SIMD16<UInt8>.self)
                UnsafeMutableRawPointer(place).storeBytes(of: piece, as: SIMD16<UInt8>.self)
                place += 16
            } while place < end
        } else if distance == 1 {
            let piece = SIMD16<UInt8>(repeating: (target - 1).pointee)
            repeat {
                UnsafeMutableRawPointer(place).storeBytes(of: piece, as: SIMD16<UInt8>.self)
                place += 16
            } while place < end
        } else {
            repeat {
                place.pointee = (place - distance).pointee
                place += 1
            } while place < end
        }
    }
}
