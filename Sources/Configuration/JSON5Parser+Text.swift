// Quoted text and bare names: JSON5, sections 3 and 5 (spec.json5.org).

extension JSON5Parser {
    /// Reads a text in single or double quotes.
    mutating func quoted() throws(ConfigurationError) -> String {
        let opened = position
        let quote = bytes[position]
        position += 1
        // What stands before the last escape, and where the bytes after it begin.
        var text: [UInt8] = []
        var start = position
        while let byte = peek {
            switch byte {
            case quote:
                let rest = bytes[start..<position]
                position += 1
                return String(decoding: text.isEmpty ? rest : text[...] + rest, as: UTF8.self)
            case UInt8(ascii: "\\"):
                text += bytes[start..<position]
                try escape(into: &text)
                start = position
            case 0x0A, 0x0D: throw unclosed(opened, met: "the end of the line")
            case 0: throw complaint.error(at: position, "met the character NUL, which text cannot hold")
            default: position += 1
            }
        }
        throw unclosed(opened, met: "the end of the text")
    }

    private func unclosed(_ opened: Int, met: String) -> ConfigurationError {
        complaint.unexpected(
            "the closing \(JSON5Complaint.shown(bytes[opened...opened]))", met: met,
            note: "the text opened in \(complaint.place(opened))")
    }

    /// Reads one escape: a character, or a line break that does not count.
    private mutating func escape(into text: inout [UInt8]) throws(ConfigurationError) {
        let start = position
        position += 1
        guard let mark = peek else { return }
        position += 1
        switch mark {
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "v"): text.append(0x0B)
        case 0x0A: break
        case 0x0D: if peek == 0x0A { position += 1 }
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            throw complaint.error(
                at: start,
                "met \(JSON5Complaint.shown(bytes[start..<position])) where an escape such as \\n or \\u0041 was expected"
            )
        case UInt8(ascii: "x"):
            let code = try hexadecimalDigits(2, of: start)
            text.append(contentsOf: try utf8(UInt32(code), of: start))
        case UInt8(ascii: "u"):
            position = start
            text.append(contentsOf: try utf8(escapedScalar().value, of: start))
        default:
            position -= 1
            guard let next = character(at: position) else { return }
            position += UTF8.width(next)
            if !JSON5Character.endsLine(next) { text.append(contentsOf: try utf8(next.value, of: start)) }
        }
    }

    /// Reads `\u` and four digits, or two of those for a character that UTF-16 spells with a surrogate pair.
    private mutating func escapedScalar() throws(ConfigurationError) -> Unicode.Scalar {
        let start = position
        position += 2
        let first = try hexadecimalDigits(4, of: start)
        if let scalar = Unicode.Scalar(first) { return scalar }
        if UTF16.isLeadSurrogate(first), bytes[position...].starts(with: "\\u".utf8) {
            position += 2
            let second = try hexadecimalDigits(4, of: start)
            let pair = UInt32(first - 0xD800) << 10 | UInt32(second &- 0xDC00)
            if UTF16.isTrailSurrogate(second), let scalar = Unicode.Scalar(0x10000 + pair) { return scalar }
        }
        throw complaint.error(
            at: start,
            "met \(JSON5Complaint.shown(bytes[start..<(start + 6)])), half of a surrogate pair, without its other half"
        )
    }

    private func utf8(_ code: UInt32, of start: Int) throws(ConfigurationError) -> [UInt8] {
        guard code != 0, let scalar = Unicode.Scalar(code) else {
            throw complaint.error(at: start, "met the character NUL, which text cannot hold")
        }
        return UTF8.encode(scalar).map(Array.init) ?? []
    }

    /// Reads so many hexadecimal digits of the escape that began at `start`.
    private mutating func hexadecimalDigits(_ count: Int, of start: Int) throws(ConfigurationError) -> UInt16
    {
        var code: UInt16 = 0
        for _ in 0..<count {
            guard let byte = peek, let digit = JSON5Character.hexadecimal(byte) else {
                throw complaint.unexpected(
                    "a hexadecimal digit of the escape \(JSON5Complaint.shown(bytes[start..<position]))",
                    met: complaint.mark())
            }
            code = code << 4 | UInt16(digit)
            position += 1
        }
        return code
    }

    /// Reads a name without quotes; nil where none begins.
    mutating func name() throws(ConfigurationError) -> String? {
        let first = position
        var text = ""
        var start = position
        while let byte = peek {
            if JSON5Character.isNameByte(byte),
                position > first || !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte)
            {
                position += 1
            } else if byte == UInt8(ascii: "\\") {
                guard bytes[position...].starts(with: "\\u".utf8) else { throw complaint.unexpected("\\u") }
                let place = position
                text += String(decoding: bytes[start..<position], as: UTF8.self)
                let scalar = try escapedScalar()
                guard JSON5Character.isInNames(scalar, first: place == first) else {
                    throw complaint.error(
                        at: place,
                        "met \(JSON5Complaint.shown(bytes[place..<position])), a character that no key without quotes can hold"
                    )
                }
                text.unicodeScalars.append(scalar)
                start = position
            } else if byte >= 0x80, let next = character(at: position),
                JSON5Character.isInNames(next, first: position == first)
            {
                position += UTF8.width(next)
            } else {
                break
            }
        }
        guard position > first else { return nil }
        return text + String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// Whether what has just been read goes on as a name does.
    var isInName: Bool {
        guard let byte = peek else { return false }
        guard byte >= 0x80 else { return JSON5Character.isNameByte(byte) || byte == UInt8(ascii: "\\") }
        return character(at: position).map { JSON5Character.isInNames($0, first: false) } ?? false
    }
}
