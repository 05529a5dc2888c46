internal import Configuration

/// Cuts text into tokens, whole numbers in `0..<vocabularySize`, and puts tokens together again.
///
/// Adding a tokeniser is one file with a type that conforms, plus one line in ``TokenizerCatalog``.
package protocol Tokenizer: Sendable {
    /// Name in a configuration, such as `"byte"`.
    static var kind: String { get }
    /// The files of a vocabulary that it reads.
    static var files: Set<TokenizerOptions.File> { get }

    /// Reads the vocabulary files that `options` name, relative to `folder`. Throws ``ConfigurationError`` naming the
    /// file, the place and the fault in one line.
    init(_ options: TokenizerOptions, folder: String) throws

    /// How many tokens there are.
    var vocabularySize: Int { get }
    /// What fills a sequence up.
    var padding: Int32 { get }
    /// The tokens that a text for classification begins and ends with; nil where there are none.
    var frame: (start: Int32, end: Int32)? { get }
    /// What a model's file says of the tokeniser, so that every site means the same by a token.
    var schema: TokenizerSchema { get }

    /// Appends the tokens of `text`, which is UTF-8. `cache` remembers words and is used with this tokeniser only.
    func append(_ text: UnsafeBufferPointer<UInt8>, to tokens: inout [Int32], cache: inout WordCache)
    /// The text of these tokens, as far as they tell it. A number that is no token stands for no text.
    func decode(_ tokens: [Int32]) -> String

    /// Whether ``append(_:to:cache:)`` gives numbers that become tokens by ``settle(_:)`` only, after
    /// ``learn(from:)``.
    var awaitsVocabulary: Bool { get }
    /// Learns the vocabulary from such numbers. Throws ``ConfigurationError`` under `file` where there are too many.
    mutating func learn(from numbers: [Int32], file: String) throws
    /// Turns such numbers into tokens.
    func settle(_ numbers: inout [Int32])
}

extension Tokenizer {
    package static var files: Set<TokenizerOptions.File> { [] }
    package var padding: Int32 { 0 }
    package var frame: (start: Int32, end: Int32)? { nil }
    package var awaitsVocabulary: Bool { false }
    package mutating func learn(from numbers: [Int32], file: String) throws {}
    package func settle(_ numbers: inout [Int32]) {}

    /// The tokens of a text.
    package func encode(_ text: String) -> [Int32] {
        var (tokens, cache, text) = ([Int32](), WordCache(), text)
        text.withUTF8 { append($0, to: &tokens, cache: &cache) }
        return tokens
    }
}

/// Every tokeniser, one line an entry.
package enum TokenizerCatalog {
    package static let all: [any Tokenizer.Type] = [
        ByteTokenizer.self,
        CharacterTokenizer.self,
        BytePairTokenizer.self,
        WordPieceTokenizer.self,
    ]

    /// The tokeniser of this kind.
    static func type(_ kind: String) -> (any Tokenizer.Type)? { all.first { $0.kind == kind } }

    /// The tokeniser that `options` name, with what a model's `schema` says of it where there is one. Throws
    /// ``ConfigurationError``, also where the two mean different tokens.
    package static func tokenizer(
        _ options: TokenizerOptions, schema: TokenizerSchema? = nil, folder: String
    ) throws -> any Tokenizer {
        guard let type = type(options.kind) else {
            throw ConfigurationError(
                path: "\(options.path).kind",
                problem: Section.unknownName(options.kind, known: all.map { $0.kind }))
        }
        if let schema, schema.kind != options.kind {
            throw ConfigurationError(
                path: "\(options.path).kind",
                problem: "is \"\(options.kind)\", but the model reads the tokens of \"\(schema.kind)\"")
        }
        if let alphabet = schema?.alphabet { return CharacterTokenizer(alphabet: alphabet) }
        var options = options
        options.lowercase = options.lowercase ?? schema?.lowercase
        let tokenizer = try type.init(options, folder: folder)
        if let schema, let difference = tokenizer.schema.difference(from: schema) {
            throw ConfigurationError(path: options.path, problem: "is not the model's: \(difference)")
        }
        return tokenizer
    }
}
