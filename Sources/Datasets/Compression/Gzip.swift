internal import Configuration

/// Decompresses files of the gzip format (RFC 1952).
enum Gzip {
    /// Whether the bytes begin as a gzip file does.
    static func isCompressed(_ bytes: some Sequence<UInt8>) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

    /// What the file `path` of these bytes holds: one or more compressed streams. Throws ``ConfigurationError`` where it is
    /// damaged or truncated, and where it holds more than `limit` bytes.
    static func decompress(
        _ bytes: [UInt8], path: String, limit: Int = InputFile.sizeLimit
    ) throws(ConfigurationError) -> [UInt8] {
        do {
            return try decompress(bytes, limit: limit)
        } catch {
            guard error.problem != tooLong else {
                throw ConfigurationError(
                    path: path, problem: "holds more than \(limit) bytes when decompressed")
            }
            throw ConfigurationError(
                path: path, problem: "is damaged or truncated: it has \(error.problem); get it again")
        }
    }

    private static let tooLong = "too much"

    private static func decompress(_ bytes: [UInt8], limit: Int) throws(DamagedStream) -> [UInt8] {
        // Room for all that a file of this size can hold, and for no more than it says: the last four bytes are the size,
        // as long as there is one stream below 4 GiB.
        let stated = bytes.count < 4 ? 0 : Int(littleEndian(bytes[(bytes.count - 4)...]))
        let possible = bytes.count.multipliedReportingOverflow(by: Inflater.largestRatio).partialValue
        var capacity = min(stated, possible, limit) + Inflater.slack
        var members = Members()
        var output: [UInt8] = []
        while true {
            let (ended, grown) = try bytes.withUnsafeBufferPointer { input throws(DamagedStream) in
                var outcome: Result<Bool, DamagedStream> = .success(true)
                let grown = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, filled in
                    filled = buffer.update(fromContentsOf: output)
                    output = []
                    do throws(DamagedStream) {
                        outcome = .success(try members.decode(input, into: buffer, filled: &filled))
                    } catch { outcome = .failure(error) }
                }
                return (try outcome.get(), grown)
            }
            guard grown.count <= limit else { throw DamagedStream(tooLong) }
            if ended { return grown }
            output = grown
            capacity = 2 * capacity + Inflater.slack
        }
    }

    private static func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The compressed streams of a file, one behind the other, as far as they are read.
    private struct Members {
        private var inflater: Inflater?
        /// Where the next stream begins in the input, and the current one in the output.
        private var position = 0
        private var origin = 0

        /// Decodes until the file ends, and returns true, or the output is full.
        mutating func decode(
            _ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>,
            filled: inout Int
        ) throws(DamagedStream) -> Bool {
            repeat {
                if inflater == nil {
                    origin = filled
                    inflater = Inflater(input, at: try Self.body(input, at: position), origin: origin)
                }
                guard try inflater?.decode(into: output, filled: &filled) == true else { return false }
                position = inflater?.position ?? position
                inflater = nil
                try check(
                    input, UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(output)[origin..<filled]))
                position += 8
                // What is padded with zeros, to the blocks of a tape for example, is whole.
            } while !input[position...].allSatisfy { $0 == 0 }
            return true
        }

        /// Holds the sum and size behind a stream against its content.
        private func check(
            _ input: UnsafeBufferPointer<UInt8>, _ content: UnsafeRawBufferPointer
        ) throws(DamagedStream) {
            guard position + 8 <= input.count else { throw DamagedStream("no end") }
            var sum = Checksum()
            sum.add(content)
            let trailer = Array(input[position..<(position + 8)])
            guard Gzip.littleEndian(trailer[..<4]) == sum.value,
                Gzip.littleEndian(trailer[4...]) == UInt32(truncatingIfNeeded: content.count)
            else { throw DamagedStream("another checksum or size than it states") }
        }

        /// Where the compressed bytes begin behind the header at `position` (RFC 1952, section 2.3).
        private static func body(
            _ input: UnsafeBufferPointer<UInt8>, at position: Int
        ) throws(DamagedStream) -> Int {
            let header = 10
            guard input.count - position >= header else { throw DamagedStream("no end") }
            let flags = input[position + 3]
            guard Gzip.isCompressed(input[position...]), input[position + 2] == 8, flags & 0xE0 == 0 else {
                throw DamagedStream("a header of another format")
            }
            var place = position + header
            func skip(_ count: Int) throws(DamagedStream) {
                place += count
                guard place <= input.count else { throw DamagedStream("no end") }
            }
            if flags & 4 != 0 {
                try skip(2)
                try skip(Int(input[place - 2]) | Int(input[place - 1]) << 8)
            }
            // The file's name and a comment, each with a zero behind it.
            for flag: UInt8 in [8, 16] where flags & flag != 0 {
                guard let zero = input[place...].firstIndex(of: 0) else { throw DamagedStream("no end") }
                place = zero + 1
            }
            if flags & 2 != 0 { try skip(2) }
            return place
        }
    }
}
