/// A piece of HTML or inline SVG whose text is escaped by construction.
///
/// Only literals of the source code become markup as they stand. Every interpolated string is escaped, so
/// that a task or class named `<script>` shows as that text and nothing else; there is no initialiser that
/// takes markup from a run-time string. Tags are written as XML wants them (closed, attributes quoted), so
/// that a whole page can be checked by an XML parser.
package struct HTML: Equatable, Sendable, ExpressibleByStringInterpolation {
    /// The finished markup.
    package private(set) var markup: String

    /// Nothing.
    package init() {
        markup = ""
    }

    /// Markup as written in the source code.
    package init(stringLiteral value: StaticString) {
        markup = value.description
    }

    /// Literal markup with escaped values.
    package init(stringInterpolation: StringInterpolation) {
        markup = stringInterpolation.markup
    }

    /// `text` escaped.
    package init(text: String) {
        self = "\(text)"
    }

    /// Appends a piece.
    package static func += (left: inout HTML, right: HTML) {
        left.markup += right.markup
    }

    /// Collects a literal's parts: literals pass, values are escaped.
    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var markup = ""

        package init(literalCapacity: Int, interpolationCount: Int) {
            markup.reserveCapacity(literalCapacity + 16 * interpolationCount)
        }

        /// Markup of the source code.
        package mutating func appendLiteral(_ literal: StaticString) {
            markup += literal.description
        }

        /// Text, escaped for element content and for quoted attributes alike.
        package mutating func appendInterpolation(_ text: String) {
            HTML.appendEscaped(text, to: &markup)
        }

        /// A piece that is markup already.
        package mutating func appendInterpolation(_ piece: HTML) {
            markup += piece.markup
        }

        /// Pieces in order.
        package mutating func appendInterpolation(_ pieces: [HTML]) {
            for piece in pieces { markup += piece.markup }
        }

        /// A whole number without separators.
        package mutating func appendInterpolation(_ number: Int) {
            markup += String(number)
        }

        /// A coordinate or length to a hundredth. Never "nan" or "inf": see ``HTML/coordinate(_:)``.
        package mutating func appendInterpolation(_ coordinate: Double) {
            markup += HTML.coordinate(coordinate)
        }
    }

    /// A drawing coordinate to a hundredth of a unit, without a superfluous fraction.
    ///
    /// Charts leave out values that are not finite before they get here; should one get here, it is written
    /// as 0, because one "nan" in a path makes a browser drop the whole path.
    static func coordinate(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e9 else { return "0" }
        let hundredths = Int((value * 100).rounded())
        let whole = abs(hundredths) / 100
        let fraction = abs(hundredths) % 100
        let sign = hundredths < 0 ? "-" : ""
        if fraction == 0 { return "\(sign)\(whole)" }
        if fraction % 10 == 0 { return "\(sign)\(whole).\(fraction / 10)" }
        return "\(sign)\(whole).\(fraction < 10 ? "0" : "")\(fraction)"
    }

    private static func appendEscaped(_ text: String, to markup: inout String) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": markup += "&amp;"
            case "<": markup += "&lt;"
            case ">": markup += "&gt;"
            case "\"": markup += "&quot;"
            case "'": markup += "&#39;"
            case "\n", "\t": markup.unicodeScalars.append(scalar)
            default:
                // Control characters and U+FFFE, U+FFFF may stand in no XML document, escaped or not.
                let forbidden =
                    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                    || scalar.value == 0xFFFE || scalar.value == 0xFFFF
                markup.unicodeScalars.append(forbidden ? "\u{FFFD}" : scalar)
            }
        }
    }
}

/// The `d` attribute of an SVG path, point by point.
struct VectorPath {
    /// What has been drawn so far.
    private(set) var data = ""

    /// Lifts the pen and puts it down at a point.
    mutating func move(_ x: Double, _ y: Double) {
        data += "M\(HTML.coordinate(x)) \(HTML.coordinate(y))"
    }

    /// Draws a straight line to a point.
    mutating func line(_ x: Double, _ y: Double) {
        data += "L\(HTML.coordinate(x)) \(HTML.coordinate(y))"
    }

    /// Draws a closed rectangle.
    mutating func rectangle(_ x: Double, _ y: Double, width: Double, height: Double) {
        let width = HTML.coordinate(width)
        data += "M\(HTML.coordinate(x)) \(HTML.coordinate(y))h\(width)v\(HTML.coordinate(height))h-\(width)z"
    }

    /// Closes the open outline.
    mutating func close() {
        data += "Z"
    }
}
