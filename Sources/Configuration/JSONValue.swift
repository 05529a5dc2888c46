internal import FoundationEssentials

/// A JSON or JSON5 document as plain data, before anything is known of its meaning.
package enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    /// A whole number that fits in 64 bits.
    case integer(Int)
    /// Any other finite number.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Lists and objects may be nested so deep: more than any document of ours, and little enough for every stack.
    package static let depthLimit = 64

    /// Reads JSON5 (comments, trailing commas, bare keys).
    ///
    /// Throws ``ConfigurationError`` with line and column, what was met there, and what was expected; also where a key
    /// stands twice in one object.
    package init(json5 bytes: some Sequence<UInt8>, source: String) throws {
        let bytes = Array(bytes)
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw ConfigurationError(path: source, problem: "is not UTF-8 text")
        }
        var parser = JSON5Parser(bytes, source: source)
        self = try parser.document()
    }

    /// What a reader would call this value, for messages.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }

    /// JSON text with sorted keys, on one line or indented. Doubles print their shortest exact form.
    package func text(indented: Bool = false) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if indented { encoder.outputFormatting.insert(.prettyPrinted) }
        // Encoding cannot fail: non-finite numbers are mapped to null below and all keys are strings.
        guard let data = try? encoder.encode(self) else { return "null" }
        return String(decoding: data, as: UTF8.self)
    }
}

extension JSONValue: Encodable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value):
            if value.isFinite { try container.encode(value) } else { try container.encodeNil() }
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
