import Compute
import Configuration
import Datasets
import Foundation
import Testing

/// Weka's format: its rows are right, or refused by line.
@Suite struct ARFFTests {
    private static let header = """
        % a comment
        @RELATION "toy data"
        @ATTRIBUTE a NUMERIC
        @attribute 'b c' real

        @attribute class {no, yes, 'may be'}
        @DATA

        """

    private func load(_ rows: String, header: String = header, _ keys: String = "label: -1") throws -> Dataset
    {
        let folder = try InputFolder()
        try folder.write("t.arff", header + rows)
        return try folder.source("{format: 'arff', path: 't.arff', \(keys)}").load(seed: 1)
    }

    @Test(arguments: [
        "1.5,2,no\n-3,4,yes\n0,1,'may be'\n",
        "1.5 , 2 , no\n% between\n-3,4,\"yes\"\n\n0,1,may be\n",
        "1.5,2,no, {2}\n-3,4,yes,{0.5}\n0,1,'may be' , { 3 }\n",
        "{0 1.5, 1 2}\n{0 -3, 1 4, 2 yes}\n{1 1, 2 'may be'}\n",
        "{0 1.5, 1 2}, {5}\n{ 0 -3 , 1 4 , 2 \"yes\" }\n{1 1,2 'may be'}\n",
        "1.5,2,no\n{0 -3,1 4,2 yes}\n{1 1,2 'may be'},{1}\n",
        "1.5,2,'no'\r\n-3,4,yes\r\n0,1,'may\\ be'\r\n",
    ])
    func rowsAreRead(rows: String) throws {
        let data = try load(rows)
        #expect(data.train.numbers == [1.5, 2, -3, 4, 0, 1])
        #expect(data.featureNames == ["a", "b c"])
        #expect(data.classNames == ["no", "yes", "may be"], "the header declares their order")
        #expect(data.train.classes == [0, 1, 2])
        #expect(
            data.warnings.contains { $0.contains("weights") }
                == (rows.contains("{2}") || rows.contains("{5}") || rows.contains("{1}\n")))
    }

    /// What must be refused, and what of it the message must name.
    @Test(arguments: [
        ("1,2,no\n1,2,maybe\n", ["line 9", "\"maybe\"", "\"class\""]),
        ("1,2\n", ["line 8", "2 fields", "3 attributes"]),
        ("1,2,no,4\n", ["line 8", "4 fields", "3 attributes"]),
        ("1,2,no,{x}\n", ["line 8", "weight"]), ("1,2,no,{-1}\n", ["line 8", "weight"]),
        ("1,2,no,{1} 7\n", ["line 8"]), ("1,'2,no\n", ["line 8", "never closed"]),
        ("{0 1,0 2}\n", ["line 8", "ascend"]), ("{1 1,0 2}\n", ["line 8", "ascend"]),
        ("{3 1}\n", ["line 8", "\"3\"", "3 attributes"]), ("{-1 1}\n", ["line 8"]),
        ("{0 1\n", ["line 8", "brace"]),
        ("{x 1}\n", ["line 8", "\"x\""]), ("{0 1} 7\n", ["line 8"]),
        ("{2 never}\n", ["line 8", "\"never\""]),
        ("{0 x}\n", ["line 8, column 1 (a)", "finite number"]),
        ("1,2,?\n", ["line 8, column 3", "label is missing"]),
        ("", ["no row"]),
    ])
    func whatDoesNotFitTheHeaderIsRefused(rows: String, mentions: [String]) throws {
        let failure = #expect(throws: ConfigurationError.self) { try load(rows) }
        let text = failure.map { "\($0)" } ?? ""
        for mention in mentions { #expect(text.contains(mention), "\(text)") }
    }

    @Test func badRowsMayBeLeftOut() throws {
        let data = try load("1,2,no\n1,2\n3,4,never\n5,6,yes\n", "label: -1, on_bad_row: 'skip'")
        #expect(data.train.numbers == [1, 2, 5, 6] && data.skippedRows == 2)
    }

    @Test(arguments: [
        ("@data\n1\n", "no @attribute"),
        ("@attribute a wavelet\n@data\n1\n", "\"wavelet\""), ("@attribute a {x, y\n@data\n1\n", "brace"),
        ("@attribute a relational\n@data\n1\n", "relational"),
        ("@attribute a {x, x}\n@data\nx\n", "different"),
        ("@attribute 'a numeric\n@data\n1\n", "never closed"), ("@attribute a numeric\n", "@data"),
        ("@attribute\n@data\n1\n", "without a name"),
    ])
    func headersThatSayTooLittleAreRefused(header: String, mention: String) throws {
        let failure = #expect(throws: ConfigurationError.self) { try load("", header: header) }
        #expect(failure?.problem.contains(mention) == true, "\(failure.map { "\($0)" } ?? "")")
    }

    @Test func quotesEscapesAndTextsAreResolved() throws {
        let header = """
            @attribute 'it\\'s' numeric
            @attribute "say \\"it\\"" {'a, b', "c d", e\\'f}
            @attribute when date "yyyy-MM-dd"
            @attribute y{p,q}
            @data

            """
        let data = try load(
            "1,'a, b','2024-01-02',p\n2,\"c d\",\"x\\ty\",q\n3,'e\\'f',?,p\n", header: header,
            "label: 'y', ignore: ['when'], categorical: {'say \"it\"': 'one_hot'}")
        #expect(data.featureNames == ["it's", "say \"it\"=a, b", "say \"it\"=c d", "say \"it\"=e'f"])
        #expect(data.train.numbers == [1, 1, 0, 0, 2, 0, 1, 0, 3, 0, 0, 1])
    }

    @Test func missingValuesStayMissing() throws {
        let data = try load("?,2,no\n3,?,yes\n", "label: -1, on_missing: 'zero'")
        #expect(data.train.numbers == [0, 2, 3, 0])
    }

    @Test func numericClassesAndRegressionAreAsBefore() throws {
        let header = "@attribute a numeric\n@attribute y {2,1,0}\n@data\n"
        #expect(try load("1,0\n2,1.0\n", header: header).classNames == ["2", "1", "0"])
        let values = "@attribute a numeric\n@attribute y numeric\n@data\n"
        #expect(
            try load("1,0.5\n{0 2}\n", header: values, "label: -1, task: 'regression'").train.values == [
                0.5, 0,
            ])
        let stated = try load("1,2,no\n3,4,yes\n", "label: -1, classes: ['yes', 'no']")
        #expect(stated.classNames == ["yes", "no"] && stated.train.classes == [1, 0])
    }

    /// Whatever values are written, in whichever form, the same rows come out.
    @Test func sparseAndFullRowsAreTheSame() throws {
        var generator = SeededGenerator(seed: 3, purpose: .test)
        let names = ["no", "yes", "may be"]
        for _ in 0..<50 {
            var (full, sparse) = ("", "")
            for _ in 0..<5 {
                let numbers = (0..<2).map { _ in generator.index(below: 3) * 7 }
                let label = generator.index(below: 3)
                full += "\(numbers[0]),\(numbers[1]),'\(names[label])'\n"
                let stated =
                    numbers.enumerated().filter { $1 != 0 }.map { "\($0) \($1)" }
                    + (label > 0 ? ["2 '\(names[label])'"] : [])
                sparse += "{\(stated.joined(separator: ", "))}\n"
            }
            let (one, other) = (try load(full), try load(sparse))
            #expect(one.train.numbers == other.train.numbers && one.train.classes == other.train.classes)
        }
    }
}
