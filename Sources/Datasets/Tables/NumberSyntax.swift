/// How a file writes its numbers: the mark before decimals, and the mark between groups of digits.
struct NumberSyntax: Equatable, Sendable {
    /// `63`, `63.5`, `1e3`: nothing between digits.
    static let plain = NumberSyntax()

    /// Byte before the decimals.
    var decimal = UInt8(ascii: ".")
    /// ASCII character between groups of digits; nil: none. A blank stands for U+00A0 and U+202F too.
    var thousands: UInt8?

    private var isPlain: Bool { decimal == UInt8(ascii: ".") && thousands == nil }

    /// The value of the whole field, or nil where it is no number in this syntax. Groups of digits must be groups:
    /// `1.5` is no 15, whatever stands between groups.
    func parse(_ field: UnsafeBufferPointer<UInt8>) -> Double? {
        if isPlain { return DecimalNumber.parse(field) }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: field.count) { buffer in
            guard let count = writePlain(field, to: buffer) else { return nil }
            return DecimalNumber.parse(UnsafeBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// The value of a whole string; see ``parse(_:)-(UnsafeBufferPointer<UInt8>)``.
    func parse(_ text: String) -> Double? { Array(text.utf8).withUnsafeBufferPointer { parse($0) } }

    /// A number as ``DecimalNumber`` reads it; other text as it is.
    func plain(_ text: String) -> String {
        if isPlain { return text }
        return Array(text.utf8).withUnsafeBufferPointer { field in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: field.count) { buffer in
                guard let count = writePlain(field, to: buffer), count > 0 else { return text }
                let written = UnsafeBufferPointer(rebasing: buffer[..<count])
                return DecimalNumber.parse(written) == nil ? text : String(decoding: written, as: UTF8.self)
            }
        }
    }

    /// Which keys would read a text that is no number in this syntax; nil where none would.
    func hint(for text: String) -> String? {
        let comma = UInt8(ascii: ",")
        let candidates: [(syntax: NumberSyntax, keys: String)] = [
            (.init(decimal: comma), "decimal: \",\""),
            (.init(thousands: comma), "thousands: \",\""),
            (.init(decimal: comma, thousands: UInt8(ascii: ".")), "decimal: \",\" and thousands: \".\""),
            (.init(decimal: comma, thousands: UInt8(ascii: " ")), "decimal: \",\" and thousands: \" \""),
            (.init(decimal: decimal, thousands: UInt8(ascii: " ")), "thousands: \" \""),
            (.init(decimal: decimal, thousands: UInt8(ascii: "'")), "thousands: \"'\""),
            (.plain, "decimal: \".\""),
        ]
        let keys = candidates.filter { $0.syntax != self && $0.syntax.parse(text) != nil }.map(\.keys)
        // `1,234` may be either; what names two marks is of interest only where nothing simpler reads it.
        let simplest = keys.filter { !$0.contains(" and ") }
        let shown = simplest.isEmpty ? Array(keys.prefix(1)) : simplest
        return shown.isEmpty ? nil : shown.joined(separator: " or ")
    }

    /// Writes the field as ``DecimalNumber`` reads numbers and returns the bytes written; nil where it holds what this
    /// syntax has not. `buffer` has room for the field.
    private func writePlain(
        _ field: UnsafeBufferPointer<UInt8>, to buffer: UnsafeMutableBufferPointer<UInt8>
    ) -> Int? {
        var (index, written) = (0, 0)
        func copy() {
            buffer[written] = field[index]
            written += 1
            index += 1
        }
        if let first = field.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") { copy() }
        var digits = 0
        var isGrouped = false
        while index < field.count {
            if field[index] &- UInt8(ascii: "0") < 10 {
                digits += 1
                copy()
            } else if let length = groupMark(field, at: index) {
                // Groups are of three; those in between of two where India's custom is followed.
                guard isGrouped ? (2...3).contains(digits) : (1...3).contains(digits) else { return nil }
                isGrouped = true
                digits = 0
                index += length
            } else {
                break
            }
        }
        guard !isGrouped || digits == 3 else { return nil }
        if index < field.count, field[index] == decimal {
            buffer[written] = UInt8(ascii: ".")
            written += 1
            index += 1
        }
        while index < field.count {
            let byte = field[index]
            // A second mark of either kind belongs to no number.
            guard byte != decimal, byte != UInt8(ascii: "."), byte != thousands else { return nil }
            copy()
        }
        return written
    }

    /// The bytes of the mark between groups at this place; nil where there is none.
    private func groupMark(_ field: UnsafeBufferPointer<UInt8>, at index: Int) -> Int? {
        guard let thousands else { return nil }
        if field[index] == thousands { return 1 }
        guard thousands == UInt8(ascii: " ") else { return nil }
        if field[index...].starts(with: [0xC2, 0xA0]) { return 2 }
        return field[index...].starts(with: [0xE2, 0x80, 0xAF]) ? 3 : nil
    }
}
