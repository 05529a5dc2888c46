/// Reads the scalars of UTF-8 text in memory, one after the other.
///
/// Bytes that are no UTF-8 read as U+FFFD, one byte at a time, so that any memory can be read without a trap.
struct UTF8Reader {
    private let bytes: UnsafeBufferPointer<UInt8>
    /// Place of the next scalar's first byte.
    private(set) var position: Int
    private let end: Int

    /// Reads the bytes in `range`, which lies within `bytes`.
    init(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>? = nil) {
        self.bytes = bytes
        position = range?.lowerBound ?? 0
        end = range?.upperBound ?? bytes.count
        precondition(position >= 0 && end <= bytes.count, "a range outside the text")
    }

    /// The next scalar, or nil at the end.
    mutating func next() -> Unicode.Scalar? {
        guard position < end else { return nil }
        let first = bytes[position]
        if first < 0x80 {
            position += 1
            return Unicode.Scalar(first)
        }
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
        // The least number that needs so many bytes: a longer form of a smaller one is no UTF-8.
        let least: UInt32 = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000
        guard first >= 0xC2, first < 0xF5, position + length <= end else { return repaired() }
        var value = UInt32(first) & (0xFF >> UInt32(length + 1))
        for offset in 1..<length {
            let byte = bytes[position + offset]
            guard byte & 0xC0 == 0x80 else { return repaired() }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        guard value >= least, let scalar = Unicode.Scalar(value) else { return repaired() }
        position += length
        return scalar
    }

    private mutating func repaired() -> Unicode.Scalar {
        position += 1
        return "\u{FFFD}"
    }

    /// The place of the first byte that belongs to no UTF-8 text, or nil where all of it is sound.
    static func firstFault(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        var reader = UTF8Reader(bytes)
        while true {
            let start = reader.position
            guard let scalar = reader.next() else { return nil }
            // A U+FFFD that stands in the text takes three bytes.
            if scalar == "\u{FFFD}", reader.position == start + 1 { return start }
        }
    }
}
