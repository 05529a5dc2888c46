import Configuration
import Foundation
import TestSupport
import Testing

@testable import Datasets

@Suite struct TextBytePairTests {
    /// The words are the matches of the published expression, as a general engine finds them.
    @Test(arguments: 0..<30) func wordsAreTheMatchesOfTheExpression(_ seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        var text = numbers.text(scalars: 200)
        let expression = try Regex(
            #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
        ).matchingSemantics(.unicodeScalar)
        let expected = text.matches(of: expression).map { Array(String(text[$0.range]).utf8) }
        let found = text.withUTF8 { bytes in
            var (words, found) = (BytePairWords(bytes, 0..<bytes.count), [[UInt8]]())
            while let range = words.next() { found.append(Array(bytes[range])) }
            return found
        }
        #expect(found == expected)
    }

    /// Byte-pair encoding as it is told: the lowest merge first, until none is left.
    private static func naive(_ symbols: [Int32], _ merges: [(Int32, Int32, Int32)]) -> [Int32] {
        var symbols = symbols
        while true {
            let candidates = symbols.indices.dropLast().compactMap { place in
                merges.firstIndex { $0.0 == symbols[place] && $0.1 == symbols[place + 1] }.map { ($0, place) }
            }
            guard let (rank, place) = candidates.min(by: { $0 < $1 }) else { return symbols }
            symbols.replaceSubrange(place...place + 1, with: [merges[rank].2])
        }
    }

    /// Short words are searched and long ones queued: both join as the naive way does, also by merges that no training
    /// would give.
    @Test(arguments: 0..<40) func wordsAreJoinedAsTold(_ seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        var merges: [(Int32, Int32, Int32)] = []
        for number in 0..<24 {
            let tokens = 0..<Int32(3 + (seed % 2 == 0 ? number : 0))
            let pair = (
                tokens.randomElement(using: &numbers) ?? 0, tokens.randomElement(using: &numbers) ?? 0
            )
            guard !merges.contains(where: { ($0.0, $0.1) == pair }) else { continue }
            merges.append((pair.0, pair.1, Int32(3 + merges.count)))
        }
        merges.shuffle(using: &numbers)
        var table = BytePairMerges(count: merges.count)
        for (rank, merge) in merges.enumerated() {
            let isNew = table.add(merge.0, merge.1, rank: Int32(rank), result: merge.2)
            #expect(isNew)
        }
        let isNew = table.add(merges[0].0, merges[0].1, rank: 99, result: 0)
        #expect(!isNew)
        for length in [0, 1, 2, 3, 17, 95, 96, 97, 150] {
            var symbols = (0..<length).map { _ in Int32.random(in: 0..<3, using: &numbers) }
            let expected = Self.naive(symbols, merges)
            var found: [Int32] = [-7]
            table.join(&symbols, appendingTo: &found)
            #expect(found == [-7] + expected, "\(length) symbols")
        }
    }

    /// A hostile text of one word: as long as it is, it doubles up to the longest token.
    @Test func aWordAsLongAsTheTextIsJoined() {
        var table = BytePairMerges(count: 10)
        for token in 0..<10 {
            let isNew = table.add(Int32(token), Int32(token), rank: Int32(token), result: Int32(token + 1))
            #expect(isNew)
        }
        var symbols = [Int32](repeating: 0, count: 1 << 16 | 5)
        var found: [Int32] = []
        table.join(&symbols, appendingTo: &found)
        #expect(found == [Int32](repeating: 10, count: 64) + [2, 0])
    }

    /// A file of 256 bytes' tokens and more, changed as a test wants it.
    private static func vocabulary(_ more: [String], _ change: (inout [(String, Int)]) -> Void = { _ in })
        throws
        -> String
    {
        let bytes = try TokenizerVectors.load().bpe.vocabulary.filter { $0.unicodeScalars.count == 1 }
        var members = (bytes + more).enumerated().map { ($1, $0) }
        change(&members)
        return "{" + members.map { "\(JSONValue.string($0.0).text()): \($0.1)" }.joined(separator: ", ") + "}"
    }

    private func refusal(_ vocabulary: String, _ merges: String) throws -> String {
        let folder = try InputFolder()
        try folder.write("vocab.json", vocabulary)
        try folder.write("merges.txt", merges)
        return try folder.tokenizerRefusal(InputFolder.bpe)
    }

    @Test func vocabulariesThatFitAreRead() throws {
        #expect(try refusal(Self.vocabulary(["ab"]), "#version: 0.2\r\na b\r\n\r\n") == "")
        #expect(try refusal(Self.vocabulary([]), "") == "")
    }

