package import Configuration

/// The `tokenizer` of a data section: which one, and the files of its vocabulary.
package struct TokenizerOptions: Sendable, Equatable {
    /// A file of a vocabulary.
    package enum File: String, CaseIterable, Sendable { case vocabulary, merges }

    /// The section's own key path, for messages.
    package let path: String
    package let kind: String
    /// Paths of the files as given.
    package let files: [File: String]
    /// Whether text is read in small letters without accents; nil where nothing is said.
    package var lowercase: Bool?

    /// A tokeniser without files.
    package init(kind: String, path: String) {
        (self.path, self.kind, files) = (path, kind, [:])
    }

    /// Reads the section strictly. No file is touched yet. Throws ``ConfigurationError``.
    package init(_ section: Section) throws {
        path = section.path
        guard let kind = try section.string("kind") else {
            let known = TokenizerCatalog.all.map { "\"\($0.kind)\"" }.joined(separator: ", ")
            throw section.error("kind", "is missing: one of \(known)")
        }
        guard let type = TokenizerCatalog.type(kind) else {
            throw section.error(
                "kind", Section.unknownName(kind, known: TokenizerCatalog.all.map { $0.kind }))
        }
        self.kind = kind
        var files: [File: String] = [:]
        for file in File.allCases {
            let name = try section.string(file.rawValue)
            guard (name != nil) == type.files.contains(file) else {
                throw section.error(
                    file.rawValue,
                    name == nil
                        ? "is missing: the \(kind) tokenizer reads a file"
                        : "is nothing that the \(kind) tokenizer reads")
            }
            files[file] = name
        }
        self.files = files
        lowercase = try section.bool("lowercase")
        if lowercase != nil, kind != WordPieceTokenizer.kind {
            throw section.error("lowercase", "is for the \(WordPieceTokenizer.kind) tokenizer only")
        }
        try section.finish()
    }

    /// The bytes of a vocabulary file. Throws ``ConfigurationError`` where there is none, or it is larger than
    /// `limit`.
    func read(_ file: File, limit: Int, folder: String) throws -> (bytes: [UInt8], path: String) {
        guard let name = files[file] else {
            throw ConfigurationError(path: "\(path).\(file.rawValue)", problem: "is missing")
        }
        let absolute = InputFile.resolve(name, folder: folder)
        let bytes = try InputFile.read(absolute, limit: limit)
        return (bytes, absolute)
    }
}

/// What a model's file says of a tokeniser: what its tokens mean.
package struct TokenizerSchema: Sendable, Equatable {
    package let kind: String
    /// How many tokens there are.
    package let size: Int
    /// Characters in the order of their tokens, for ``CharacterTokenizer``.
    package var alphabet: [Unicode.Scalar]?
    /// A digest of the vocabulary's tokens in their order, where it lies in files. It tells files apart that were
    /// mixed up, and is no proof against an author who means harm.
    package var fingerprint: UInt64?
    /// Whether text is read in small letters without accents.
    package var lowercase: Bool?

    /// Most characters of an alphabet.
    static let alphabetLimit = 1 << 17

    init(kind: String, size: Int) { (self.kind, self.size) = (kind, size) }

    /// As JSON.
    var json: JSONValue {
        var members: [String: JSONValue] = ["kind": .string(kind), "size": .integer(size)]
        if let alphabet {
            var text = String.UnicodeScalarView()
            text.append(contentsOf: alphabet)
            members["alphabet"] = .string(String(text))
        }
        if let fingerprint { members["fingerprint"] = .string(Self.text(fingerprint)) }
        if let lowercase { members["lowercase"] = .bool(lowercase) }
        return .object(members)
    }

    /// Reads what ``json`` gave. Throws ``ConfigurationError`` for anything else.
    init(_ section: Section) throws {
        guard let kind = try section.string("kind"), let type = TokenizerCatalog.type(kind) else {
            throw section.error("kind", "must name a tokenizer")
        }
        guard let size = try section.integer("size", in: 1...Int(Int32.max)) else {
            throw section.error("size", "is missing")
        }
        (self.kind, self.size) = (kind, size)
        if let text = try section.string("alphabet") {
            let alphabet = Array(text.unicodeScalars)
            guard !alphabet.isEmpty, alphabet.count < Self.alphabetLimit, size == alphabet.count + 1,
                zip(alphabet, alphabet.dropFirst()).allSatisfy({ $0 < $1 })
            else {
                throw section.error("alphabet", "must hold \(size - 1) characters in ascending order")
            }
            self.alphabet = alphabet
        }
        if let text = try section.string("fingerprint") {
            guard text.utf8.count == 16, let value = UInt64(text, radix: 16) else {
                throw section.error("fingerprint", "must be 16 hexadecimal digits")
            }
            fingerprint = value
        }
        lowercase = try section.bool("lowercase")
        guard (alphabet != nil) == (kind == CharacterTokenizer.kind) else {
            throw section.error("alphabet", "goes with the character tokenizer, and only with that")
        }
        guard (fingerprint != nil) == !type.files.isEmpty else {
            throw section.error("fingerprint", "goes with a tokenizer whose vocabulary lies in files")
        }
        try section.finish()
    }

    /// In which way another tokeniser means something else, in one line; nil where both mean the same.
    func difference(from other: TokenizerSchema) -> String? {
        if kind != other.kind { return "the tokenizer is \"\(kind)\", not \"\(other.kind)\"" }
        if size != other.size { return "it has \(size) tokens, not \(other.size)" }
        if alphabet != other.alphabet { return "its alphabet has other characters" }
        if fingerprint != other.fingerprint { return "its vocabulary has other tokens or another order" }
        if lowercase != other.lowercase { return "one reads small letters only, the other does not" }
        return nil
    }

    private static func text(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
