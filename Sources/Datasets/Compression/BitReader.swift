/// The bits of a DEFLATE stream, the lowest of each byte first. Behind the input's end come zeros, and ``hasInput`` says so.
struct BitReader {
    private let input: UnsafeBufferPointer<UInt8>
    /// The byte that is loaded next.
    private var next: Int
    /// Bits that are loaded, the next one lowest. Those above `count` are the stream's too, or zero.
    private var bits: UInt64 = 0
    private var count = 0

    /// Begins at a byte of `input`, which must outlive the reader.
    init(_ input: UnsafeBufferPointer<UInt8>, at position: Int) {
        self.input = input
        next = position
    }

    /// The first byte that nothing was taken of.
    var position: Int { next - count >> 3 }

    /// False where more bits were taken than the input has.
    var hasInput: Bool { next &- count >> 3 <= input.count }

    /// Loads to 56 bits at least.
    @inline(__always)
    mutating func refill() {
        if next &+ 8 <= input.count, let base = input.baseAddress {
            let word = UnsafeRawPointer(base + next).loadUnaligned(as: UInt64.self)
            bits |= UInt64(littleEndian: word) &<< UInt64(count)
            next &+= (63 &- count) &>> 3
            count |= 56
        } else {
            while count <= 56 {
                bits |= UInt64(next < input.count ? input[next] : 0) &<< UInt64(count)
                next &+= 1
                count &+= 8
            }
        }
    }

    /// The next bits under a mask of ones. At least so many must be loaded.
    @inline(__always)
    func peek(_ mask: Int) -> Int { Int(truncatingIfNeeded: bits) & mask }

    /// Takes the bits that an entry stands for.
    @inline(__always)
    mutating func drop(_ entry: PrefixCode.Entry) {
        let taken = Int(entry & 31)
        bits &>>= UInt64(taken)
        count &-= taken
    }

    /// Takes the bits that an entry stands for and returns its value, which the extra bits among them add to.
    @inline(__always)
    mutating func value(_ entry: PrefixCode.Entry) -> Int {
        let (taken, extra) = (UInt64(entry & 31), UInt64(entry >> 8 & 15))
        let more = (bits &>> (taken &- extra)) & (1 &<< extra &- 1)
        bits &>>= taken
        count &-= Int(taken)
        return Int(entry >> 16) &+ Int(truncatingIfNeeded: more)
    }

    /// Takes the bits that lead to a smaller table, and returns the place of what follows in it.
    @inline(__always)
    mutating func enter(_ entry: PrefixCode.Entry) -> Int {
        drop(entry)
        return Int(entry >> 16) &+ peek(1 << Int(entry >> 8 & 15) - 1)
    }

    /// Takes up to 32 bits as a number. Throws where they are not there.
    mutating func take(_ wanted: Int) throws(DamagedStream) -> Int {
        refill()
        let value = peek(1 << wanted - 1)
        bits >>= UInt64(wanted)
        count -= wanted
        guard hasInput else { throw DamagedStream("no end") }
        return value
    }

    /// Takes a symbol of a code without long codes or extra bits. Throws where the bits are none.
    mutating func symbol(of code: PrefixCode) throws(DamagedStream) -> Int {
        refill()
        let entry = code.entries[peek(1 << code.width - 1)]
        guard entry != 0 else { throw DamagedStream("bits that are no code") }
        drop(entry)
        guard hasInput else { throw DamagedStream("no end") }
        return Int(entry >> 16)
    }

    /// Leaves out what is left of a byte that was begun, and goes back to bytes that were loaded and not taken.
    mutating func alignToByte() {
        next -= count >> 3
        (bits, count) = (0, 0)
    }

    /// Copies bytes, at a byte's beginning. Throws where there are fewer.
    mutating func copyBytes(
        _ wanted: Int, to output: UnsafeMutableBufferPointer<UInt8>, at place: Int
    ) throws(DamagedStream) {
        alignToByte()
        guard wanted <= input.count - next else { throw DamagedStream("no end") }
        for index in 0..<wanted { output[place + index] = input[next + index] }
        next += wanted
    }
}
