/// Reads the header block of a request or response: fields up to the empty line, within the limits.
struct HeaderReader: Sendable {
    private var lines = LineReader()
    private var headers = HTTPHeaders()
    private var bytes = 0

    /// Fields of which a second one would leave open which of them counts.
    private static let single: Set<String> = [
        "authorization", "content-length", "content-type", "expect", "host", "range", "transfer-encoding",
    ]

    /// Consumes input from `position` up to the end of the header block.
    /// - Returns: the fields, names in lower case, or nil when more input is needed.
    mutating func next(
        _ input: UnsafeRawBufferPointer, _ position: inout Int, limits: HTTPLimits
    ) throws(HTTPRefusal) -> HTTPHeaders? {
        while true {
            let room = limits.headerBytes - bytes - 2
            guard room >= 0 else { throw .headersTooLarge }
            guard
                let line = try lines.next(input, &position, limit: room, tooLong: .headersTooLarge)
            else { return nil }
            bytes += line.count + 2
            if line.isEmpty {
                defer { self = HeaderReader() }
                return headers
            }
            guard headers.fields.count < limits.headerCount else { throw .headersTooLarge }
            try add(line)
        }
    }

    private mutating func add(_ line: [UInt8]) throws(HTTPRefusal) {
        // A line that begins with space would be a folded continuation; space is no token character.
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0,
            line[..<colon].allSatisfy(HTTPCharacters.isToken),
            line[(colon + 1)...].allSatisfy(HTTPCharacters.isFieldValue)
        else { throw .malformedHeader }
        let name = String(decoding: line[..<colon].map(HTTPCharacters.lowercased), as: UTF8.self)
        if Self.single.contains(name), headers[name] != nil { throw .repeatedHeader(name) }
        let value = HTTPCharacters.trimmed(line[(colon + 1)...])
        headers.append(name, String(decoding: value, as: UTF8.self))
    }
}
