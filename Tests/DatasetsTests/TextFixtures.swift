import Configuration
import Foundation
import TestSupport

@testable import Datasets

/// Small vocabularies with recorded tokens of texts, and folders that hold the vocabularies as published files.
struct TokenizerVectors: Decodable {
    struct BytePairs: Decodable {
        let vocabulary: [String]
        let merges: [String]
    }

    struct WordPieces: Decodable { let vocabulary: [String] }

    struct Case: Decodable {
        let text: String
        let bpe: [Int32]
        let wordpiece: [Int32]
        // The file has the name in Python's spelling.
        let wordpieceCased: [Int32]
    }

    let bpe: BytePairs
    let wordpiece: WordPieces
    let cases: [Case]

    static func load() throws -> TokenizerVectors {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(TokenizerVectors.self, from: Vectors.data("tokenizers.json"))
    }

    /// Writes the vocabularies as `vocab.json`, `merges.txt` and `vocab.txt`.
    func write(to folder: InputFolder) throws {
        let members = bpe.vocabulary.enumerated().map { "\(Self.quoted($1)): \($0)" }
        try folder.write("vocab.json", "{" + members.joined(separator: ", ") + "}")
        try folder.write("merges.txt", "#version: 0.2\n" + bpe.merges.joined(separator: "\n") + "\n")
        try folder.write("vocab.txt", wordpiece.vocabulary.joined(separator: "\n") + "\n")
    }

    private static func quoted(_ text: String) -> String { JSONValue.string(text).text() }
}

extension InputFolder {
    /// The tokeniser of these keys, its files in this folder.
    func tokenizer(_ keys: String, schema: TokenizerSchema? = nil) throws -> any Tokenizer {
        let section = try Section(
            JSONValue(json5: "{\(keys)}".utf8, source: "test"), path: "data.tokenizer")
        return try TokenizerCatalog.tokenizer(TokenizerOptions(section), schema: schema, folder: path)
    }

    /// The message with which the tokeniser is refused, the folder cut off; empty where it is not.
    func tokenizerRefusal(_ keys: String, schema: TokenizerSchema? = nil) throws -> String {
        do {
            _ = try tokenizer(keys, schema: schema)
            return ""
        } catch let error as ConfigurationError {
            return error.description.replacingOccurrences(of: path + "/", with: "")
        }
    }

    /// GPT-2's and BERT's tokenisers over the recorded small vocabularies.
    static let bpe = "kind: 'bpe', vocabulary: 'vocab.json', merges: 'merges.txt'"
    static let wordpiece = "kind: 'wordpiece', vocabulary: 'vocab.txt'"
}

extension SeededNumbers {
    /// Text of mixed scripts, marks, emoji and white space.
    mutating func text(scalars count: Int) -> String {
        let blocks: [ClosedRange<UInt32>] = [
            0x20...0x7E, 0x20...0x7E, 0x61...0x7A, 0x30...0x39, 0x00...0x20, 0x80...0x24F, 0x300...0x36F,
            0x370...0x52F, 0x590...0x6FF, 0x900...0x97F, 0x1100...0x11FF, 0x1F00...0x2BFF, 0x3000...0x30FF,
            0x4E00...0x4EFF, 0xAC00...0xACFF, 0xF900...0xFFFF, 0x1F300...0x1F6FF, 0x10FFFE...0x10FFFF,
        ]
        let pieces = [" ", " ", "\n", "\t", "'s", "'ll", "'re", "''", "\u{A0}", "\u{2003}", "\u{3000} "]
        var text = String.UnicodeScalarView()
        while text.count < count {
            let block = blocks[Int.random(in: blocks.indices, using: &self)]
            for _ in 0..<Int.random(in: 0...6, using: &self) {
                if let scalar = Unicode.Scalar(UInt32.random(in: block, using: &self)) { text.append(scalar) }
            }
            if Bool.random(using: &self) {
                text.append(
                    contentsOf: pieces[Int.random(in: pieces.indices, using: &self)].unicodeScalars)
            }
        }
        return String(text)
    }
}
