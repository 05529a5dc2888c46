internal import Foundation

/// What the admin API answers, as JSON: names in snake_case, sorted.
enum AdminJSON {
    /// The text of a view. Throws where a number is not finite.
    static func bytes(of value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return Array(try encoder.encode(value))
    }
}
