/// Cuts a table's bytes into records and fields: RFC 4180 (quotes, doubled quotes, line breaks inside quotes, CRLF)
/// with any one-byte delimiter, or fields between runs of blanks.
///
/// Any bytes are safe. Blanks around fields do not belong to them; empty lines are no records.
struct RecordScanner {
    /// How fields are told apart.
    struct Syntax: Sendable {
        /// Byte between fields; nil: runs of spaces and tabs.
        var delimiter: UInt8?
        /// Byte around fields that may hold delimiters; nil: none.
        var quote: UInt8?
        /// Byte that makes a line a comment where it comes first; nil: none.
        var comment: UInt8?
    }

    /// Place of a field's bytes, without the quotes.
    struct Field {
        var start: Int
        var end: Int
        var quoted: Bool
    }

    /// Comma-separated records as RFC 4180 has them.
    static let commas = Syntax(delimiter: UInt8(ascii: ","), quote: UInt8(ascii: "\""), comment: nil)

    /// Most fields of one record.
    static let fieldLimit = 1 << 20

    let bytes: UnsafeBufferPointer<UInt8>
    private let syntax: Syntax
    private var position: Int
    private var line = 1
    /// The fields of the current record.
    private(set) var fields: [Field] = []
    /// Line, from 1, at which the current record begins.
    private(set) var recordLine = 1
    /// Why the current record is malformed, or nil; its fields are then incomplete.
    private(set) var problem: String?

    /// Scans `bytes` from the start, past a byte order mark.
    init(_ bytes: UnsafeBufferPointer<UInt8>, syntax: Syntax) {
        self.bytes = bytes
        self.syntax = syntax
        position = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF ? 3 : 0
    }

    /// Passes over one line, whatever it holds, and returns its bytes; nil at the end.
    mutating func skipLine() -> UnsafeBufferPointer<UInt8>? {
        guard position < bytes.count else { return nil }
        let start = position
        moveToLineEnd()
        let end = position
        consumeLineBreak()
        return UnsafeBufferPointer(rebasing: bytes[start..<end])
    }

    /// Moves to the next record. Returns false at the end.
    mutating func next() -> Bool {
        while position < bytes.count {
            recordLine = line
            problem = nil
            fields.removeAll(keepingCapacity: true)
            if let comment = syntax.comment, bytes[position] == comment {
                _ = skipLine()
                continue
            }
            if let delimiter = syntax.delimiter {
                scanDelimited(by: delimiter)
            } else {
                scanBlankSeparated()
            }
            let isBlank =
                fields.isEmpty || (fields.count == 1 && !fields[0].quoted && fields[0].start == fields[0].end)
            if problem != nil || !isBlank { return true }
        }
        return false
    }

    /// The bytes of a field as they stand, doubled quotes included.
    func raw(_ field: Field) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: bytes[field.start..<field.end])
    }

    /// The text of a field, doubled quotes made single; nil where it is not UTF-8.
    func validText(_ field: Field) -> String? {
        let raw = raw(field)
        if raw.allSatisfy({ $0 < 0x80 }) || String(validating: raw, as: UTF8.self) != nil {
            return text(field)
        }
        return nil
    }

    /// The text of a field, doubled quotes made single, invalid UTF-8 replaced.
    func text(_ field: Field) -> String {
        let raw = raw(field)
        guard field.quoted, let quote = syntax.quote, raw.contains(quote) else {
            return String(decoding: raw, as: UTF8.self)
        }
        var unescaped: [UInt8] = []
        var index = 0
        while index < raw.count {
            unescaped.append(raw[index])
            index += raw[index] == quote ? 2 : 1
        }
        return String(decoding: unescaped, as: UTF8.self)
    }

    private mutating func scanDelimited(by delimiter: UInt8) {
        while true {
            guard fields.count < Self.fieldLimit else {
                return fail("more than \(Self.fieldLimit) columns")
            }
            while position < bytes.count, isBlank(bytes[position]), bytes[position] != delimiter {
                position += 1
            }
            if let quote = syntax.quote, position < bytes.count, bytes[position] == quote {
                guard scanQuoted(quote) else { return }
                while position < bytes.count, isBlank(bytes[position]), bytes[position] != delimiter {
                    position += 1
                }
            } else {
                guard scanPlain(delimiter: delimiter) else { return }
            }
            guard position < bytes.count else { return }
            if bytes[position] == delimiter {
                position += 1
                if position == bytes.count {
                    fields.append(Field(start: position, end: position, quoted: false))
                }
            } else if isLineBreak(bytes[position]) {
                return consumeLineBreak()
            } else {
                return fail("text after the closing quote")
            }
        }
    }

    private mutating func scanPlain(delimiter: UInt8) -> Bool {
        let start = position
        let quote = syntax.quote ?? delimiter
        var index = position
        while index < bytes.count {
            let byte = bytes[index]
            if byte == delimiter || isLineBreak(byte) { break }
            if byte == quote {
                fail("a quote inside a field that does not begin with one")
                return false
            }
            index += 1
        }
        position = index
        while index > start, isBlank(bytes[index - 1]) { index -= 1 }
        fields.append(Field(start: start, end: index, quoted: false))
        return true
    }

    /// Reads a field from its opening quote past its closing one.
    private mutating func scanQuoted(_ quote: UInt8) -> Bool {
        let start = position + 1
        let firstLine = line
        var index = start
        var line = line
        while index < bytes.count {
            let byte = bytes[index]
            if byte == quote {
                guard index + 1 < bytes.count, bytes[index + 1] == quote else { break }
                index += 1
            } else if byte == UInt8(ascii: "\n") {
                line += 1
            }
            index += 1
        }
        guard index < bytes.count else {
            // Go on behind the line of the opening quote: the rest of the file is not lost to the count.
            self.line = firstLine
            fail("a quote that is never closed")
            return false
        }
        self.line = line
        fields.append(Field(start: start, end: index, quoted: true))
        position = index + 1
        return true
    }

    private mutating func scanBlankSeparated() {
        while position < bytes.count {
            if isLineBreak(bytes[position]) { return consumeLineBreak() }
            if isBlank(bytes[position]) {
                position += 1
                continue
            }
            guard fields.count < Self.fieldLimit else {
                return fail("more than \(Self.fieldLimit) columns")
            }
            let start = position
            while position < bytes.count, !isBlank(bytes[position]), !isLineBreak(bytes[position]) {
                position += 1
            }
            fields.append(Field(start: start, end: position, quoted: false))
        }
    }

    private mutating func fail(_ problem: String) {
        self.problem = problem
        moveToLineEnd()
        consumeLineBreak()
    }

    private mutating func moveToLineEnd() {
        while position < bytes.count, !isLineBreak(bytes[position]) { position += 1 }
    }

    private mutating func consumeLineBreak() {
        guard position < bytes.count else { return }
        let first = bytes[position]
        position += 1
        if first == UInt8(ascii: "\r"), position < bytes.count, bytes[position] == UInt8(ascii: "\n") {
            position += 1
        }
        line += 1
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private func isLineBreak(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    }
}
