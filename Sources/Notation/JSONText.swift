/// JSON written piece by piece where its bytes are promised: in headers and in lines that are hashed.
package enum JSONText {
    /// `text` between quotation marks. Escaped are these, backslashes and control characters below U+0020, the last as
    /// `\u` and four digits; all else stands as it is.
    package static func quoted(_ text: String) -> String {
        var text = text
        return text.withUTF8 { bytes in
            let longer = bytes.reduce(2) { $0 + escapedCount($1) - 1 }
            return String(unsafeUninitializedCapacity: bytes.count + longer) { result in
                var place = 0
                func append(_ byte: UInt8) {
                    result[place] = byte
                    place += 1
                }
                append(quotationMark)
                for byte in bytes {
                    switch escapedCount(byte) {
                    case 1: append(byte)
                    case 2:
                        append(backslash)
                        append(byte)
                    default:
                        for sign in "\\u00".utf8 { append(sign) }
                        for digit in Hexadecimal.text(of: CollectionOfOne(byte)).utf8 { append(digit) }
                    }
                }
                append(quotationMark)
                return place
            }
        }
    }

    private static let quotationMark = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")

    /// Bytes that stand for a byte of UTF-8 text.
    private static func escapedCount(_ byte: UInt8) -> Int {
        byte == quotationMark || byte == backslash ? 2 : byte < 0x20 ? 6 : 1
    }
}