    @Test func vocabulariesThatDoNotFitAreRefusedInOneLine() throws {
        let good = try Self.vocabulary(["ab", "<|x|>"])
        let cases: [(String, String, String)] = [
            (
                "[1, 2]", "",
                "vocab.json: is not a vocabulary: it must be a JSON object from tokens to whole numbers"
            ),
            ("{\"a\": 0", "", "vocab.json: is not a vocabulary"),
            ("{\"a\": 0.5}", "", "vocab.json: is not a vocabulary"),
            ("{\"a\": 0}", "", "vocab.json: has 1 tokens; a byte-level vocabulary has 256 to"),
            (
                try Self.vocabulary(["ab"]) { $0[256].1 = 300 }, "",
                "vocab.json: token \"ab\" has the number 300, but there are 257 tokens, numbered from 0"
            ),
            (
                try Self.vocabulary(["ab"]) { $0[256].1 = -1 }, "",
                "vocab.json: token \"ab\" has the number -1, but there are 257 tokens"
            ),
            (
                try Self.vocabulary(["ab", "cd"]) { $0[257].1 = 256 }, "",
                "vocab.json: tokens \"ab\" and \"cd\" both have the number 256"
            ),
            (
                try Self.vocabulary(["ab"]) { $0[64].0 = "abc" }, "",
                "vocab.json: lacks byte 97, the token \"a\""
            ),
            (good, "a", "merges.txt: line 1: must hold two tokens with a blank between them"),
            (good, "#version: 0.2\na b\na  b", "merges.txt: line 3: must hold two tokens with a blank"),
            (good, "a b\na b", "merges.txt: line 2: the same merge came before"),
            (good, "a b\nab c", "merges.txt: line 2: the merged \"abc\" is no token of the vocabulary"),
            (good, "abc d", "merges.txt: line 1: \"abc\" is no token of the vocabulary"),
            (good, "a 日", "merges.txt: line 1: \"日\" is not written in the byte alphabet"),
            (good, "a ", "merges.txt: line 1: \"\" is not written in the byte alphabet"),
        ]
        for (vocabulary, merges, expected) in cases {
            let found = try refusal(vocabulary, merges)
            #expect(found.hasPrefix(expected), "\(found)")
            #expect(!found.contains("\n"))
        }
    }

    @Test func aSpecialTokenIsFoundAsWritten() throws {
        let folder = try InputFolder()
        try folder.write("vocab.json", try Self.vocabulary(["<|a|>", "<|a|><|b|>", "ab"]))
        try folder.write("merges.txt", "a b\n")
        let tokenizer = try folder.tokenizer(InputFolder.bpe)
        #expect(tokenizer.encode("ab<|a|>ab<|a|><|b|><|a|>") == [258, 256, 258, 257, 256])
        #expect(tokenizer.decode([258, 257]) == "ab<|a|><|b|>")
    }

    @Test func filesThatAreMissingAreNamed() throws {
        let folder = try InputFolder()
        try folder.write("vocab.txt", "x")
        #expect(
            try folder.tokenizerRefusal("kind: 'wordpiece', vocabulary: 'vocabs.txt'")
                == "vocabs.txt: no such file; did you mean \"vocab.txt\"?")
        #expect(
            try folder.tokenizerRefusal("kind: 'bpe', vocabulary: 'vocab.txt'")
                == "data.tokenizer.merges: is missing: the bpe tokenizer reads a file")
        #expect(
            try folder.tokenizerRefusal("kind: 'byte', merges: 'x'")
                == "data.tokenizer.merges: is nothing that the byte tokenizer reads")
        #expect(
            try folder.tokenizerRefusal("kind: 'byte', lowercase: true")
                == "data.tokenizer.lowercase: is for the wordpiece tokenizer only")
        #expect(try folder.tokenizerRefusal("kind: 'bytes'").contains("did you mean \"byte\"?"))
        #expect(
            try folder.tokenizerRefusal("merges: 'x'")
                == "data.tokenizer.kind: is missing: one of \"byte\", \"character\", \"bpe\", \"wordpiece\"")
    }

    @Test(arguments: [
        ("[PAD]\n[UNK]\n[CLS]\n", "vocab.txt: lacks the token [SEP]"),
        ("", "vocab.txt: has 0 tokens; a vocabulary has 1 to"),
        ("[PAD]\n\n[UNK]", "vocab.txt: line 2: is empty; it must hold a token"),
        ("[PAD]\na\nb\na\n", "vocab.txt: line 4: the token \"a\" stands in line 2 too"),
    ])
    func wordPieceVocabulariesThatDoNotFitAreRefused(_ text: String, _ expected: String) throws {
        let folder = try InputFolder()
        try folder.write("vocab.txt", text)
        let found = try folder.tokenizerRefusal(InputFolder.wordpiece)
        #expect(found.hasPrefix(expected), "\(found)")
    }

    @Test func aVocabularyThatIsNoTextIsRefused() throws {
        let folder = try InputFolder()
        try folder.write("vocab.txt", [0x61, 0x0A, 0xFF])
        #expect(try folder.tokenizerRefusal(InputFolder.wordpiece) == "vocab.txt: is not UTF-8 text: byte 3")
    }

    /// A model's tokens mean what they meant: another vocabulary, another order or another spelling are refused.
    @Test func anotherVocabularyIsNotTheModels() throws {
        let folder = try InputFolder()
        let head = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n"
        try folder.write("vocab.txt", head + "a\nb\n")
        let schema = try folder.tokenizer(InputFolder.wordpiece).schema
        #expect(try folder.tokenizerRefusal(InputFolder.wordpiece, schema: schema) == "")
        let json = try TokenizerSchema(Section(schema.json, path: "schema"))
        #expect(json == schema)
        #expect(
            try folder.tokenizerRefusal(InputFolder.wordpiece + ", lowercase: false", schema: schema)
                == "data.tokenizer: is not the model's: one reads small letters only, the other does not")
        #expect(
            try folder.tokenizerRefusal("kind: 'byte'", schema: schema)
                == "data.tokenizer.kind: is \"byte\", but the model reads the tokens of \"wordpiece\"")
        try folder.write("vocab.txt", head + "b\na\n")
        #expect(
            try folder.tokenizerRefusal(InputFolder.wordpiece, schema: schema)
                == "data.tokenizer: is not the model's: its vocabulary has other tokens or another order")
        try folder.write("vocab.txt", head + "a\nb\nc\n")
        #expect(
            try folder.tokenizerRefusal(InputFolder.wordpiece, schema: schema)
                == "data.tokenizer: is not the model's: it has 7 tokens, not 6")
    }
}
