/// JSON written piece by piece where its bytes are promised: in headers and in lines that are hashed.
package enum JSONText {
    /// `text` between quotation marks. Escaped are these, backslashes and control characters below U+0020, the last as
    /// `\u` and four digits; all else stands as it is.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                result += "\\u00" + Hexadecimal.text(of: CollectionOfOne(UInt8(scalar.value)))
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
