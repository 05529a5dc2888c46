/// The byte strings of a vocabulary in the order of their tokens, found by their bytes.
///
/// Bytes and not `String`: two spellings of one accented letter are equal strings but different tokens.
struct TokenTable: Sendable {
    private var bytes: [UInt8] = []
    /// Where each token's bytes start, and where the last one's end.
    private var starts: [Int32] = [0]
    /// An open-addressed table of tokens; -1 where a place is free. At most half of the places are taken.
    private var slots: [Int32] = []

    /// Number of tokens.
    var count: Int { starts.count - 1 }

    /// The longest token's number of bytes.
    private(set) var longest = 0

    /// Takes the tokens in their order. Throws ``Repetition`` where one comes twice.
    init(_ tokens: [[UInt8]]) throws(Repetition) {
        var size = 16
        while size < 2 * tokens.count { size *= 2 }
        slots = [Int32](repeating: -1, count: size)
        for (token, text) in tokens.enumerated() {
            if let first = text.withUnsafeBufferPointer({ self.token($0) }) {
                throw Repetition(token: token, first: Int(first))
            }
            bytes += text
            starts.append(Int32(bytes.count))
            longest = max(longest, text.count)
            slots[text.withUnsafeBufferPointer { place(of: $0) }] = Int32(token)
        }
    }

    /// Two tokens with the same bytes.
    struct Repetition: Error {
        let token: Int
        let first: Int
    }

    /// The token with exactly these bytes, or nil.
    func token(_ text: UnsafeBufferPointer<UInt8>) -> Int32? {
        let token = slots[place(of: text)]
        return token < 0 ? nil : token
    }

    /// The bytes of a token, which must be one.
    func text(_ token: Int) -> ArraySlice<UInt8> { bytes[Int(starts[token])..<Int(starts[token + 1])] }

    /// A digest of all tokens in their order (FNV-1a, 64 bits), each ended by a byte that UTF-8 never has.
    var fingerprint: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func take(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for token in 0..<count {
            for byte in text(token) { take(byte) }
            take(0xFF)
        }
        return hash
    }

    /// Where the text is, or the free place where it belongs.
    private func place(of text: UnsafeBufferPointer<UInt8>) -> Int {
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: ByteHash.of(text) >> 32) & mask
        while true {
            let token = Int(slots[place])
            if token < 0 || holds(token, text) { return place }
            place = (place + 1) & mask
        }
    }

    private func holds(_ token: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        let (start, end) = (Int(starts[token]), Int(starts[token + 1]))
        guard end - start == text.count else { return false }
        return bytes.withUnsafeBufferPointer { bytes in
            for index in text.indices where bytes[start + index] != text[index] { return false }
            return true
        }
    }
}

/// A hash of bytes for tables in memory: fast, and of no use against who chooses the bytes, whose tables are bounded.
enum ByteHash {
    /// Eight bytes at a time, multiplied and folded.
    static func of(_ text: UnsafeBufferPointer<UInt8>) -> UInt64 {
        let raw = UnsafeRawBufferPointer(text)
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(raw.count)
        var index = 0
        while index + 8 <= raw.count {
            hash = (hash ^ raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 29
            index += 8
        }
        while index < raw.count {
            hash = (hash ^ UInt64(raw[index])) &* 0x100_0000_01B3
            index += 1
        }
        hash = (hash ^ (hash >> 32)) &* 0x9E37_79B9_7F4A_7C15
        return hash ^ (hash >> 29)
    }
}
