/// What a text that is no JSON5 is told: the place, what was met there, and what was expected.
struct JSON5Complaint {
    /// The whole text, known to be UTF-8.
    let bytes: [UInt8]
    /// What the text is called in errors.
    let source: String
    /// The byte that was to be read next.
    let position: Int

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// An error at a byte of the text.
    func error(at offset: Int, _ problem: String) -> ConfigurationError {
        ConfigurationError(path: source, problem: "\(place(offset)): \(problem)")
    }

    /// Says that something else than `expected` stands here; `met` is what, where it is not the next token.
    func unexpected(_ expected: String, met: String? = nil, note: String? = nil) -> ConfigurationError {
        let note = note.map { "; \($0)" } ?? ""
        return error(at: position, "met \(met ?? token()) where \(expected) was expected\(note)")
    }

    /// Says that neither a comma nor the closing bracket follows a value of the list or object that began at `opened`.
    func unseparated(_ closing: String, _ opened: Int) -> ConfigurationError {
        let isOther = peek.map { "]}".utf8.contains($0) } ?? true
        let isValue = peek.map { !":]}/".utf8.contains($0) } ?? false
        let what = closing == "}" ? "object" : "list"
        return unexpected(
            "\",\" or \"\(closing)\"",
            note: isOther
                ? "the \(what) opened in \(place(opened))" : isValue ? "is a comma missing before it?" : nil)
    }

    /// Says that a key stands twice in one object.
    func repeated(_ key: String, at offset: Int, _ places: [(key: String, offset: Int)]) -> ConfigurationError
    {
        let first = places.first { $0.key == key }?.offset ?? offset
        return error(
            at: offset,
            "met the key \(Self.shown(key, quoted: true)) again, which stands in \(place(first)) already; keep one of the two"
        )
    }

    /// A place for a person: line and column, counted from 1. A tab is one column, as is every other character.
    func place(_ offset: Int) -> String {
        var line = 1
        var start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        for index in bytes.indices.prefix(offset) {
            let isBreak =
                bytes[index] == 0x0A
                || bytes[index] == 0x0D && (index + 1 >= bytes.count || bytes[index + 1] != 0x0A)
            guard isBreak else { continue }
            line += 1
            start = index + 1
        }
        let column = bytes[min(start, offset)..<offset].count { !UTF8.isContinuation($0) } + 1
        return "line \(line), column \(column)"
    }

    /// The token that begins at the next byte, for messages.
    private func token() -> String {
        switch peek {
        case nil: return "the end of the text"
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return "a text in quotes"
        default:
            let text = unquotedText()
            return text.isEmpty ? mark() : Self.described(text)
        }
    }

    /// A word or something like it, for messages.
    static func described(_ text: ArraySlice<UInt8>) -> String {
        let isWord = text.allSatisfy { JSON5Character.isNameByte($0) || $0 >= 0x80 }
        let isNumber = text.first.map { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ?? false
        return (isWord && !isNumber ? "the word " : "") + shown(text)
    }

    /// The one character at the next byte, for messages.
    func mark() -> String {
        guard let next = JSON5Parser.character(at: position, of: bytes) else { return "the end of the text" }
        return Self.isPrintable(next) ? "\"\(next)\"" : "the character \(Self.code(next))"
    }

    /// What would be one word to a person who forgot the quotes: up to a space, a comma, a bracket, a quote, a comment,
    /// and up to a colon where those are not asked for. Empty where nothing but marks stands.
    func unquotedText(colons: Bool = false) -> ArraySlice<UInt8> {
        var end = position
        while end < bytes.count, bytes[end] > 0x20, !",[]{}\"'".utf8.contains(bytes[end]),
            colons || bytes[end] != UInt8(ascii: ":")
        {
            let next = end + 1 < bytes.count ? bytes[end + 1] : 0
            if bytes[end] == UInt8(ascii: "/"), next == UInt8(ascii: "/") || next == UInt8(ascii: "*"),
                end == position || bytes[end - 1] != UInt8(ascii: ":")
            {
                break
            }
            end += 1
        }
        let text = bytes[position..<end]
        return text.contains { JSON5Character.isNameByte($0) || $0 >= 0x80 }
            && text.first != UInt8(ascii: ":")
            ? text : []
    }

    /// How a word without quotes is written.
    func quotedForm(_ text: ArraySlice<UInt8>) -> String {
        let escaped = String(decoding: text, as: UTF8.self).split(
            separator: "\\", omittingEmptySubsequences: false
        ).joined(separator: "\\\\")
        return "text is quoted: \(Self.shown(escaped, quoted: true))"
    }

    /// A part of the text for a message: short, and without characters that could command a terminal.
    static func shown(_ text: ArraySlice<UInt8>) -> String {
        shown(String(decoding: text.prefix(400), as: UTF8.self))
    }

    /// A text for a message: short, and without characters that could command a terminal.
    static func shown(_ text: String, quoted: Bool = false) -> String {
        let scalars = text.unicodeScalars
        let short = scalars.prefix(40).map { isPrintable($0) ? String($0) : code($0) }.joined()
        let cut = scalars.dropFirst(40).isEmpty ? "" : "..."
        return quoted ? "\"\(short)\(cut)\"" : short + cut
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse:
            false
        default: true
        }
    }

    /// A character by its number, such as `U+001B`.
    private static func code(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
