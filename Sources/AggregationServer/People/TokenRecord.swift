internal import Configuration
internal import Cryptography
internal import Notation
internal import Operations

/// What the file of tokens has of one: who holds it, what it is good for and until when, and its hash.
package struct TokenRecord: Equatable, Sendable {
    package let name: String
    package let role: AdminRole
    /// SHA-256 of the token.
    let hash: [UInt8]
    /// Seconds since 1970; nil: without end.
    package var expires: Int?
    /// The rights that it is narrowed to; nil: all of its role.
    package let scopes: Set<AdminRight>?
    /// Seconds since 1970; nil where nobody wrote it down.
    package var created: Int?

    /// The name of the server's own lines in logs and ledgers, which no person has.
    static let reserved = "server"

    /// Whether its time is over at `now`, in seconds since 1970.
    package func hasExpired(at now: Int) -> Bool { expires.map { $0 <= now } ?? false }

    /// Its holder, as far as the token goes.
    var administrator: Administrator { Administrator(name: name, role: role, scopes: scopes) }

    /// The words of its scopes, sorted; nil: all of its role.
    package var scopeWords: [String]? { scopes.map { $0.map(\.rawValue).sorted() } }

    /// A fresh token for this holder, which is told once, and what is kept of it. Throws where there is no randomness.
    static func make(
        name: String, role: AdminRole, scopes: Set<AdminRight>?, expires: Int?, created: Int
    ) throws -> (token: String, record: TokenRecord) {
        let token = "sa1." + Hexadecimal.text(of: try SecureRandom.bytes(count: 32))
        let hash = try SHA256.hash(Array(token.utf8))
        return (
            token,
            TokenRecord(
                name: name, role: role, hash: hash, expires: expires, scopes: scopes, created: created)
        )
    }

    /// The rights that words name. Throws ``ConfigurationError`` at `path` for a word that is none, with the nearest, and
    /// for one that the role does not have.
    package static func scopes(_ words: [String], of role: AdminRole, path: String) throws -> Set<AdminRight>
    {
        guard !words.isEmpty else {
            throw ConfigurationError(path: path, problem: "names nothing; leave it out for all of the role")
        }
        return Set(
            try words.map { word in
                guard let right = AdminRight(rawValue: word) else {
                    throw ConfigurationError(
                        path: path,
                        problem: Section.unknownName(word, known: AdminRight.allCases.map(\.rawValue)))
                }
                guard role.rights.contains(right) else {
                    let known = role.rights.map(\.rawValue).sorted().joined(separator: ", ")
                    throw ConfigurationError(
                        path: path,
                        problem:
                            "\"\(word)\" is nothing that a token of role \(role.rawValue) can do; it has \(known)"
                    )
                }
                return right
            })
    }
}

extension TokenRecord {
    /// Reads an entry of the file. Throws ``ConfigurationError``.
    init(_ section: Section) throws {
        guard let name = try section.string("name"), !name.isEmpty else {
            throw section.error("name", "is missing")
        }
        guard name != Self.reserved else { throw section.error("name", "\"\(name)\" is the server itself") }
        guard let role = try section.choice("role", of: AdminRole.self) else {
            throw section.error("role", "is missing: \(AdminRole.words)")
        }
        guard let text = try section.string("sha256"), let hash = Hexadecimal.bytes(of: text, count: 32)
        else {
            throw section.error("sha256", "must be 64 lower-case hexadecimal digits")
        }
        self.name = name
        self.role = role
        self.hash = hash
        expires = try section.integer("expires")
        created = try section.integer("created")
        scopes = try section.list("scopes").map { items in
            let words = try items.map { item in
                guard case .string(let word) = item else {
                    throw section.error("scopes", "must be a list of words such as [\"runs:read\"]")
                }
                return word
            }
            return try Self.scopes(words, of: role, path: section.error("scopes", "").path)
        }
        try section.finish()
    }

    /// The entry as the file has it.
    var json: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "role": .string(role.rawValue),
            "sha256": .string(Hexadecimal.text(of: hash)),
            "expires": expires.map { .integer($0) } ?? .null,
        ]
        if let created { members["created"] = .integer(created) }
        if let scopeWords { members["scopes"] = .array(scopeWords.map { .string($0) }) }
        return .object(members)
    }
}
