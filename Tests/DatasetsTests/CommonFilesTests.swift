import Compute
import Configuration
import Datasets
import Foundation
import Testing

/// CSV as the world writes it: what a spreadsheet, a database or another country makes of a table.
@Suite struct CommonFilesTests {
    /// A table of two features and a label, as text and keys that read it, and the features that must come out.
    struct Written: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let text: String
        let keys: String
        var numbers: [Float] = [1.5, 1.25, 2.5, 2.25, 3.5, 3.25]

        init(
            _ name: String, _ text: String, _ keys: String,
            numbers: [Float] = [1.5, 1.25, 2.5, 2.25, 3.5, 3.25]
        ) {
            testDescription = name
            (self.text, self.keys, self.numbers) = (text, keys, numbers)
        }
    }

    static let written = [
        Written(
            "decimal comma", "a;b;y\n1,5;1,25;1\n2,5;2,25;0\n3,5;3,25;1\n",
            "delimiter: ';', decimal: ',', label: 'y'"),
        Written(
            "decimal comma within quotes",
            "a,b,y\n\"1,5\",\"1,25\",1\n\"2,5\",\"2,25\",0\n\"3,5\",\"3,25\",1\n",
            "decimal: ',', label: 'y'"),
        Written(
            "decimal comma without a header", "1,5;1,25;1\n2,5;2,25;0\n3,5;3,25;1\n",
            "delimiter: ';', decimal: ',', label: 2"),
        Written(
            "decimal comma in blanks", "1,5 1,25 1\n2,5 2,25 0\n3,5 3,25 1\n",
            "format: 'table', decimal: ',', label: 2"),
        Written(
            "groups of digits", "a;b;y\n1.234,5;-12;1\n1.234.567;1.000,25;0\n",
            "delimiter: ';', decimal: ',', thousands: '.', label: 'y'",
            numbers: [1234.5, -12, 1_234_567, 1000.25]),
        Written(
            "groups behind commas", "a;b;y\n\"1,234.5\";7;1\n12,34,567;1,000;0\n",
            "delimiter: ';', thousands: ',', label: 'y'", numbers: [1234.5, 7, 1_234_567, 1000]),
        Written(
            "groups behind blanks", "a;b;y\n1 234,5;7;1\n1\u{A0}234;1\u{202F}000;0\n",
            "delimiter: ';', decimal: ',', thousands: ' ', label: 'y'", numbers: [1234.5, 7, 1234, 1000]),
        Written(
            "comment lines", "|title\na,b,y\n1.5,1.25,1\n|between\n2.5,2.25,0\n3.5,3.25,1\n|end\n",
            "comment: '|', label: 'y'"),
        Written(
            "delimiter at the ends", "a,b,y,\n1.5,1.25,1,\n2.5,2.25,0,\n3.5,3.25,1,\n", "label: -1"),
        Written(
            "two of them", "a,b,y,,\n1.5,1.25,1,,\n2.5,2.25,0,,\n3.5,3.25,1,,\n", "label: 'y'"),
        Written(
            "delimiter at the ends of rows only", "a,b,y\n1.5,1.25,1,\n2.5,2.25,0,\n3.5,3.25,1,\n",
            "label: -1"),
        Written(
            "delimiter at the end of the header only", "a,b,y,\n1.5,1.25,1\n2.5,2.25,0\n3.5,3.25,1\n",
            "label: -1"),
        Written(
            "delimiter at the ends without a header", "1.5,1.25,1,\n2.5,2.25,0,\n3.5,3.25,1,\n", "label: -1"),
        Written(
            "an empty column in the middle", "a,,b,y\n1.5,,1.25,1\n2.5,,2.25,0\n3.5,,3.25,1\n", "label: 'y'"),
        Written(
            "a spreadsheet's first line", "sep=;\r\na;b;y\r\n1.5;1.25;1\r\n2.5;2.25;0\r\n3.5;3.25;1\r\n",
            "label: 'y'"),
        Written(
            "an index without a name", ",a,b,y\n0,1.5,1.25,1\n1,2.5,2.25,0\n2,3.5,3.25,1\n",
            "label: 'y', ignore: [0]"),
    ]

    @Test(arguments: written) func isRead(_ file: Written) throws {
        let folder = try InputFolder()
        try folder.write("t.csv", file.text)
        let format = file.keys.contains("format:") ? "" : "format: 'csv', "
        let data = try folder.source("{\(format)path: 't.csv', \(file.keys)}").load(seed: 1)
        #expect(data.train.numbers == file.numbers)
        #expect(data.classNames == ["0", "1"])
        #expect(data.skippedRows == 0)
        let isCut = file.text.contains(",\n") || file.text.contains(",,")
        #expect(data.warnings.contains { $0.contains("without a name and without a value") } == isCut)
        // What a model knows it finds again in the same file.
        let again = try folder.source("{\(format)path: 't.csv', \(file.keys)}").rows(
            using: data.preprocessing)
        #expect(again.examples.numbers == file.numbers)
        #expect(again.passedOver.isEmpty || file.keys.contains("ignore"))
    }

    /// A mark that stands where none belongs makes no number: what is read wrongly is worse than what is refused.
    @Test(arguments: [
        "1.5", "1.23", "1.2345", "12.34,5", ".234", "1..234", "1.234.", "1,5,5", "1,234.567", "1234.567", "",
    ])
    func wrongGroupsAreNoNumbers(field: String) throws {
        let refusal = try InputFolder().refusal(
            "a;y\n\(field);1\n2;0\n", "delimiter: ';', decimal: ',', thousands: '.', label: 'y', missing: []")
        #expect(refusal.contains("line 2, column 1 (a)") && refusal.contains("is not a finite number"))
    }

    /// What a refusal must say, and that it is one line.
    @Test(arguments: [
        (
            "a;b;y\n1,5;1,25;1\n2,5;2,25;0\n", "delimiter: ';', label: 'y'",
            ["line 2, column 1 (a)", "decimal: \",\""]
        ),
        ("a;b;y\n1.234,5;1;1\n", "delimiter: ';', label: 'y'", ["thousands: \".\"", "decimal: \",\""]),
        ("a,b,y\n\"1,234.5\",1,1\n", "label: 'y'", ["thousands: \",\""]),
        (
            "a;b;y\n1;2;1\n3;4;0\n", "label: 'y'",
            ["delimiter: \";\" would make 3 columns of line 1", "makes 1"]
        ),
        ("a\tb\ty\n1\t2\t1\n3\t4\t0\n", "label: -1", ["delimiter: \"\\t\""]),
        ("1,5;1,25;1\n2,5;2,25;0\n", "header: false, label: 2", ["delimiter: \";\""]),
        ("1,2,3,0\n|note\n1,2,3,1\n", "label: 3", ["line 2: has 1 column, not 4", "comment: \"|\""]),
        (
            "Sales of 2024\na,b,y\n1,2,0\n3,4,1\n", "label: 'y'",
            ["line 1 has 1", "3 columns", "skip_lines: 1"]
        ),
        ("a,b,y\n1,2,0\n", "label: 'y', decimal: ';'", ["data.decimal"]),
        ("a,b,y\n1,2,0\n", "label: 'y', thousands: '1'", ["data.thousands"]),
        ("a,b,y\n1,2,0\n", "label: 'y', thousands: '.'", ["data.thousands"]),
        ("a,b,y\n1,2,0\n", "label: 'y', comment: ','", ["data.comment"]),
        ("a,b,y\n1,2,0\n", "label: 'y', encoding: 'latin'", ["data.encoding", "latin-1"]),
        ("a,b,y,\n1,2,0,7\n3,4,1,\n", "label: 'y', ignore: []", ["line 3, column 4 (3)", "missing"]),
    ])
    func aRefusalSaysHowToMend(text: String, keys: String, mentions: [String]) throws {
        let refusal = try InputFolder().refusal(text, keys)
        for mention in mentions { #expect(refusal.contains(mention), "\(refusal)") }
        #expect(!refusal.contains("\n"))
    }

    @Test func numbersAreOnlyCutWhereMarksAreSaid() throws {
        let text = "a,y\n1.5,1\n2,0\n"
        #expect(try InputFolder().load(text, "label: 'y'").train.numbers == [1.5, 2])
    }

    // MARK: Encodings

    private static let names = "größe,b,y\n1.5,1.25,für\n2.5,2.25,wider\n3.5,3.25,für\n"

    private static func bytes(_ text: String, bigEndian: Bool, mark: Bool) -> [UInt8] {
        let units = (mark ? [0xFEFF] : []) + Array(text.utf16)
        return units.flatMap { unit in
            let pair = [UInt8(unit & 0xFF), UInt8(unit >> 8)]
            return bigEndian ? pair.reversed() : pair
        }
    }

    @Test(arguments: [
        ("latin-1", ""), ("windows-1252", ""), ("ISO-8859-1", ""), ("utf-8", ""), ("utf-16", "little"),
        ("utf-16", "big"), ("utf-8", "little mark"), ("utf-8", "big mark"), ("latin-1", "big mark"),
    ])
    func encodingsAreRead(name: String, order: String) throws {
        let folder = try InputFolder()
        let bytes: [UInt8] =
            if order.isEmpty {
                name == "utf-8"
                    ? Array(Self.names.utf8) : Self.names.unicodeScalars.map { UInt8($0.value) }
            } else {
                Self.bytes(Self.names, bigEndian: order.hasPrefix("big"), mark: order.hasSuffix("mark"))
            }
        try folder.write("t.csv", bytes)
        let data = try folder.source("{format: 'csv', path: 't.csv', label: 'y', encoding: '\(name)'}").load(
            seed: 1)
        #expect(data.featureNames == ["größe", "b"])
        #expect(data.classNames == ["für", "wider"])
        #expect(data.train.numbers == [1.5, 1.25, 2.5, 2.25, 3.5, 3.25])
    }

    @Test func windowsHasCharactersOfItsOwn() throws {
        let folder = try InputFolder()
        try folder.write("t.csv", Array("a,y\n1,".utf8) + [0x80, 0x93, 0x9F, 10] + Array("2,b\n".utf8))
        let data = try folder.source("{format: 'csv', path: 't.csv', label: 'y', encoding: 'windows-1252'}")
            .load(seed: 1)
        #expect(Set(data.classNames) == ["€“Ÿ", "b"])
    }

    /// Names that are no UTF-8 are refused wherever they would be taken for names, and nowhere else.
    @Test(arguments: [
        ([UInt8]("a,y\n1,f".utf8) + [0xFC] + Array("r\n2,b\n".utf8), "label: 'y'", "line 2, column 2 (y)"),
        ([0xE4] + Array(",b,y\n1,2,0\n".utf8), "label: 'y', header: true", "line 1: the column name"),
        (
            Array("a,c,y\n1,".utf8) + [0xFC] + Array(",1\n".utf8), "label: 'y', categorical: {c: 'one_hot'}",
            "line 2, column 2 (c)"
        ),
        (
            Array("a,c,y\n1,".utf8) + [0xFC] + Array(",1\n".utf8), "label: 'y', features: ['a'], group: 'c'",
            "line 2, column 2"
        ),
    ])
    func namesOfAnUnknownEncodingAreRefused(bytes: [UInt8], keys: String, mention: String) throws {
        let folder = try InputFolder()
        try folder.write("t.csv", bytes)
        let failure = #expect(throws: ConfigurationError.self) {
            try folder.source("{format: 'csv', path: 't.csv', \(keys)}").load(seed: 1)
        }
        let text = failure.map { "\($0)" } ?? ""
        #expect(
            text.contains(mention) && text.contains("not UTF-8") && text.contains("windows-1252"), "\(text)")
    }

    @Test func textThatIsIgnoredMayBeAnything() throws {
        let folder = try InputFolder()
        try folder.write("t.csv", Array("a,c,y\n1,".utf8) + [0xFC] + Array(",1\n2,x,0\n".utf8))
        let data = try folder.source("{format: 'csv', path: 't.csv', label: 'y', ignore: ['c']}").load(
            seed: 1)
        #expect(data.train.numbers == [1, 2])
    }

    @Test(
        arguments: [
            [0xFF, 0xFE, 0x61], [0xFF, 0xFE, 0x00, 0xD8, 0x61, 0x00], [0xFE, 0xFF, 0xDC, 0x00],
            [0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0],
        ] as [[UInt8]])
    func brokenUTF16IsRefused(bytes: [UInt8]) throws {
        let folder = try InputFolder()
        try folder.write("t.csv", bytes)
        let failure = #expect(throws: ConfigurationError.self) {
            try folder.source("{format: 'csv', path: 't.csv', label: 0}").load(seed: 1)
        }
        #expect(failure?.problem.contains("UTF-") == true)
    }

    @Test func unmarkedUTF16IsGuessedAt() throws {
        let folder = try InputFolder()
        try folder.write("t.csv", Self.bytes(Self.names, bigEndian: false, mark: false))
        let failure = #expect(throws: ConfigurationError.self) {
            try folder.source("{format: 'csv', path: 't.csv', label: 'y'}").load(seed: 1)
        }
        #expect(failure?.problem.contains("encoding: \"utf-16\"") == true)
    }

    // MARK: Several files

    private func load(_ files: [String: String], _ keys: String) throws -> Dataset {
        let folder = try InputFolder()
        for (name, text) in files { try folder.write(name, text) }
        return try folder.source("{format: 'csv', \(keys)}").load(seed: 1)
    }

    private func refusal(_ files: [String: String], _ keys: String) -> String {
        do {
            _ = try load(files, keys)
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test func filesMayOrderTheirColumnsDifferently() throws {
        let data = try load(
            ["1.csv": "a,b,y\n1,2,0\n", "2.csv": "y,b,a\n1,4,3\n"], "path: '*.csv', label: 'y'")
        #expect(data.train.numbers == [1, 2, 3, 4] && data.train.classes == [0, 1])
    }

    @Test func aLaterFileMayLackTheNames() throws {
        let data = try load(
            ["1.csv": "a,b,y\n1,2,0\n", "2.csv": "3,4,1\n5,6,0\n"], "path: '*.csv', label: 'y'")
        #expect(data.train.numbers == [1, 2, 3, 4, 5, 6])
        #expect(data.warnings.contains { $0.contains("2.csv") && $0.contains("order of") })
    }

    @Test func firstLinesThatDifferAreNamedByFileLineAndNumbers() throws {
        let train = "39, State-gov, 13, 0\n50, Private, 9, 1\n38, Private, 9, 0\n"
        let test = "|extract 3\n25, Private, 7, 1\n38, Local-gov, 9, 0\n"
        let keys =
            "path: 'train.csv', test_path: 'test.csv', header: false, label: 3, categorical: {'1': 'one_hot'}"
        let said = refusal(["train.csv": train, "test.csv": test], keys)
        #expect(said.contains("test.csv") && said.contains("line 1: has 1 column, not 4"))
        #expect(said.contains("comment: \"|\""))
        for more in [", comment: '|'", ", skip_lines: {test: 1}", ", on_bad_row: 'skip'"] {
            let data = try load(["train.csv": train, "test.csv": test], keys + more)
            #expect(data.train.count == 3 && data.test?.count == 2, "\(more)")
        }
        let names = refusal(
            ["1.csv": "a,b,y\n1,2,0\n", "2.csv": "a,c,y\n1,2,0\n"], "path: '*.csv', label: 'y'")
        #expect(
            names.contains("2.csv") && names.contains("line 1 names the column \"c\"")
                && names.contains("1.csv"))
        let counts = refusal(
            ["1.csv": "a,b,y\n1,2,0\n", "2.csv": "a,b,c,y\n1,2,3,0\n"], "path: '*.csv', label: 'y'")
        #expect(counts.contains("line 1 has 4 columns, but") && counts.contains("has 3"))
    }

    @Test func linesToSkipNeverCostAnotherPartARow() throws {
        let files = ["train.csv": "1,2,0\n3,4,1\n5,6,0\n", "test.csv": "junk\n7,8,1\n9,10,0\n"]
        let keys = "path: 'train.csv', test_path: 'test.csv', header: false, label: 2, "
        let said = refusal(files, keys + "skip_lines: 1")
        #expect(
            said.contains("train.csv") && said.contains("line 1, which is a row") && said.contains("train: 0")
        )
        let data = try load(files, keys + "skip_lines: {test: 1}")
        #expect(data.train.count == 3 && data.test?.count == 2)
        // A title in each of several files is what the plain number is for.
        let titled = ["1.csv": "title\n1,2,0\n", "2.csv": "title\n3,4,1\n"]
        #expect(try load(titled, "path: '*.csv', header: false, label: 2, skip_lines: 1").train.count == 2)
        let one = try load(
            ["1.csv": "1,2,0\n3,4,1\n"], "path: '1.csv', header: false, label: 2, skip_lines: 1")
        #expect(one.train.count == 1)
    }

    @Test(arguments: [
        (",a,y\n0,1.5,1\n1,2.5,0\n2,3.5,1\n", true), (",a,y\n5,1.5,1\n3,2.5,0\n", false),
        ("Unnamed: 0,a,y\n0,1.5,1\n1,2.5,0\n", true), ("a,b,y\n0,1.5,1\n1,2.5,0\n", false),
    ])
    func anIndexAmongTheFeaturesIsWarnedOf(text: String, isIndex: Bool) throws {
        let data = try InputFolder().load(text, "label: 'y'")
        #expect(
            data.warnings.contains { $0.contains("counts the rows") && $0.contains("ignore: [0]") } == isIndex
        )
        #expect(data.featureNames.count == 2)
        #expect(try InputFolder().load(text, "label: 'y', ignore: [0]").warnings.isEmpty)
    }

    @Test func aRowOfWordsIsNoHeader() throws {
        // The second field is missing in the first row; nothing says that its words are names.
        let data = try InputFolder().load(
            "red,,yes\nblue,3,no\nred,4,yes\n",
            "label: 2, categorical: {'0': 'one_hot'}, on_missing: 'mean'")
        #expect(data.train.count == 3)
    }

    // MARK: Reading for a model

    @Test func keptTextsStayBesideTheirRows() throws {
        let folder = try InputFolder()
        try folder.write("train.csv", "a,b,y\n1,2,0\n3,4,1\n")
        let trained = try folder.source("{format: 'csv', path: 'train.csv', label: 'y'}").load(seed: 1)
        try folder.write("new.csv", "id,b,a\n007,2,1\nx,oops,3\n\"n, 9\",6,5\n")
        let rows = try folder.source("{format: 'csv', path: 'new.csv', on_bad_row: 'skip'}")
            .rows(using: trained.preprocessing, .init(keep: ["id", "a"]))
        #expect(rows.kept == [["007", "1"], ["n, 9", "5"]])
        #expect(rows.examples.numbers == [1, 2, 5, 6])
        #expect(rows.passedOver == ["id"])
        let failure = #expect(throws: ConfigurationError.self) {
            try folder.source("{format: 'csv', path: 'new.csv'}")
                .rows(using: trained.preprocessing, .init(keep: ["idd"]))
        }
        #expect(failure?.problem.contains("did you mean \"id\"") == true)
    }

    @Test func onlyColumnsOfTheModelMustBeUnmistakable() throws {
        let folder = try InputFolder()
        try folder.write("train.csv", "a,y\n1,0\n3,1\n")
        let trained = try folder.source("{format: 'csv', path: 'train.csv', label: 'y'}").load(seed: 1)
        try folder.write("new.csv", "note,a,note\nx,1,z\n")
        let source = try folder.source("{format: 'csv', path: 'new.csv'}")
        #expect(try source.rows(using: trained.preprocessing).examples.numbers == [1])
        try folder.write("new.csv", "a,a\n1,2\n")
        #expect(throws: ConfigurationError.self) { try source.rows(using: trained.preprocessing) }
    }

    @Test(arguments: ["a,b,y\n1,2,\n3,4,\n", "a,b,y\n1,2,?\n3,4,9\n", "a,b,y\n1,2,1\n3,4,\n"])
    func labelsThatCannotBeUsedAreNoneForAPrediction(text: String) throws {
        let folder = try InputFolder()
        try folder.write("train.csv", "a,b,y\n1,2,0\n3,4,1\n")
        let trained = try folder.source("{format: 'csv', path: 'train.csv', label: 'y'}").load(seed: 1)
        try folder.write("new.csv", text)
        let source = try folder.source("{format: 'csv', path: 'new.csv'}")
        let rows = try source.rows(using: trained.preprocessing, .init(labelName: "y", toleratesLabels: true))
        #expect(rows.examples.count == 2 && rows.examples.classes.isEmpty)
        #expect(throws: ConfigurationError.self) {
            try source.rows(using: trained.preprocessing, .init(labelName: "y"))
        }
    }
}
