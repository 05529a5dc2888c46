internal import Foundation

/// Quantities as a reader wants them: few digits, a unit, English separators.
///
/// Every function gives an en dash for a value that is absent or not finite.
package enum Readable {
    /// Stands where there is no value.
    package static let absent = "–"

    /// Below this, powers of ten leave the range of normal numbers.
    private static let tiniest = 1e-300

    /// A fraction as a percentage with one decimal: "87.4 %". No fraction is in the millions:
    /// such are absent.
    package static func percent(_ fraction: Double?) -> String {
        guard let fraction, abs(fraction) < 1e6 else { return absent }
        return "\(fixed(fraction * 100, decimals: 1)) %"
    }

    /// Difference of two fractions in percentage points, signed: "−2.1 points".
    package static func points(_ difference: Double) -> String {
        guard abs(difference) < 1e6 else { return absent }
        let rounded = fixed(abs(difference) * 100, decimals: 1)
        return rounded == "0.0" ? "0.0 points" : "\(difference < 0 ? "−" : "+")\(rounded) points"
    }

    /// A number to `digits` significant digits, scientific where it would be long.
    package static func number(_ value: Double?, digits: Int = 4) -> String {
        guard let value, value.isFinite else { return absent }
        if abs(value) < tiniest { return "0" }
        let size = abs(value)
        if size >= 1e6 || size < 1e-3 { return scientific(value, digits: digits) }
        let whole = Int(log10(size).rounded(.down)) + 1
        return fixed(value, decimals: max(0, digits - whole))
    }

    /// A configured or calibrated number to `digits` significant digits, without superfluous zeros.
    package static func setting(_ value: Double?, digits: Int = 4) -> String {
        let parts = number(value, digits: digits).components(separatedBy: " × ")
        guard let mantissa = parts.first, mantissa.contains(".") else { return number(value, digits: digits) }
        let trimmed = mantissa.reversed().drop { $0 == "0" }.drop { $0 == "." }
        return ([String(trimmed.reversed())] + parts.dropFirst()).joined(separator: " × ")
    }

    /// A privacy loss, rounded up so that the text never claims less than was spent.
    package static func epsilon(_ value: Double?) -> String {
        guard let value, value.isFinite, value >= 0 else { return absent }
        if value == 0 { return "0" }
        if value < tiniest { return scientific(tiniest, digits: 3) }
        if value >= 1e6 { return scientific(value, digits: 3, roundingUp: true) }
        if value >= 0.1 { return fixed((value * 100).rounded(.up) / 100, decimals: 2) }
        return scientificOrShort(value)
    }

    /// A probability such as δ: "1 × 10⁻⁵".
    package static func probability(_ value: Double?) -> String {
        guard let value, value.isFinite else { return absent }
        return value == 0 ? "0" : setting(value, digits: 3)
    }

    /// A whole number with separators: "12,345".
    package static func count(_ value: Int) -> String {
        let digits = String(value.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return value < 0 ? "−\(text)" : text
    }

    /// A count with its noun: "1 round", "30 rounds".
    package static func count(_ value: Int, _ noun: String) -> String {
        "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
    }

    /// Bytes in decimal units: "1.24 MB".
    package static func bytes(_ value: Int) -> String {
        var size = Double(value)
        for unit in ["B", "kB", "MB", "GB", "TB"] {
            if abs(size) < 999.5 || unit == "TB" {
                return unit == "B" ? "\(count(value)) B" : "\(number(size, digits: 3)) \(unit)"
            }
            size /= 1000
        }
        return absent
    }

    /// The decimal unit in which a total of bytes is readable, and its size in bytes.
    static func byteUnit(_ total: Int) -> (name: String, size: Double) {
        let units = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)]
        return units.first { Double(total) >= 2 * $0.1 } ?? ("B", 1)
    }

    /// The unit in which a total of milliseconds is readable, and its size in milliseconds.
    static func timeUnit(_ total: Int) -> (name: String, size: Double) {
        let units = [("days", 86_400_000.0), ("hours", 3_600_000), ("minutes", 60_000), ("seconds", 1000)]
        return units.first { Double(total) >= 2 * $0.1 } ?? ("milliseconds", 1)
    }

    /// A duration: "850 µs", "24.1 ms", "3.42 s", "5 min 12 s", "2 h 7 min".
    package static func duration(_ seconds: Double?) -> String {
        guard let seconds, seconds.isFinite, seconds >= 0 else { return absent }
        if seconds == 0 { return "0 s" }
        if seconds < 1e-3 { return "\(number(seconds * 1e6, digits: 3)) µs" }
        if seconds < 0.9995 { return "\(number(seconds * 1e3, digits: 3)) ms" }
        if seconds < 99.95 { return "\(number(seconds, digits: 3)) s" }
        guard seconds < 1e12 else { return "\(number(seconds, digits: 3)) s" }
        let whole = Int(seconds.rounded())
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        if whole < 172_800 { return "\(whole / 3600) h \(whole % 3600 / 60) min" }
        return "\(count(whole / 86400)) d \(whole % 86400 / 3600) h"
    }

    /// Decimal notation with exactly `decimals` places and a true minus sign.
    package static func fixed(_ value: Double, decimals: Int) -> String {
        let text = String(format: "%.\(max(0, decimals))f", abs(value))
        let isZero = !text.contains { ("1"..."9").contains($0) }
        return value < 0 && !isZero ? "−\(text)" : text
    }

    private static func scientificOrShort(_ value: Double) -> String {
        guard value < 1e-3 else { return fixed((value * 1e4).rounded(.up) / 1e4, decimals: 4) }
        return scientific(value, digits: 3, roundingUp: true)
    }

    private static func scientific(_ value: Double, digits: Int, roundingUp: Bool = false) -> String {
        var exponent = Int(log10(abs(value)).rounded(.down))
        let scale = pow(10, Double(digits - 1))
        var mantissa = value / pow(10, Double(exponent)) * scale
        mantissa = roundingUp ? mantissa.rounded(.up) : mantissa.rounded()
        mantissa /= scale
        if abs(mantissa) >= 10 {
            mantissa /= 10
            exponent += 1
        }
        return "\(fixed(mantissa, decimals: digits - 1)) × 10\(superscript(exponent))"
    }

    private static func superscript(_ exponent: Int) -> String {
        let raised: [Character: Character] = [
            "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷",
            "8": "⁸",
            "9": "⁹",
        ]
        return String(String(exponent).compactMap { raised[$0] })
    }
}
