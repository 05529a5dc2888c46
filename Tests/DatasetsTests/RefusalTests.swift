import Compute
import Configuration
import Foundation
import Testing

@testable import Datasets

@Suite struct RefusalTests {
    @Test(arguments: [
        (
            "a,b,y\n1,nan,0\n", "label: 'y'",
            "t.csv: 1 bad row: line 2, column 2 (b): \"nan\" is not a finite number"
        ),
        (
            "a,b,y\n1,2,0\n1,inf,0\n", "label: 'y'",
            "t.csv: 1 bad row: line 3, column 2 (b): \"inf\" is not a finite number"
        ),
        (
            "a,b,y\n1,0x1p3,0\n", "label: 'y'",
            "t.csv: 1 bad row: line 2, column 2 (b): \"0x1p3\" is not a finite number (text goes"
        ),
        ("a,b,y\n1,1e39,0\n", "label: 'y'", "t.csv: 1 bad row: line 2, column 2 (b): \"1e39\" is too large"),
        (
            "1,2,0\n1,2\n1,2,3,4\n1\n1\n", "label: 2",
            "t.csv: 4 bad rows: line 2: has 2 columns, not 3; line 3: has 4 columns, not 3; line 4"
        ),
        (
            "a,b,y\n1,?,0\n", "label: 'y'",
            "t.csv: 1 bad row: line 2, column 2 (b): the value is missing (on_missing"
        ),
        ("a,b,y\n1,2,?\n", "label: 'y'", "t.csv: 1 bad row: line 2, column 3 (y): the label is missing"),
        (
            "a,b,y\n1,2,3\n", "label: 'y', classes: 3",
            "t.csv: 1 bad row: line 2, column 3 (y): the label \"3\" is none of the 3 classes"
        ),
        (
            "a,b,y\n1,2,3\n", "label: 'y', label_map: {'1': 1}",
            "t.csv: 1 bad row: line 2, column 3 (y): label_map has no label \"3\""
        ),
        ("age,sex,y\n1,2,3\n", "label: 'agee'", "t.csv: has no column \"agee\"; did you mean \"age\"?"),
        ("1,2,3\n", "label: 3", "t.csv: has no column 3: it has 3, numbered from 0"),
        ("1,2,3\n", "", "t.csv: has no label: say which column it is"),
        ("a,a,y\n1,2,3\n", "label: 'y'", "t.csv: names the column \"a\" twice"),
        ("a,b,y\n\"1,2,3\n", "label: 'y'", "t.csv: 1 bad row: line 2: a quote that is never closed"),
        ("a,b,y\n\"1\"x,2,3\n", "label: 'y'", "t.csv: 1 bad row: line 2: text after the closing quote"),
        ("a,b,y\n1\"x,2,3\n", "label: 'y'", "t.csv: 1 bad row: line 2: a quote inside a field"),
        ("", "label: 'y'", "t.csv: holds no row"),
        ("a,b,y\n", "label: 'y', header: true", "t.csv: holds no row that can be used"),
        ("1,2\n", "label: 1, lable: 3", "data.lable: unknown key; did you mean \"label\"?"),
        (
            "1,2\n", "label: 1, normalize: 'standardise'",
            "data.normalize: unknown name \"standardise\"; did you mean \"standardize\"?"
        ),
        ("1,2\n", "label: 1, split: {test: 0.5}", "t.csv: 1 rows are too few"),
        (
            "1,2\n", "label: 1, shape: [2, 2]",
            "t.csv: has 1 features an example, which do not fill the shape [2, 2]"
        ),
        (
            "?,2\n?,1\n", "label: 1, on_missing: 'mean'",
            "t.csv: column \"0\" has no value in the training rows"
        ),
    ])
    func refusesInOneLine(text: String, keys: String, message: String) throws {
        let refusal = try InputFolder().refusal(text, keys)
        #expect(refusal.hasPrefix(message), "\(refusal)")
        #expect(!refusal.contains("\n"))
    }

    @Test func skipsBadRowsWhenTold() throws {
        let data = try InputFolder().load("1,2,0\n1,nan,0\n1\n3,4,1\n", "label: 2, on_bad_row: 'skip'")
        #expect(data.train.numbers == [1, 2, 3, 4])
        #expect(data.train.classes == [0, 1])
        #expect(data.skippedRows == 2)
    }

