internal import Configuration

/// What a model's parameters start from: `from: "gpt2.safetensors"` or `from: {file: "…", fresh: ["classifier.*"], ignore:
/// ["pooler.*"]}`.
package struct StartOptions: Sendable, Equatable {
    /// The checkpoint, relative to the configuration's folder.
    package let file: String
    private let fresh: [NamePattern]
    private let ignored: [NamePattern]

    /// Reads a file's name or the object. Throws ``ConfigurationError``.
    init(_ value: JSONValue, path: String) throws {
        if case .string(let file) = value {
            (self.file, fresh, ignored) = (file, [], [])
            return
        }
        let section = try Section(value, path: path)
        guard let file = try section.string("file"), !file.isEmpty else {
            throw section.error("file", "is missing: a safetensors file, such as \"gpt2.safetensors\"")
        }
        self.file = file
        fresh = try AdapterOptions.patterns(section, "fresh")
        ignored = try AdapterOptions.patterns(section, "ignore")
        try section.finish()
    }

    /// The object with every default filled in.
    var json: JSONValue {
        .object([
            "file": .string(file), "fresh": .array(fresh.map { .string($0.text) }),
            "ignore": .array(ignored.map { .string($0.text) }),
        ])
    }

    /// Whether the parameter starts afresh, whatever the file holds.
    package func startsFresh(_ parameter: String) -> Bool { fresh.contains { $0.matches(parameter) } }
    /// Whether a tensor of the file may be left over.
    package func ignores(_ tensor: String) -> Bool { ignored.contains { $0.matches(tensor) } }
}

/// The file that holds a model's frozen parameters: where they are not sent with every round, all who train must have it.
package struct FrozenDigest: Sendable, Hashable {
    /// SHA-256 of the file, lower-case hexadecimal.
    package let sha256: String
    /// Length of the file.
    package let bytes: Int

    package init(sha256: String, bytes: Int) { (self.sha256, self.bytes) = (sha256, bytes) }

    /// Reads `{ sha256: "…", bytes: N }` strictly.
    init(_ section: Section) throws {
        guard let sha256 = try section.string("sha256"), sha256.utf8.count == 64,
            sha256.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { throw section.error("sha256", "must be 64 lower-case hexadecimal digits") }
        guard let bytes = try section.integer("bytes", in: 8...(1 << 40)) else {
            throw section.error("bytes", "is missing: the file's length")
        }
        (self.sha256, self.bytes) = (sha256, bytes)
        try section.finish()
    }

    var json: JSONValue { .object(["sha256": .string(sha256), "bytes": .integer(bytes)]) }
}
