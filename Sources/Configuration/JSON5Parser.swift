/// Reads JSON5 text (spec.json5.org) into plain data: in one pass, in time and memory in proportion to the text.
///
/// Stricter than the specification where a document of ours gains nothing: a key may stand once in an object, numbers
/// are finite, text holds no NUL and no half of a surrogate pair, and nesting ends at ``JSONValue/depthLimit``.
struct JSON5Parser {
    /// The whole text, known to be UTF-8.
    let bytes: [UInt8]
    /// What the text is called in errors.
    let source: String
    /// The byte that is read next.
    var position = 0
    /// How many lists and objects are open.
    private var depth = 0

    /// What can be said of the next byte.
    var complaint: JSON5Complaint { JSON5Complaint(bytes: bytes, source: source, position: position) }

    init(_ bytes: [UInt8], source: String) {
        self.bytes = bytes
        self.source = source
    }

    /// The one value of the document; what follows it may be comments and white space only.
    mutating func document() throws(ConfigurationError) -> JSONValue {
        let value = try value()
        try skipBlank()
        guard position == bytes.count else { throw complaint.unexpected("the end of the text") }
        return value
    }

    private mutating func value() throws(ConfigurationError) -> JSONValue {
        try skipBlank()
        switch peek ?? 0 {
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try list())
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try quoted())
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            return try number()
        default: return try word()
        }
    }

    private mutating func object() throws(ConfigurationError) -> [String: JSONValue] {
        let opened = try open()
        var members: [String: JSONValue] = [:]
        var places: [(key: String, offset: Int)] = []
        while true {
            try skipBlank()
            if take("}") { break }
            let place = position
            let key = try key(inObjectAt: opened)
            places.append((key, place))
            let end = position
            try skipBlank()
            guard take(":") else {
                let isGlued = position == end && !complaint.unquotedText().isEmpty
                throw complaint.unexpected(
                    "\":\" after the key \(JSON5Complaint.shown(key, quoted: true))",
                    note: isGlued ? "a key with such characters is quoted" : nil)
            }
            guard members.updateValue(try value(), forKey: key) == nil else {
                throw complaint.repeated(key, at: place, places)
            }
            try skipBlank()
            if take(",") { continue }
            guard take("}") else { throw complaint.unseparated("}", opened) }
            break
        }
        depth -= 1
        return members
    }

    private mutating func list() throws(ConfigurationError) -> [JSONValue] {
        let opened = try open()
        var items: [JSONValue] = []
        while true {
            try skipBlank()
            if take("]") { break }
            if position == bytes.count {
                throw complaint.unexpected(
                    "a value or \"]\"", note: "the list opened in \(complaint.place(opened))")
            }
            items.append(try value())
            try skipBlank()
            if take(",") { continue }
            guard take("]") else { throw complaint.unseparated("]", opened) }
            break
        }
        depth -= 1
        return items
    }

    /// Steps into a list or an object and returns where it opened.
    private mutating func open() throws(ConfigurationError) -> Int {
        guard depth < JSONValue.depthLimit else {
            throw complaint.error(at: position, "lies deeper than \(JSONValue.depthLimit) levels")
        }
        depth += 1
        position += 1
        return position - 1
    }

    private mutating func key(inObjectAt opened: Int) throws(ConfigurationError) -> String {
        switch peek {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return try quoted()
        case nil:
            throw complaint.unexpected(
                "a key or \"}\"", note: "the object opened in \(complaint.place(opened))")
        default:
            guard let name = try name() else { throw complaint.unexpected("a key or \"}\"") }
            return name
        }
    }

    private mutating func number() throws(ConfigurationError) -> JSONValue {
        let start = position
        while let byte = peek, JSON5Number.isPart(byte) { position += 1 }
        let value = isInName ? nil : JSON5Number.value(of: bytes[start..<position])
        switch value {
        case nil:
            position = start
            let text = complaint.unquotedText(colons: true)
            if text.isEmpty { throw complaint.unexpected("a number") }
            throw complaint.unexpected(
                "a number", met: JSON5Complaint.described(text), note: complaint.quotedForm(text))
        case .number(let double) where !double.isFinite:
            throw complaint.error(
                at: start,
                "met \(JSON5Complaint.shown(bytes[start..<position])) where a finite number was expected")
        case let value?: return value
        }
    }

    /// One of the words that are values.
    private mutating func word() throws(ConfigurationError) -> JSONValue {
        let start = position
        while let byte = peek, JSON5Character.isNameByte(byte) { position += 1 }
        let word = bytes[start..<position]
        if !isInName {
            if word.elementsEqual("true".utf8) { return .bool(true) }
            if word.elementsEqual("false".utf8) { return .bool(false) }
            if word.elementsEqual("null".utf8) { return .null }
        }
        position = start
        let text = complaint.unquotedText(colons: true)
        if text.isEmpty { throw complaint.unexpected("a value") }
        if text.elementsEqual("NaN".utf8) || text.elementsEqual("Infinity".utf8) {
            throw complaint.unexpected("a finite number", met: JSON5Complaint.shown(text))
        }
        let keyword = ["true", "false", "null"].first { $0.utf8.elementsEqual(text.map { $0 | 0x20 }) }
        throw complaint.unexpected(
            "a value", met: JSON5Complaint.described(text),
            note: keyword.map { "did you mean \($0)?" } ?? complaint.quotedForm(text))
    }
}

// MARK: Between the values

extension JSON5Parser {
    /// The next byte; nil at the end of the text.
    var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// Takes the next byte where it is this one.
    private mutating func take(_ mark: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: mark) else { return false }
        position += 1
        return true
    }

    /// Passes over white space and comments.
    private mutating func skipBlank() throws(ConfigurationError) {
        while let byte = peek {
            switch byte {
            case 0x09...0x0D, 0x20: position += 1
            case UInt8(ascii: "/"):
                let second = position + 1 < bytes.count ? bytes[position + 1] : 0
                if second == UInt8(ascii: "/") {
                    skipLine()
                } else if second == UInt8(ascii: "*") {
                    try skipBlockComment()
                } else {
                    return
                }
            case 0x80...:
                guard let next = character(at: position), JSON5Character.isBlank(next) else { return }
                position += UTF8.width(next)
            default: return
            }
        }
    }

    private mutating func skipLine() {
        while let byte = peek, byte != 0x0A, byte != 0x0D {
            if byte == 0xE2, let next = character(at: position), JSON5Character.endsLine(next) { return }
            position += 1
        }
    }

    private mutating func skipBlockComment() throws(ConfigurationError) {
        let opened = position
        position += 2
        while position + 1 < bytes.count {
            if bytes[position] == UInt8(ascii: "*"), bytes[position + 1] == UInt8(ascii: "/") {
                position += 2
                return
            }
            position += 1
        }
        position = bytes.count
        throw complaint.unexpected("\"*/\"", note: "the comment opened in \(complaint.place(opened))")
    }

    /// The character that begins at a byte; nil at the end of the text.
    func character(at offset: Int) -> Unicode.Scalar? { Self.character(at: offset, of: bytes) }

    /// The same of any text.
    static func character(at offset: Int, of bytes: [UInt8]) -> Unicode.Scalar? {
        // No character is longer than four bytes; what is cut off behind it does not matter.
        String(decoding: bytes[offset..<min(offset + 4, bytes.count)], as: UTF8.self).unicodeScalars.first
    }
}
