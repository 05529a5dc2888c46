internal import Configuration

/// A token for each Unicode scalar of an alphabet, in the order of their code points, and a last one for all others.
///
/// The alphabet is learnt from the training text, and travels with the model: a site never has one of its own.
package struct CharacterTokenizer: Tokenizer {
    package static let kind = "character"

    private var alphabet: [Unicode.Scalar] = []
    /// The token of each scalar up to the alphabet's last.
    private var places: [Int32] = []

    package init(_ options: TokenizerOptions, folder: String) {}

    /// `alphabet` must ascend.
    init(alphabet: [Unicode.Scalar]) { adopt(alphabet) }

    package var vocabularySize: Int { alphabet.count + 1 }
    package var awaitsVocabulary: Bool { alphabet.isEmpty }
    package var schema: TokenizerSchema {
        var schema = TokenizerSchema(kind: Self.kind, size: vocabularySize)
        schema.alphabet = alphabet
        return schema
    }

    private var unknown: Int32 { Int32(alphabet.count) }

    /// Without an alphabet yet, the numbers of the scalars.
    package func append(
        _ text: UnsafeBufferPointer<UInt8>, to tokens: inout [Int32], cache: inout WordCache
    ) {
        tokens.reserveCapacity(tokens.count + text.count)
        var reader = UTF8Reader(text)
        if awaitsVocabulary {
            while let scalar = reader.next() { tokens.append(Int32(scalar.value)) }
            return
        }
        let unknown = unknown
        places.withUnsafeBufferPointer { places in
            while let scalar = reader.next() {
                let value = Int(scalar.value)
                tokens.append(value < places.count ? places[value] : unknown)
            }
        }
    }

    /// A token for an unknown character stands for U+FFFD.
    package func decode(_ tokens: [Int32]) -> String {
        var text = String.UnicodeScalarView()
        for token in tokens where token >= 0 && token <= unknown {
            text.append(token < unknown ? alphabet[Int(token)] : "\u{FFFD}")
        }
        return String(text)
    }

    package mutating func learn(from numbers: [Int32], file: String) throws {
        var isThere = [Bool](repeating: false, count: Int(max(numbers.max() ?? 0, 0)) + 1)
        for number in numbers where isThere.indices.contains(Int(number)) { isThere[Int(number)] = true }
        let found = isThere.indices.compactMap { isThere[$0] ? Unicode.Scalar(UInt32($0)) : nil }
        guard !found.isEmpty, found.count < TokenizerSchema.alphabetLimit else {
            throw ConfigurationError(
                path: file, problem: "has \(found.count) different characters, which is no alphabet")
        }
        adopt(found)
    }

    package func settle(_ numbers: inout [Int32]) {
        let unknown = unknown
        places.withUnsafeBufferPointer { places in
            for index in numbers.indices {
                let number = Int(numbers[index])
                // Below zero is no character but a position without a target.
                if number >= 0 { numbers[index] = number < places.count ? places[number] : unknown }
            }
        }
    }

    private mutating func adopt(_ alphabet: [Unicode.Scalar]) {
        self.alphabet = alphabet
        places = [Int32](repeating: unknown, count: alphabet.last.map { Int($0.value) + 1 } ?? 0)
        for (token, scalar) in alphabet.enumerated() { places[Int(scalar.value)] = Int32(token) }
    }
}
