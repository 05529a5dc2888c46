/// Gathers one CRLF-ended line from input that arrives in pieces. What it throws and returns depends on the
/// bytes alone, never on how they were split.
struct LineReader: Sendable {
    private var partial: [UInt8] = []

    /// Whether bytes of an unfinished line are held.
    var isEmpty: Bool { partial.isEmpty }

    /// Consumes input from `position` up to the end of the line.
    /// - Parameters:
    ///   - input: the bytes received.
    ///   - position: where the line goes on in `input`; moved behind what was consumed.
    ///   - limit: most bytes of the line without its CRLF; at most `limit + 1` bytes are ever stored.
    ///   - tooLong: what to throw for a longer line.
    /// - Returns: the line without CRLF, or nil when all input is consumed and the line is not complete.
    /// - Throws: `tooLong`, or a refusal of a carriage return or line feed without the other.
    mutating func next(
        _ input: UnsafeRawBufferPointer, _ position: inout Int, limit: Int, tooLong: HTTPRefusal
    ) throws(HTTPRefusal) -> [UInt8]? {
        let rest = UnsafeRawBufferPointer(rebasing: input[position...])
        let lineFeed = rest.firstIndex(of: 0x0A)
        let count = lineFeed ?? rest.count
        // One byte more than the limit may be the CR.
        guard partial.count + count <= limit + 1 else { throw tooLong }
        partial.append(contentsOf: rest[..<count])
        position += count
        guard lineFeed != nil else { return nil }
        position += 1
        guard partial.popLast() == 0x0D else { throw .bareLineFeed }
        guard !partial.contains(0x0D) else { throw .bareCarriageReturn }
        let line = partial
        partial = []
        return line
    }
}
