/// The words of one line of an ARFF file, read from its start: bare, or between quotes with backslash escapes.
struct ARFFTokens {
    /// Why a line cannot be read, without the place.
    struct Problem: Error {
        let text: String

        init(_ text: String) { self.text = text }
    }

    /// A value, its quotes and escapes resolved.
    struct Word {
        var bytes: [UInt8]
        var isQuoted: Bool
        var isEmpty: Bool { bytes.isEmpty && !isQuoted }
    }

    private let line: UnsafeBufferPointer<UInt8>
    private let quote: UInt8?
    private var position = 0

    /// Reads `line`, which must not be used after its bytes have gone.
    init(_ line: UnsafeBufferPointer<UInt8>, quote: UInt8? = nil) {
        self.line = line
        self.quote = quote
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    /// The line without blanks around it.
    static func trimmed(_ line: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        let start = line.firstIndex { !isBlank($0) } ?? line.endIndex
        let end = line[start...].lastIndex { !isBlank($0) }.map { $0 + 1 } ?? start
        return UnsafeBufferPointer(rebasing: line[start..<end])
    }

    /// Whether only blanks are left.
    var isAtEnd: Bool { line[position...].allSatisfy(Self.isBlank) }

    /// Whether a brace comes next, which in a full row only a weight has.
    var isWeightNext: Bool {
        line[position...].first { !Self.isBlank($0) } == UInt8(ascii: "{")
    }

    /// Passes over `mark` where it comes next, after blanks.
    mutating func take(_ mark: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard position < line.count, line[position] == UInt8(ascii: mark) else { return false }
        position += 1
        return true
    }

    /// The next value. A bare one ends before a byte of `marks`, and before a blank unless it `spansBlanks`; blanks behind
    /// it do not belong to it.
    mutating func word(endingAt marks: String, spansBlanks: Bool = false) throws(Problem) -> Word {
        skipBlanks()
        guard position < line.count else { return Word(bytes: [], isQuoted: false) }
        let first = line[position]
        if first == UInt8(ascii: "'") || first == UInt8(ascii: "\"") || first == quote {
            position += 1
            return Word(bytes: try quoted(by: first), isQuoted: true)
        }
        let start = position
        while position < line.count, spansBlanks || !Self.isBlank(line[position]),
            !marks.utf8.contains(line[position])
        {
            position += 1
        }
        let bytes = Self.trimmed(UnsafeBufferPointer(rebasing: line[start..<position]))[...]
        guard bytes.contains(UInt8(ascii: "\\")) else { return Word(bytes: Array(bytes), isQuoted: false) }
        return Word(bytes: Self.unescaped(bytes), isQuoted: false)
    }

    /// Passes over a weight in braces, which must be a number of at least 0.
    mutating func weight() throws(Problem) {
        guard take("{") else { throw Problem("a weight must stand in braces") }
        let word = try word(endingAt: "}")
        let text = String(decoding: word.bytes, as: UTF8.self)
        guard take("}"), let weight = DecimalNumber.parse(text), weight >= 0 else {
            throw Problem("\(BadRows.show(text)) is no weight of an instance")
        }
    }

    private mutating func skipBlanks() {
        while position < line.count, Self.isBlank(line[position]) { position += 1 }
    }

    private mutating func quoted(by quote: UInt8) throws(Problem) -> [UInt8] {
        let start = position
        while position < line.count, line[position] != quote {
            position += line[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard position < line.count else { throw Problem("a quote that is never closed") }
        let bytes = line[start..<position]
        position += 1
        return Self.unescaped(bytes)
    }

    /// The bytes with `\n`, `\r`, `\t` made what they stand for, and other escaped bytes themselves.
    private static func unescaped(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> [UInt8] {
        guard bytes.contains(UInt8(ascii: "\\")) else { return Array(bytes) }
        var result: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.endIndex {
                index += 1
                switch bytes[index] {
                case UInt8(ascii: "n"): result.append(10)
                case UInt8(ascii: "r"): result.append(13)
                case UInt8(ascii: "t"): result.append(9)
                case let byte: result.append(byte)
                }
            } else {
                result.append(bytes[index])
            }
            index += 1
        }
        return result
    }
}
