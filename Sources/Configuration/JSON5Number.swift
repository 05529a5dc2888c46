/// Numbers by the grammar of JSON5, section 6 (spec.json5.org).
enum JSON5Number {
    /// Whether a byte may stand in a number, or glued to one, where it makes it none.
    static func isPart(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
            || JSON5Character.isNameByte(byte)
    }

    /// The value of a whole text, or nil where it is no number. Whole numbers that fit in 64 bits are integers, however
    /// they are written; `Infinity`, `NaN` and what is too large are numbers that are not finite.
    static func value(of text: ArraySlice<UInt8>) -> JSONValue? {
        var digits = text
        let isNegative = text.first == UInt8(ascii: "-")
        if isNegative || text.first == UInt8(ascii: "+") { digits.removeFirst() }
        if digits.elementsEqual("Infinity".utf8) { return .number(isNegative ? -.infinity : .infinity) }
        if digits.elementsEqual("NaN".utf8) { return .number(.nan) }
        if digits.starts(with: "0x".utf8) || digits.starts(with: "0X".utf8) {
            return hexadecimal(digits.dropFirst(2), isNegative: isNegative)
        }
        return decimal(digits, isNegative: isNegative)
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>, isNegative: Bool) -> JSONValue? {
        guard !digits.isEmpty, digits.allSatisfy({ JSON5Character.hexadecimal($0) != nil }) else {
            return nil
        }
        let text = String(decoding: digits, as: UTF8.self)
        if let whole = Int((isNegative ? "-" : "") + text, radix: 16) { return .integer(whole) }
        return Double("0x" + text).map { .number(isNegative ? -$0 : $0) }
    }

    private static func decimal(_ text: ArraySlice<UInt8>, isNegative: Bool) -> JSONValue? {
        let whole = text.prefix(while: isDigit)
        guard whole.count < 2 || whole.first != UInt8(ascii: "0") else { return nil }
        if whole.count == text.count, whole.count < 19 {
            guard !whole.isEmpty else { return nil }
            let magnitude = whole.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
            return .integer(isNegative ? -magnitude : magnitude)
        }
        var rest = text.dropFirst(whole.count)
        var fraction: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix(while: isDigit)
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard whole.count + fraction.count > 0 else { return nil }
        var exponent: ArraySlice<UInt8> = []
        if let mark = rest.first {
            guard mark | 0x20 == UInt8(ascii: "e") else { return nil }
            exponent = rest.dropFirst()
            let sign = exponent.first.map { "+-".utf8.contains($0) } ?? false
            let digits = exponent.dropFirst(sign ? 1 : 0)
            guard !digits.isEmpty, digits.allSatisfy(isDigit) else { return nil }
        }
        let mantissa = fraction.isEmpty ? whole : whole + fraction
        return number(
            text, isNegative: isNegative, mantissa: mantissa, fraction: fraction.count, exponent: exponent)
    }

    /// The value of a decimal number whose parts are known: `mantissa` are its digits without the point, of which
    /// `fraction` lie behind it.
    private static func number(
        _ text: ArraySlice<UInt8>, isNegative: Bool, mantissa: ArraySlice<UInt8>, fraction: Int,
        exponent: ArraySlice<UInt8>
    ) -> JSONValue? {
        let sign = isNegative ? "-" : ""
        guard let double = Double(sign + String(decoding: text, as: UTF8.self)) else { return nil }
        if exponent.isEmpty, fraction == 0,
            let integer = Int(sign + String(decoding: mantissa, as: UTF8.self))
        {
            return .integer(integer)
        }
        guard let near = Int(exactly: double) else { return .number(double) }
        // Below 2^53 each whole number is a `Double` of its own; from there on the digits themselves must tell.
        guard double.magnitude >= 0x1p53 else { return .integer(near) }
        var digits = Array(mantissa.drop { $0 == UInt8(ascii: "0") })
        guard let power = exponent.isEmpty ? 0 : Int(String(decoding: exponent, as: UTF8.self)),
            power > -(1 << 40)
        else { return .number(double) }
        var scale = power - fraction
        while scale < 0, digits.last == UInt8(ascii: "0") {
            digits.removeLast()
            scale += 1
        }
        guard scale >= 0, digits.count + scale <= 19 else { return .number(double) }
        let spelled = String(decoding: digits, as: UTF8.self) + String(repeating: "0", count: scale)
        return Int(sign + spelled).map { .integer($0) } ?? .number(double)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
}
