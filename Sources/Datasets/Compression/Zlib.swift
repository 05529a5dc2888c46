/// Decompresses streams of the zlib format (RFC 1950), of which the size is known beforehand.
enum Zlib {
    /// What a stream holds: exactly `size` bytes, and nothing behind it. Room for them is made only where a stream of this
    /// length can hold as many.
    static func decompress(_ bytes: [UInt8], size: Int) throws(DamagedStream) -> [UInt8] {
        guard bytes.count >= 2 else { throw DamagedStream("no end") }
        let header = Int(bytes[0]) << 8 | Int(bytes[1])
        guard bytes[0] & 0x0F == 8, bytes[0] >> 4 <= 7, bytes[1] & 0x20 == 0, header % 31 == 0 else {
            throw DamagedStream("a header of another format")
        }
        let possible = bytes.count.multipliedReportingOverflow(by: Inflater.largestRatio)
        guard possible.overflow || size <= possible.partialValue else { throw DamagedStream("no end") }
        return try bytes.withUnsafeBufferPointer { input throws(DamagedStream) in
            var outcome: Result<Bool, DamagedStream> = .success(true)
            var inflater = Inflater(input, at: 2, origin: 0)
            let output = [UInt8](unsafeUninitializedCapacity: size + Inflater.slack) { buffer, filled in
                do throws(DamagedStream) {
                    outcome = .success(try inflater.decode(into: buffer, filled: &filled))
                } catch { outcome = .failure(error) }
            }
            let ended = try outcome.get()
            guard output.count <= size, ended else { throw DamagedStream("more than its size") }
            guard output.count == size else { throw DamagedStream("less than its size") }
            try check(input, at: inflater.position, output)
            return output
        }
    }

    /// Holds the sum behind the stream against its content.
    private static func check(
        _ input: UnsafeBufferPointer<UInt8>, at position: Int, _ content: [UInt8]
    ) throws(DamagedStream) {
        guard position + 4 <= input.count else { throw DamagedStream("no end") }
        let stated = input[position..<(position + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard stated == adler32(content) else { throw DamagedStream("another checksum than it states") }
        guard position + 4 == input.count else { throw DamagedStream("bytes behind its end") }
    }

    /// The Adler-32 sum (RFC 1950, section 9).
    static func adler32(_ bytes: [UInt8]) -> UInt32 {
        let modulus: UInt32 = 65_521
        var (low, high): (UInt32, UInt32) = (1, 0)
        bytes.withUnsafeBufferPointer { bytes in
            var place = 0
            while place < bytes.count {
                // The most bytes after which neither sum can have overflowed.
                let end = min(place + 5552, bytes.count)
                while place < end {
                    low &+= UInt32(bytes[place])
                    high &+= low
                    place &+= 1
                }
                (low, high) = (low % modulus, high % modulus)
            }
        }
        return high << 16 | low
    }
}
