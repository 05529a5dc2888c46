package import Configuration

/// What is told of a token.
package struct TokenView {
    private let record: TokenRecord
    private let now: Int

    /// As it stands at `now`, in seconds since 1970.
    package init(_ record: TokenRecord, now: Int) {
        self.record = record
        self.now = now
    }

    /// The token as JSON, without its hash.
    package var json: JSONValue {
        var members = Self.members(record)
        members["expired"] = .bool(record.hasExpired(at: now))
        return .object(members)
    }

    /// The members that tell of a token made just now, itself among them.
    package static func members(of made: AdminTokenFile.Made) -> [String: JSONValue] {
        var members = members(made.record)
        members["token"] = .string(made.token)
        return members
    }

    private static func members(_ record: TokenRecord) -> [String: JSONValue] {
        [
            "name": .string(record.name), "role": .string(record.role.rawValue),
            "scopes": record.scopeWords.map { .array($0.map { .string($0) }) } ?? .null,
            "created": record.created.map { .integer($0) } ?? .null,
            "expires": record.expires.map { .integer($0) } ?? .null,
        ]
    }
}
