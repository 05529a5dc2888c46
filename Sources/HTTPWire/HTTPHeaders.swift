/// Header fields in the order they were given; names compare without regard to ASCII case.
package struct HTTPHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    /// One field.
    package struct Field: Sendable, Equatable {
        /// The name, in lower case when it was received.
        package let name: String
        /// The value, without surrounding space.
        package let value: String
    }

    /// All fields in order.
    package private(set) var fields: [Field] = []

    /// No fields.
    package init() {}

    /// The fields of a literal, in its order.
    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field(name: $0.0, value: $0.1) }
    }

    /// Adds a field after those there. Nothing is checked here: `HTTPSerializer`, the only way to the wire,
    /// refuses names that are no tokens and values with control characters.
    package mutating func append(_ name: String, _ value: String) {
        fields.append(Field(name: name, value: value))
    }

    /// The first value under `name`; setting replaces every value, setting nil removes them.
    package subscript(name: String) -> String? {
        get { fields.first { Self.same($0.name, name) }?.value }
        set {
            fields.removeAll { Self.same($0.name, name) }
            if let newValue { append(name, newValue) }
        }
    }

    /// Every value under `name`, in order.
    package func all(_ name: String) -> [String] {
        fields.filter { Self.same($0.name, name) }.map(\.value)
    }

    /// Whether the comma-separated list under `name` holds `token` (any ASCII case).
    package func list(_ name: String, contains token: String) -> Bool {
        all(name).contains { value in
            value.utf8.split(separator: UInt8(ascii: ",")).contains { part in
                let trimmed = HTTPCharacters.trimmed(ArraySlice(Array(part)))
                return trimmed.map(HTTPCharacters.lowercased)
                    .elementsEqual(token.utf8.map(HTTPCharacters.lowercased))
            }
        }
    }

    private static func same(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count
            && zip(left.utf8, right.utf8).allSatisfy {
                HTTPCharacters.lowercased($0) == HTTPCharacters.lowercased($1)
            }
    }
}
