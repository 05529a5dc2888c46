/// Text that others wrote, as a terminal may show it.
enum PlainLine {
    /// The text with spaces in the place of what moves a cursor, breaks a line or turns the direction of writing.
    static func of(_ text: String) -> String {
        var plain = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: plain.append(" ")
            default: plain.append(scalar)
            }
        }
        return String(plain)
    }
}
