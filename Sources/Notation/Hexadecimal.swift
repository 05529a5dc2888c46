/// Bytes as text: two lower-case digits each and nothing else, so that there is one way to write them.
package enum Hexadecimal {
    /// The digits of the bytes, two each.
    package static func text(of bytes: some Collection<UInt8>) -> String {
        String(unsafeUninitializedCapacity: 2 * bytes.count) { digits in
            var place = 0
            for byte in bytes {
                digits[place] = digit(byte >> 4)
                digits[place + 1] = digit(byte & 15)
                place += 2
            }
            return place
        }
    }

    /// The bytes that `text` writes; nil for an odd number of digits or any other character, upper case included.
    package static func bytes(of text: some StringProtocol) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[place]), let low = value(digits[place + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    /// The same of exactly `count` bytes; nil for more or fewer.
    package static func bytes(of text: some StringProtocol, count: Int) -> [UInt8]? {
        text.utf8.count == 2 * count ? bytes(of: text) : nil
    }

    /// Whether `text` writes exactly `count` bytes.
    package static func isText(_ text: some StringProtocol, ofBytes count: Int) -> Bool {
        bytes(of: text, count: count) != nil
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
