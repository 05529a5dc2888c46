/// The CRC-32 of gzip (RFC 1952, section 8), 16 bytes a step.
struct Checksum {
    private var state: UInt32 = 0xFFFF_FFFF

    /// The sum of the bytes so far.
    var value: UInt32 { ~state }

    /// Table k at byte b: what b is worth with k zero bytes behind it (Kounavis and Berry 2005, "slicing").
    private static let tables: [UInt32] = {
        var tables: [UInt32] = []
        for byte: UInt32 in 0..<256 {
            var sum = byte
            for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : (sum >> 1) ^ 0xEDB8_8320 }
            tables.append(sum)
        }
        for place in 256..<4096 {
            let before = tables[place - 256]
            tables.append((before >> 8) ^ tables[Int(before & 0xFF)])
        }
        return tables
    }()

    /// Adds these bytes.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var state = state
        Self.tables.withUnsafeBufferPointer { tables in
            func look(_ table: Int, _ word: UInt32, _ shift: UInt32) -> UInt32 {
                tables[table << 8 | Int(word >> shift & 0xFF)]
            }
            // The four bytes of a word, the first of which has `after` + 3 bytes behind it.
            func sum(_ word: UInt32, _ after: Int) -> UInt32 {
                let low = look(after + 3, word, 0) ^ look(after + 2, word, 8)
                let high = look(after + 1, word, 16) ^ look(after, word, 24)
                return low ^ high
            }
            var place = 0
            while place &+ 16 <= bytes.count {
                let words = bytes.loadUnaligned(fromByteOffset: place, as: SIMD4<UInt32>.self)
                let first = sum(UInt32(littleEndian: words[0]) ^ state, 12)
                let second = sum(UInt32(littleEndian: words[1]), 8)
                let third = sum(UInt32(littleEndian: words[2]), 4)
                let fourth = sum(UInt32(littleEndian: words[3]), 0)
                state = (first ^ second) ^ (third ^ fourth)
                place &+= 16
            }
            for byte in bytes[place...] {
                state = (state >> 8) ^ tables[Int((state ^ UInt32(byte)) & 0xFF)]
            }
        }
        self.state = state
    }
}
