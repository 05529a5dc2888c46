import Compute
import Configuration
import Foundation
import TestSupport
import Testing

@testable import Datasets

/// Sequences as they were cut, read back from examples.
private struct Cut {
    var inputs: [[Int32]] = []
    var targets: [[Int32]] = []
    var lengths: [Int] = []

    init(_ examples: Examples?) throws {
        let examples = try #require(examples)
        guard case .tokens(let inputs, let vocabulary) = examples.features else {
            Issue.record("no tokens")
            return
        }
        let length = try #require(examples.featureShape.first)
        lengths = examples.lengths?.map { Int($0) } ?? Array(repeating: length, count: examples.count)
        func rows(_ values: [Int32]) -> [[Int32]] {
            (0..<examples.count).map { Array(values[$0 * length..<($0 + 1) * length]) }
        }
        self.inputs = rows(inputs)
        if case .tokens(let targets, length: length, classes: vocabulary) = examples.targets {
            self.targets = rows(targets)
        }
    }

    /// The filled positions of a sequence with the target of the last.
    func text(_ row: Int) -> [Int32] {
        Array(inputs[row].prefix(lengths[row])) + [targets[row][lengths[row] - 1]]
    }
}

extension Examples {
    /// Whether the targets hold nothing, as where labels are not known.
    fileprivate var hasNoTargets: Bool { if case .values(_, width: 0) = targets { true } else { false } }
}

extension InputFolder {
    fileprivate func text(_ keys: String, seed: UInt64 = 1, schema: Preprocessing? = nil) throws -> Dataset {
        try source("{format: 'text', \(keys)}").load(seed: seed, preprocessing: schema)
    }

    fileprivate func textRefusal(_ keys: String, schema: Preprocessing? = nil) throws -> String {
        do {
            _ = try text(keys, schema: schema)
            return ""
        } catch let error as ConfigurationError {
            return error.description.replacingOccurrences(of: path + "/", with: "")
        }
    }
}

@Suite struct TextDataTests {
    private static let play = """
        A prologue.

        ANNA:
        Good morrow, sir:
        how now?

        BEN:
        Well.


        ANNA:
        Said I this:
        no.

        CAT:

        a line of nobody new

        """

    /// Each token of a text but the first is a target once, by its position in order, and nothing else is.
    @Test(arguments: [1, 2, 3, 7, 10, 11, 12, 50], [2, 3, 10, 11, 12, 23])
    func everyTokenIsATargetOnce(_ length: Int, _ count: Int) throws {
        let folder = try InputFolder()
        let text = (0..<count).map { UInt8(97 + $0) }
        try folder.write("a.txt", text)
        let data = try folder.text("path: 'a.txt', tokenizer: {kind: 'byte'}, length: \(length)")
        let cut = try Cut(data.train)
        #expect(data.train.featureShape == [length] && data.classNames.isEmpty && data.trainGroups.isEmpty)
        var expected = text.map { Int32($0) }[...]
        for row in cut.inputs.indices {
            let filled = cut.lengths[row]
            #expect(cut.inputs[row].prefix(filled) == expected.prefix(filled))
            expected = expected.dropFirst(filled)
            #expect(cut.targets[row][filled - 1] == expected.first)
            #expect(cut.inputs[row].dropFirst(1).prefix(filled - 1) == cut.targets[row].prefix(filled - 1))
            #expect(cut.inputs[row].dropFirst(filled).allSatisfy { $0 == 0 })
            #expect(cut.targets[row].dropFirst(filled).allSatisfy { $0 == Examples.Targets.ignored })
            #expect(filled == length || row == cut.inputs.count - 1)
        }
        #expect(expected.count == 1)
        #expect((data.train.lengths == nil) == ((count - 1) % length == 0))
    }