    @Test func namesMissingFiles() throws {
        let folder = try InputFolder()
        try folder.write("digits.csv", "1,2\n")
        let failure = #expect(throws: ConfigurationError.self) {
            try folder.source("{format: 'csv', path: 'digts.csv', label: 1}").load(seed: 1)
        }
        #expect(failure?.problem == "no such file; did you mean \"digits.csv\"?")
        #expect(throws: ConfigurationError.self) {
            try folder.source("{format: 'csv', path: '*.txt', label: 1}").load(seed: 1)
        }
        #expect(throws: ConfigurationError.self) {
            try folder.source("{format: 'csv', path: '.', label: 1}").load(seed: 1)
        }
        #expect(throws: ConfigurationError.self) { try folder.source("{format: 'xml', path: '.'}") }
    }

    @Test func readsAndRefusesGzip() throws {
        let folder = try InputFolder()
        let text = (0..<5000).map { "\($0),\($0 % 3)" }.joined(separator: "\n")
        try folder.write("a.csv", text)
        try folder.compress("a.csv")
        let source = try folder.source("{format: 'csv', path: 'a.csv.gz', label: 1}")
        #expect(try source.load(seed: 1).train.count == 5000)
        let path = folder.path + "/a.csv.gz"
        let bytes = try #require(FileManager.default.contents(atPath: path))
        try folder.write("a.csv.gz", Array(bytes.prefix(bytes.count / 2)))
        let truncated = #expect(throws: ConfigurationError.self) { try source.load(seed: 1) }
        #expect(truncated?.problem.contains("truncated") == true)
        #expect(truncated?.description.contains("\n") == false)
    }

    /// Whatever the bytes, the reader answers with data or an error, never a trap.
    @Test(arguments: ["csv", "table", "arff"])
    func hostileBytesNeverTrap(format: String) throws {
        let folder = try InputFolder()
        var generator = SeededGenerator(seed: 7, purpose: .test)
        let alphabet = Array("\",,\n\r1\t .e-?'%@data{\u{FEFF}\0".utf8) + [0xFF, 0xC0]
        var outcomes = (read: 0, refused: 0)
        for _ in 0..<300 {
            let length = generator.index(below: 60)
            let noise = (0..<length).map { _ in alphabet[generator.index(below: alphabet.count)] }
            try folder.write("t.csv", (format == "arff" ? Array("@data\n".utf8) : []) + noise)
            let source = try folder.source(
                "{format: '\(format)', path: 't.csv', label: 0, on_bad_row: 'skip', on_missing: 'zero'}")
            do {
                let data = try source.load(seed: 1)
                let finite = data.train.numbers.filter(\.isFinite)
                #expect(finite.count == data.train.numbers.count)
                outcomes.read += 1
            } catch is ConfigurationError {
                outcomes.refused += 1
            }
        }
        #expect(outcomes.read + outcomes.refused == 300 && outcomes.refused > 0)
    }

    @Test(arguments: [
        ("63.0", 63.0), (".7", 0.7), ("-.5", -0.5), ("+1e3", 1000), ("1.", 1), ("0.1", 0.1), ("1E-2", 0.01),
        ("123456789012345678901234567890", 1.2345678901234568e29), ("4.9e-324", .leastNonzeroMagnitude),
        ("1.7976931348623157e308", .greatestFiniteMagnitude), ("-0", -0.0),
        ("0.30000000000000004", 0.30000000000000004),
        ("1e-99999999999999999999", 0),
    ])
    func readsDecimals(text: String, value: Double) {
        #expect(DecimalNumber.parse(text)?.bitPattern == value.bitPattern)
    }

    @Test(arguments: [
        "", " ", ".", "-", "+", "e3", "1e", "1e+", "nan", "inf", "-inf", "0x10", "1_000", "1,5", "1 ", "--1",
        "1.2.3",
        "1e400", "infinity", "١",
    ])
    func refusesOtherThanDecimals(text: String) {
        #expect(DecimalNumber.parse(text) == nil)
    }

    @Test func decimalsAgreeWithTheStandardLibrary() {
        var generator = SeededGenerator(seed: 3, purpose: .test)
        for _ in 0..<3000 {
            let digits = String(generator.next() >> UInt64(generator.index(below: 60)))
            let text = "\(digits.prefix(3)).\(digits)e\(generator.index(below: 60) - 30)"
            #expect(DecimalNumber.parse(text) == Double(text), "\(text)")
        }
    }
}
