import Configuration
import Foundation
import TestSupport
import Testing

@testable import Datasets

@Suite struct TextTokenizerTests {
    /// `transformers` on the same small vocabularies: every case is equal, token by token.
    @Test func tokensAreThoseOfThePublishedCode() throws {
        let (vectors, folder) = (try TokenizerVectors.load(), try InputFolder())
        try vectors.write(to: folder)
        let bpe = try folder.tokenizer(InputFolder.bpe)
        let small = try folder.tokenizer(InputFolder.wordpiece)
        let cased = try folder.tokenizer(InputFolder.wordpiece + ", lowercase: false")
        #expect(vectors.cases.count > 50)
        for example in vectors.cases {
            #expect(bpe.encode(example.text) == example.bpe, "bpe of \(example.text.debugDescription)")
            #expect(
                small.encode(example.text) == example.wordpiece, "pieces of \(example.text.debugDescription)")
            #expect(
                cased.encode(example.text) == example.wordpieceCased,
                "cased pieces of \(example.text.debugDescription)")
        }
        #expect(bpe.vocabularySize == vectors.bpe.vocabulary.count)
        #expect(bpe.padding == Int32(vectors.bpe.vocabulary.count - 1))
        #expect(small.padding == 0 && small.frame?.start == 2 && small.frame?.end == 3)
    }

    /// A word that came before has the tokens that it had, also after the cache was full and forgot.
    @Test(arguments: [InputFolder.bpe, InputFolder.wordpiece]) func aCacheChangesNothing(_ keys: String)
        throws
    {
        let folder = try InputFolder()
        try TokenizerVectors.load().write(to: folder)
        let tokenizer = try folder.tokenizer(keys)
        let words = (0..<40_000).map { "w\(String($0 * 7919, radix: 36))" }
        var (cache, tokens) = (WordCache(), [Int32]())
        var text = (words + words).joined(separator: " ")
        text.withUTF8 { tokenizer.append($0, to: &tokens, cache: &cache) }
        for word in [0, 1, 17_000, 32_767, 32_768, 39_999].map({ words[$0] }) {
            var again: [Int32] = []
            var word = " " + word
            word.withUTF8 { tokenizer.append($0, to: &again, cache: &cache) }
            #expect(again == tokenizer.encode(word))
        }
        let half = tokenizer.encode(words.joined(separator: " "))
        #expect(Array(tokens.prefix(half.count)) == half)
        #expect(tokens.suffix(half.count - 1) == half.suffix(half.count - 1))
    }

    /// Nothing is lost: every text comes back as it was.
    @Test(arguments: 0..<20) func bytesAndPairsComeBack(_ seed: UInt64) throws {
        let folder = try InputFolder()
        try TokenizerVectors.load().write(to: folder)
        var numbers = SeededNumbers(seed: seed)
        let text = numbers.text(scalars: 300)
        for keys in ["kind: 'byte'", InputFolder.bpe] {
            let tokenizer = try folder.tokenizer(keys)
            let tokens = tokenizer.encode(text)
            #expect(tokens.allSatisfy { (0..<Int32(tokenizer.vocabularySize)).contains($0) })
            #expect(Array(tokenizer.decode(tokens).utf8) == Array(text.utf8))
        }
    }

    @Test func numbersThatAreNoTokensStandForNoText() throws {
        let folder = try InputFolder()
        try TokenizerVectors.load().write(to: folder)
        for keys in ["kind: 'byte'", InputFolder.bpe, InputFolder.wordpiece] {
            let tokenizer = try folder.tokenizer(keys)
            let size = Int32(tokenizer.vocabularySize)
            #expect(tokenizer.decode([-1, size, .max, .min]) == "")
        }
    }

    @Test func wordPiecesDecodeToWords() throws {
        let folder = try InputFolder()
        try folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nthe\n")
        let tokenizer = try folder.tokenizer(InputFolder.wordpiece)
        #expect(tokenizer.encode("The unaffable UNAFF thex") == [7, 4, 5, 6, 4, 5, 1])
        #expect(tokenizer.decode([2, 7, 4, 5, 6, 3]) == "[CLS] the unaffable [SEP]")
    }

    @Test func anAlphabetAscendsAndEndsInTheUnknown() throws {
        var tokenizer = try InputFolder().tokenizer("kind: 'character'")
        #expect(tokenizer.awaitsVocabulary)
        var numbers = tokenizer.encode("banana é\u{1F44D}") + [-1]
        try tokenizer.learn(from: numbers, file: "test")
        tokenizer.settle(&numbers)
        #expect(!tokenizer.awaitsVocabulary && tokenizer.vocabularySize == 7)
        #expect(numbers == [2, 1, 3, 1, 3, 1, 0, 4, 5, -1])
        #expect(tokenizer.encode("nab zé\u{10FFFF}") == [3, 1, 2, 0, 6, 4, 6])
        #expect(tokenizer.decode([2, 1, 6, 5]) == "ba\u{FFFD}\u{1F44D}")
        let json = tokenizer.schema.json
        let schema = try TokenizerSchema(Section(JSONValue(json5: json.text().utf8, source: "t"), path: "t"))
        #expect(schema == tokenizer.schema)
        let again = try InputFolder().tokenizer("kind: 'character'", schema: schema)
        #expect(again.encode("nab zé\u{10FFFF}") == [3, 1, 2, 0, 6, 4, 6])
    }

    /// A text's characters in the two spellings of an accent are different characters.
    @Test func anAlphabetComparesScalars() throws {
        var (composed, decomposed) = (
            try InputFolder().tokenizer("kind: 'character'"), try InputFolder().tokenizer("kind: 'character'")
        )
        try composed.learn(from: [0xE9], file: "test")
        try decomposed.learn(from: [0x65, 0x301], file: "test")
        #expect(composed.schema.difference(from: decomposed.schema) == "it has 2 tokens, not 3")
        var angstrom = try InputFolder().tokenizer("kind: 'character'")
        try angstrom.learn(from: [0x212B], file: "test")
        var ring = try InputFolder().tokenizer("kind: 'character'")
        try ring.learn(from: [0xC5], file: "test")
        #expect(angstrom.schema.difference(from: ring.schema) == "its alphabet has other characters")
    }

    @Test func anAlphabetOfNothingIsRefused() throws {
        var tokenizer = try InputFolder().tokenizer("kind: 'character'")
        #expect(throws: ConfigurationError.self) { try tokenizer.learn(from: [], file: "test") }
    }

    /// The reader of scalars agrees with the standard library on sound text, and finds the first fault of other.
    @Test(arguments: 0..<20) func scalarsAreThoseOfTheStandardLibrary(_ seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        let text = numbers.text(scalars: 200)
        var bytes = Array(text.utf8)
        let read = bytes.withUnsafeBufferPointer { bytes in
            var (reader, scalars) = (UTF8Reader(bytes), [Unicode.Scalar]())
            while let scalar = reader.next() { scalars.append(scalar) }
            return scalars
        }
        #expect(read == Array(text.unicodeScalars))
        #expect(bytes.withUnsafeBufferPointer { UTF8Reader.firstFault($0) } == nil)
        for _ in 0..<50 {
            let place = Int.random(in: bytes.indices, using: &numbers)
            bytes[place] = UInt8.random(in: 0...255, using: &numbers)
            let fault = bytes.withUnsafeBufferPointer { UTF8Reader.firstFault($0) }
            #expect((fault == nil) == (String(validating: bytes, as: UTF8.self) != nil))
            if let fault {
                #expect(String(validating: bytes[..<fault], as: UTF8.self) != nil)
            }
        }
    }
}
