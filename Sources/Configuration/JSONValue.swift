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

    /// Reads JSON5 (comments, trailing commas, bare keys) through Foundation's decoder.
    ///
    /// Throws ``ConfigurationError`` with the decoder's own words for the place of a syntax error.
    package init(json5 bytes: some Sequence<UInt8>, source: String) throws {
        let bytes = Array(bytes)
        // Foundation's reader of JSON5 traps on some bytes that are no UTF-8, such as those in a comment.
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw ConfigurationError(path: source, problem: "is not UTF-8 text")
        }
        var numbers = JSON5Numbers(bytes)
        if let malformed = numbers.firstMalformed() {
            throw ConfigurationError(
                path: source,
                problem: "not valid JSON5: \"\(malformed.text)\" in line \(malformed.line) is no number")
        }
        let decoder = JSONDecoder()
        decoder.allowsJSON5 = true
        do {
            // A number at the very end makes it look one byte further, and trap by what it finds: a line break ends
            // every number.
            self = try decoder.decode(JSONValue.self, from: Data(bytes + [UInt8(ascii: "\n")]))
        } catch DecodingError.dataCorrupted(let context) {
            let underlying = context.underlyingError as? CocoaError
            let detail = (underlying?.userInfo["NSDebugDescription"] as? String) ?? context.debugDescription
            throw ConfigurationError(path: source, problem: "not valid JSON5: \(detail)")
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError(path: source, problem: "not valid JSON5: \(error)")
        }
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

extension JSONValue: Codable {
    /// Lists and objects may be nested so deep: more than any document of ours, and little enough that reading takes
    /// time in proportion to the text. Foundation's decoder spells the way to a value out at every attempt to read it.
    package static let depthLimit = 64

    /// Any key is taken.
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            guard value.isFinite else {
                throw ConfigurationError(
                    path: Self.path(of: decoder), problem: "must be a finite number, not \(value)")
            }
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else {
            self = try Self.nested(decoder)
        }
    }

    /// A list or an object; what is wrong inside it is thrown as it is.
    private static func nested(_ decoder: any Decoder) throws -> JSONValue {
        guard decoder.codingPath.count < depthLimit else {
            throw ConfigurationError(
                path: path(of: decoder), problem: "lies deeper than \(depthLimit) levels")
        }
        if var items = try? decoder.unkeyedContainer() {
            var values: [JSONValue] = []
            while !items.isAtEnd { values.append(try items.decode(JSONValue.self)) }
            return .array(values)
        }
        let members = try decoder.container(keyedBy: Key.self)
        var values: [String: JSONValue] = [:]
        for key in members.allKeys {
            values[key.stringValue] = try members.decode(JSONValue.self, forKey: key)
        }
        return .object(values)
    }

    /// The way to the value, cut where it is too long for a message.
    private static func path(of decoder: any Decoder) -> String {
        let path = decoder.codingPath
        let text = path.prefix(8).map { key in key.intValue.map(String.init) ?? key.stringValue }
        return text.joined(separator: ".") + (path.count > 8 ? "..." : "")
    }

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
