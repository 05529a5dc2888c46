internal import FoundationEssentials
internal import Notation

/// A JSON value that has exactly one text: keys sorted, no spaces, numbers shortest.
///
/// Numbers are `Double`; whole ones below 2^53 print without a point. Infinite ones do not exist in JSON:
/// `LedgerValue.number` prints them as the strings "inf" and "-inf", as the accountants' figures may be.
package enum LedgerValue: Hashable, Sendable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([LedgerValue])
    case object([String: LedgerValue])

    /// The one text of this value.
    package var canonicalText: String {
        switch self {
        case .null: "null"
        case .boolean(let value): value ? "true" : "false"
        case .number(let value): Self.text(of: value)
        case .string(let value): JSONText.quoted(value)
        case .array(let values): "[" + values.map(\.canonicalText).joined(separator: ",") + "]"
        case .object(let fields):
            "{"
                + fields.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
                .map { JSONText.quoted($0.key) + ":" + $0.value.canonicalText }
                .joined(separator: ",") + "}"
        }
    }

    /// The value of a text, or nil unless the text is exactly what `canonicalText` would print for it.
    package init?(canonical bytes: some Sequence<UInt8>) {
        let data = Data(bytes)
        // Nested any deeper, a line is hostile: no ledger line has more than four levels.
        guard Self.depth(of: data) <= 16, let value = try? JSONDecoder().decode(LedgerValue.self, from: data)
        else {
            return nil
        }
        guard value.canonicalText.utf8.elementsEqual(data) else { return nil }
        self = value
    }

    /// The text of a string value.
    package var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The number of a number value that is whole and fits.
    package var integer: Int? { if case .number(let value) = self { Int(exactly: value) } else { nil } }
    /// The number of a number value or of "inf" and "-inf".
    package var number: Double? {
        switch self {
        case .number(let value): value
        case .string("inf"): .infinity
        case .string("-inf"): -.infinity
        default: nil
        }
    }
    /// The elements of an array value.
    package var array: [LedgerValue]? { if case .array(let values) = self { values } else { nil } }
    /// The fields of an object value.
    package var object: [String: LedgerValue]? { if case .object(let fields) = self { fields } else { nil } }

    private static func text(of number: Double) -> String {
        guard number.isFinite else { return number < 0 ? "\"-inf\"" : number > 0 ? "\"inf\"" : "\"nan\"" }
        if let whole = Int64(exactly: number), whole.magnitude < 1 << 53 { return String(whole) }
        // Shortest text that reads back as the same number.
        return number.description
    }

    /// Upper bound of the nesting: brackets within strings count too.
    private static func depth(of data: Data) -> Int {
        var depth = 0
        var deepest = 0
        for byte in data {
            if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { depth += 1 }
            if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") { depth -= 1 }
            deepest = max(deepest, depth)
        }
        return deepest
    }
}

extension LedgerValue: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let values = try? container.decode([LedgerValue].self) {
            self = .array(values)
        } else {
            self = .object(try container.decode([String: LedgerValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let values): try container.encode(values)
        case .object(let fields): try container.encode(fields)
        }
    }
}