    /// With a stride sequences start so far apart, and the last one ends the text.
    @Test(arguments: [1, 2, 3, 4, 5]) func sequencesStartAStrideApart(_ stride: Int) throws {
        let folder = try InputFolder()
        try folder.write("a.txt", (0..<18).map { UInt8($0) })
        let cut = try Cut(
            folder.text("path: 'a.txt', tokenizer: {kind: 'byte'}, length: 4, stride: \(stride)").train)
        var start = 0
        for row in cut.inputs.indices {
            #expect(cut.text(row) == (start..<min(start + 5, 18)).map { Int32($0) })
            start += stride
        }
        #expect(cut.text(cut.inputs.count - 1).last == 17)
        #expect(cut.inputs.count == [1: 14, 2: 8, 3: 6, 4: 5, 5: 4][stride])
    }

    @Test func speakersAreClientsAndSequencesStayWithinThem() throws {
        let folder = try InputFolder()
        try folder.write("play.txt", Self.play)
        let data = try folder.text(
            "path: 'play.txt', tokenizer: {kind: 'byte'}, length: 5, group: {pattern: '*:'}")
        #expect(data.groupNames == ["ANNA", "BEN", "CAT"])
        let cut = try Cut(data.train)
        var said: [String: [UInt8]] = [:]
        for row in cut.inputs.indices {
            let name = data.groupNames[Int(data.trainGroups[row])]
            let text = cut.text(row).map { UInt8($0) }
            said[name, default: Array(text.prefix(1))] += text.dropFirst()
        }
        #expect(
            said.mapValues { String(decoding: $0, as: UTF8.self) } == [
                "ANNA": "Good morrow, sir:\nhow now?\nSaid I this:\nno.\n", "BEN": "Well.\n",
                "CAT": "a line of nobody new\n",
            ])
        #expect(data.warnings.count == 1)
        #expect(data.warnings[0].hasSuffix("play.txt: 11 bytes before the first speaker's name are left out"))
    }

    @Test(arguments: [
        ("A: hi\nB: yo: so\nC:\n", "{pattern: '*: *', at: 'line'}", ["A": "hi\n", "B": "yo: so\nC:\n"]),
        ("A:\nx\nB:\ny", "{pattern: '*:', at: 'line'}", ["A": "x\n", "B": "y\n"]),
        ("A:\r\nx\r\n\r\nB: \r\ny\r\n", "{pattern: '*:'}", ["A": "x\n", "B": "y\n"]),
        ("[A] x\n\n[B] y\n\n[A] z", "{pattern: '[*] *'}", ["A": "x\nz\n", "B": "y\n"]),
        (":\nx\n\nA:\ny", "{pattern: '*:'}", ["A": "y\n"]),
        ("A:\nx\n\nb:c:\ny:", "{pattern: '*:'}", ["A": "x\n\nb:c:\ny:\n"]),
        ("A:\n\n\nB:\nyy", "{pattern: '*:'}", ["B": "yy\n"]),
    ])
    func namesStandAsThePatternSays(_ text: String, _ group: String, _ expected: [String: String]) throws {
        let folder = try InputFolder()
        try folder.write("t.txt", text)
        let data = try folder.text("path: 't.txt', tokenizer: {kind: 'byte'}, length: 100, group: \(group)")
        let cut = try Cut(data.train)
        var found: [String: String] = [:]
        for row in cut.inputs.indices {
            found[data.groupNames[Int(data.trainGroups[row])]] = String(
                decoding: cut.text(row).map { UInt8($0) }, as: UTF8.self)
        }
        #expect(found == expected)
    }

    @Test func clientsTooShortToLearnFromAreLeftOut() throws {
        let folder = try InputFolder()
        for (name, text) in [("a.txt", "abc"), ("b.txt", "x"), ("c.txt", ""), ("d.txt", "de")] {
            try folder.write(name, text)
        }
        let data = try folder.text("path: '*.txt', tokenizer: {kind: 'byte'}, length: 8, group: 'file'")
        #expect(data.groupNames == ["a.txt", "d.txt"] && data.trainGroups == [0, 1])
        #expect(data.warnings.count == 1)
        #expect(data.warnings[0].hasSuffix("2 clients with fewer than 2 tokens left out"))
        #expect(
            try folder.textRefusal("path: 'b.txt', tokenizer: {kind: 'byte'}, length: 8")
                == "b.txt: holds no text with as many as 2 tokens")
    }

    /// Rows of a table by the column that names the client: one text a client, a line a row.
    @Test func aColumnNamesTheClientOfRunningText() throws {
        let folder = try InputFolder()
        try folder.write("t.csv", "user,text\nu1,ab\nu2,\"c,\nd\"\nu1,NA\n")
        let data = try folder.text(
            "path: 't.csv', column: 'text', group: 'user', tokenizer: {kind: 'byte'}, length: 100")
        let cut = try Cut(data.train)
        #expect(data.groupNames == ["u1", "u2"])
        #expect(cut.text(0).map { UInt8($0) } == Array("ab\nNA\n".utf8))
        #expect(cut.text(1).map { UInt8($0) } == Array("c,\nd\n".utf8))
    }

    /// Held-out sequences are a share of all, none twice, and the alphabet is that of the others.
    @Test func theAlphabetIsThatOfTheTrainingText() throws {
        let folder = try InputFolder()
        let text = (0..<40).map { UnicodeScalar(UInt32(0x4E00 + $0)).map(String.init) ?? "" }.joined()
        try folder.write("t.txt", text)
        let data = try folder.text(
            "path: 't.txt', tokenizer: {kind: 'character'}, length: 3, split: {test: 0.2, validation: 0.1}")
        let parts = try [data.train, data.validation, data.test].map { try Cut($0) }
        #expect(parts.map(\.inputs.count) == [10, 1, 2])
        guard case .text(let preprocessing) = data.preprocessing else {
            Issue.record("no text")
            return
        }
        let alphabet = try #require(preprocessing.tokenizer.alphabet)
        let unknown = Int32(alphabet.count)
        #expect(preprocessing.tokenizer.size == alphabet.count + 1)
        #expect(!parts[0].inputs.joined().contains(unknown) && !parts[0].targets.joined().contains(unknown))
        // Each part of three characters shares its ends with its neighbours at most.
        for part in parts[1...] {
            for row in part.inputs.indices { #expect(part.text(row)[1] == unknown) }
        }
        #expect(Set(parts[0].inputs.indices.flatMap { parts[0].text($0) }).count == alphabet.count)
    }

    @Test(arguments: 0..<5) func groupsStayWhole(_ seed: UInt64) throws {
        let folder = try InputFolder()
        var numbers = SeededNumbers(seed: seed)
        for client in 0..<12 {
            let letter = UInt8(97 + client)
            let count = Int.random(in: 10...80, using: &numbers)
            try folder.write("\(client).txt", [UInt8](repeating: letter, count: count))
        }
        let data = try folder.text(
            "path: '*.txt', tokenizer: {kind: 'byte'}, length: 4, group: 'file', split: {test: 0.25, by: 'group'}",
            seed: seed)
        let letters = try [data.train, data.test].map {
            try Set(Cut($0).inputs.map { $0.first ?? 0 })
        }
        #expect(letters[0].isDisjoint(with: letters[1]) && letters[0].count + letters[1].count == 12)
        #expect(letters[0].count == data.groupNames.count && !letters[1].isEmpty)
    }

    /// What a server publishes lets every site make the same tokens of its own text.
    @Test func aSchemaTravels() throws {
        let folder = try InputFolder()
        try folder.write("t.txt", "hello world")
        try folder.write("own.txt", "holdé rows")
        let data = try folder.text("path: 't.txt', tokenizer: {kind: 'character'}, length: 4, stride: 2")
        let json = try JSONValue(json5: data.preprocessing.json.text().utf8, source: "test")
        let schema = try Preprocessing(json)
        #expect(schema == data.preprocessing && schema.featureCount == 4 && schema.classNames.isEmpty)
        try schema.checkCompleteness(path: "schema")
        let own = try folder.text("path: 'own.txt'", schema: schema)
        #expect(own.preprocessing == schema)
        // " dehlorw", and one more.
        let cut = try Cut(own.train)
        #expect(cut.text(0) == [3, 5, 4, 1, 8] && cut.text(1) == [4, 1, 8, 0, 6])
        let rows = try folder.source("{format: 'text', path: 'own.txt'}").rows(using: schema)
        #expect(try Cut(rows.examples).inputs == cut.inputs)
        #expect(
            try folder.textRefusal("path: 'own.txt', length: 5", schema: schema)
                == "data.length: is 5, but the model reads sequences of 4 tokens")
        #expect(
            try folder.textRefusal("path: 'own.txt', tokenizer: {kind: 'byte'}", schema: schema)
                == "data.tokenizer.kind: is \"byte\", but the model reads the tokens of \"character\"")
        let other = try folder.text("path: 'own.txt', tokenizer: {kind: 'character'}, length: 4")
            .preprocessing
        #expect(other.difference(from: schema) == "it has 10 tokens, not 9")
        #expect(schema.difference(from: schema) == nil)
    }

    @Test func aVocabularyOfFilesIsNamedBySites() throws {
        let folder = try InputFolder()
        try TokenizerVectors.load().write(to: folder)
        try folder.write("t.txt", "Before we proceed, hear me speak.")
        let keys = "path: 't.txt', length: 6"
        let data = try folder.text("\(keys), tokenizer: {\(InputFolder.bpe)}")
        let schema = try Preprocessing(data.preprocessing.json)
        #expect(
            try folder.textRefusal(keys, schema: schema)
                == "data.tokenizer: is missing: { kind: \"bpe\" } with the model's vocabulary")
        let own = try folder.text("\(keys), tokenizer: {\(InputFolder.bpe)}", schema: schema)
        #expect(try Cut(own.train).inputs == Cut(data.train).inputs)
    }

    // MARK: Classification

    private static let pieces = "[PAD]\n[UNK]\n[CLS]\n[SEP]\ngood\nbad\nbook\n##s\n!\n"

    @Test func textsOfAColumnAreClassified() throws {
        let folder = try InputFolder()
        try folder.write("vocab.txt", Self.pieces)
        try folder.write(
            "t.csv", "id,text,mood\n1,Good books!,up\n2,,down\n3,bad bad bad bad bad,down\n4,NA,up\n")
        let data = try folder.text(
            "path: 't.csv', column: 'text', label: 'mood', length: 6, tokenizer: {\(InputFolder.wordpiece)}")
        let cut = try Cut(data.train)
        #expect(
            cut.inputs == [
                [2, 4, 6, 7, 8, 3], [2, 3, 0, 0, 0, 0], [2, 5, 5, 5, 5, 3], [2, 1, 3, 0, 0, 0],
            ])
        #expect(cut.lengths == [6, 2, 6, 3] && data.train.featureShape == [6])
        #expect(data.classNames == ["down", "up"] && data.train.classes == [1, 0, 0, 1])
        #expect(data.labelName == "mood" && data.partitionSubject.labels == [1, 0, 0, 1])
    }

    /// Other tokenisers frame nothing; a text without tokens is one position of padding.
    @Test func bytesAreClassifiedToo() throws {
        let folder = try InputFolder()
        try folder.write("t.csv", "x;y\nabcd;1\n;2\nef;1\n")
        let data = try folder.text(
            "path: 't.csv', column: 0, label: 'y', delimiter: ';', length: 3, tokenizer: {kind: 'byte'}, classes: [1, 2]"
        )
        let cut = try Cut(data.train)
        #expect(cut.inputs == [[97, 98, 99], [0, 0, 0], [101, 102, 0]] && cut.lengths == [3, 1, 2])
        #expect(data.train.classes == [0, 1, 0])
    }

    @Test func aTrainedModelsClassesHoldForOtherRows() throws {
        let folder = try InputFolder()
        try folder.write("t.csv", "text,mood\nab,up\ncd,down\n")
        let keys = "column: 'text', tokenizer: {kind: 'character'}, length: 2"
        let trained = try folder.text("path: 't.csv', label: 'mood', \(keys)")
        guard case .text(let schema) = trained.preprocessing else {
            Issue.record("no text")
            return
        }
        #expect(try Preprocessing(trained.preprocessing.json) == trained.preprocessing)
        try folder.write("own.csv", "mood,text\nup,db\nup,ac\n")
        let own = try folder.text(
            "path: 'own.csv', label: 'mood', column: 'text'", schema: trained.preprocessing)
        #expect(own.classNames == ["down", "up"] && own.train.classes == [1, 1])
        // Prediction: labels that are none of the model's, kept columns, and no label at all.
        try folder.write("new.csv", "text,mood\nab,sideways\ndz,up\n")
        let source = try folder.source("{format: 'text', path: 'new.csv', column: 'text'}")
        let rows = try source.rows(
            using: .text(schema), .init(labelName: "mood", toleratesLabels: true, keep: ["mood"]))
        #expect(try Cut(rows.examples).inputs == [[0, 1], [3, 4]])
        #expect(rows.kept == [["sideways"], ["up"]] && rows.examples.hasNoTargets)
        let labelled = try folder.source(
            "{format: 'text', path: 'own.csv', column: 'text', label: 'mood'}"
        ).rows(using: .text(schema))
        #expect(labelled.examples.classes == [1, 1])
        #expect(
            try folder.textRefusal(
                "path: 'new.csv', label: 'mood', column: 'text'", schema: trained.preprocessing
            ).hasPrefix("new.csv: 1 bad row: line 2, column 2 (mood): the label \"sideways\" is none of"))
        try folder.write("none.csv", "text\nab\n")
        let none = try folder.source("{format: 'text', path: 'none.csv', column: 'text'}").rows(
            using: .text(schema), .init(labelName: "mood", toleratesLabels: true))
        #expect(none.examples.hasNoTargets && none.examples.count == 1)
    }

    @Test func aTestPartOfItsOwnIsKeptApart() throws {
        let folder = try InputFolder()
        try folder.write("a.txt", "abcabc")
        try folder.write("b.txt", "abd")
        let keys = "path: 'a.txt', test_path: 'b.txt', length: 10, tokenizer: {kind: 'character'}"
        let data = try folder.text(keys)
        #expect(try Cut(data.train).text(0) == [0, 1, 2, 0, 1, 2] && Cut(data.test).text(0) == [0, 1, 3])
        let rows = try folder.source("{format: 'text', \(keys)}").rows(
            using: data.preprocessing, .init(testPart: true))
        #expect(try Cut(rows.examples).text(0) == [0, 1, 3] && rows.examples.count == 1)
        let training = try folder.source("{format: 'text', \(keys)}").rows(using: data.preprocessing)
        #expect(training.examples.count == 1)
        #expect(
            try folder.textRefusal("\(keys), split: {test: 0.5}")
                == "a.txt: has a test_path, so split.test must go")
    }

    @Test func encodingsAreRead() throws {
        let folder = try InputFolder()
        try folder.write("latin.txt", [0x63, 0xE9])
        try folder.write("mark.txt", [0xEF, 0xBB, 0xBF, 0x61, 0x62])
        let keys = "tokenizer: {kind: 'character'}, length: 4"
        let data = try folder.text("path: 'latin.txt', encoding: 'latin-1', \(keys)")
        guard case .text(let preprocessing) = data.preprocessing else { return }
        #expect(preprocessing.tokenizer.alphabet == ["c", "\u{E9}"])
        #expect(try Cut(folder.text("path: 'mark.txt', \(keys)").train).text(0) == [0, 1])
        #expect(
            try folder.textRefusal("path: 'latin.txt', \(keys)").hasPrefix(
                "latin.txt: is not UTF-8 text: byte 2 (say which encoding"))
        let bytes = try folder.text("path: 'latin.txt', tokenizer: {kind: 'byte'}, length: 4")
        #expect(try Cut(bytes.train).text(0) == [0x63, 0xE9])
    }
}
