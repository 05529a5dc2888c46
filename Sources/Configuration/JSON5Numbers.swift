/// Finds what stands where a number stands in JSON5 text and is none, before Foundation's reader meets it.
///
/// That reader traps on some of them (`0x0x1F`), and a file must not end a program. Only the numbers are looked at:
/// every other error is that reader's to tell.
struct JSON5Numbers {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The first such text and its line, counted from 1; nil where every number is one.
    mutating func firstMalformed() -> (text: String, line: Int)? {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString(until: bytes[position])
            case UInt8(ascii: "/"): skipComment()
            case let byte where Self.isWordByte(byte):
                let word = nextWord()
                // A word may be a key, `true` or `Infinity`; those that start like a number must be one.
                guard let first = word.first, Self.startsNumber(first), !Self.isNumber(word) else { continue }
                let line = bytes[..<word.startIndex].count { $0 == UInt8(ascii: "\n") } + 1
                return (String(decoding: word.prefix(40), as: UTF8.self), line)
            default: position += 1
            }
        }
        return nil
    }

    private mutating func skipString(until quote: UInt8) {
        position += 1
        while position < bytes.count, bytes[position] != quote {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        position += 1
    }

    private mutating func skipComment() {
        let second = position + 1 < bytes.count ? bytes[position + 1] : 0
        position += 1
        if second == UInt8(ascii: "/") {
            while position < bytes.count, bytes[position] != UInt8(ascii: "\n"), bytes[position] != 13 {
                position += 1
            }
        } else if second == UInt8(ascii: "*") {
            position += 1
            while position + 1 < bytes.count,
                bytes[position] != UInt8(ascii: "*") || bytes[position + 1] != UInt8(ascii: "/")
            {
                position += 1
            }
            position += 2
        }
    }

    private mutating func nextWord() -> ArraySlice<UInt8> {
        let start = position
        while position < bytes.count, Self.isWordByte(bytes[position]) { position += 1 }
        return bytes[start..<position]
    }

    /// Whether a byte belongs to a number or a bare key; those of letters beyond ASCII do.
    private static func isWordByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || isLetter(byte) || byte >= 0x80 || ".+-_$\\".utf8.contains(byte)
    }

    private static func startsNumber(_ byte: UInt8) -> Bool { isDigit(byte) || ".+-".utf8.contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
    private static func isLetter(_ byte: UInt8) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
    }
    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte | 0x20
    }

    /// Whether a word is a number by the grammar of JSON5, section 6 (spec.json5.org).
    private static func isNumber(_ word: ArraySlice<UInt8>) -> Bool {
        var rest = word
        if let sign = rest.first, "+-".utf8.contains(sign) { rest.removeFirst() }
        if rest.elementsEqual("Infinity".utf8) || rest.elementsEqual("NaN".utf8) { return true }
        if rest.starts(with: "0x".utf8) || rest.starts(with: "0X".utf8) {
            let digits = rest.dropFirst(2)
            return !digits.isEmpty && digits.allSatisfy(isHexadecimal)
        }
        let whole = rest.prefix(while: isDigit)
        if whole.count > 1, whole.first == UInt8(ascii: "0") { return false }
        rest = rest.dropFirst(whole.count)
        var digits = whole.count
        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix(while: isDigit)
            digits += fraction.count
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard digits > 0 else { return false }
        if let mark = rest.first, mark | 0x20 == UInt8(ascii: "e") {
            rest = rest.dropFirst()
            if let sign = rest.first, "+-".utf8.contains(sign) { rest.removeFirst() }
            return !rest.isEmpty && rest.allSatisfy(isDigit)
        }
        return rest.isEmpty
    }
}
