import Compute
import Configuration
import Datasets
import Testing

extension Examples {
    /// All features as numbers, row-major.
    var numbers: [Float] {
        switch features {
        case .floats(let values): values
        case .bytes(let bytes, let scale): bytes.map { Float($0) * scale }
        case .tokens(let tokens, _): tokens.map { Float($0) }
        }
    }

    /// The classes, empty where values are predicted.
    var classes: [Int32] {
        if case .classes(let labels, _) = targets { labels } else { [] }
    }

    /// The values to predict, empty where there are classes.
    var values: [Float] {
        if case .values(let values, _) = targets { values } else { [] }
    }
}

@Suite struct TableTests {
    @Test func readsQuotesLineBreaksAndNumbers() throws {
        let text =
            "\u{FEFF}name,size,label\r\n\"a, \"\"b\"\"\", .7 ,yes\r\n\"two\nlines\",-.5,no\r\nplain,1e3,yes\r\n\r\n"
        let data = try InputFolder().load(text, "label: 'label', categorical: {name: 'one_hot'}")
        #expect(data.featureNames == ["name=a, \"b\"", "name=plain", "name=two\nlines", "size"])
        #expect(data.train.numbers == [1, 0, 0, 0.7, 0, 0, 1, -0.5, 0, 1, 0, 1000])
        #expect(data.classNames == ["no", "yes"])
        #expect(data.train.classes == [1, 0, 1])
    }

    @Test(arguments: [
        (";", "a;b;c\n1;2;0\n3;4;1\n"), ("\\t", "a\tb\tc\n1\t2\t0\n3\t4\t1\n"), ("|", "a|b|c\n1|2|0\n3|4|1"),
        (",", "a,b,c\r1,2,0\r3,4,1\r"),
    ])
    func readsAnyDelimiterAndLineBreak(delimiter: String, text: String) throws {
        let data = try InputFolder().load(text, "label: -1, delimiter: '\(delimiter)'")
        #expect(data.train.numbers == [1, 2, 3, 4])
        #expect(data.featureNames == ["a", "b"])
    }

    @Test(arguments: [
        ("1,2,0\n3,4,1\n", "label: 2", ["0", "1"]),
        ("1,2,0\n3,4,1\n", "label: '2', header: false", ["0", "1"]),
        ("5,6,7\n1,2,0\n3,4,1\n", "label: 2, header: true", ["5", "6"]),
        ("x,y,z\n1,2,0\n3,4,1\n", "label: 2", ["x", "y"]),
        ("junk\n1,2,0\n3,4,1\n", "label: 2, skip_lines: 1", ["0", "1"]),
        ("1,2,0\n3,4,1\n", "label: 'l', column_names: ['p', 'q', 'l']", ["p", "q"]),
    ])
    func findsTheHeader(text: String, keys: String, names: [String]) throws {
        let data = try InputFolder().load(text, keys)
        #expect(data.featureNames == names)
        #expect(data.train.numbers == [1, 2, 3, 4])
    }

    @Test func choosesColumns() throws {
        let text = "a,b,c,d\n1,2,x,0\n3,4,y,1\n"
        #expect(try InputFolder().load(text, "label: 'd', features: ['b']").train.numbers == [2, 4])
        #expect(try InputFolder().load(text, "label: 'd', ignore: ['a', 2]").train.numbers == [2, 4])
    }

    @Test(arguments: [
        ("mean", [Float(1), 2, 3, 9]), ("median", [1, 1, 3, 9]), ("zero", [1, 0, 3, 9]),
    ])
    func fillsMissingValues(rule: String, expected: [Float]) throws {
        let text = "x,y\n1,0\n?,1\n3,0\n9,1\n1,0\n-9,0\n"
        let keys = "label: 'y', on_missing: '\(rule)', missing_in: {x: [-9.0]}"
        let numbers = try InputFolder().load(text, keys).train.numbers
        let mean: Float = rule == "mean" ? 3.5 : expected[1] == 0 ? 0 : 2
        #expect(numbers == [1, mean, 3, 9, 1, mean])
    }

    @Test func marksAndDropsMissingValues() throws {
        let text = "x,y\n1,0\nNA,1\n3,0\n"
        let marked = try InputFolder().load(text, "label: 'y', on_missing: 'zero', missing_indicator: true")
        #expect(marked.train.numbers == [1, 0, 0, 1, 3, 0])
        #expect(marked.featureNames == ["x", "x missing"])
        let dropped = try InputFolder().load(text, "label: 'y', on_missing: 'drop'")
        #expect(dropped.train.numbers == [1, 3])
        #expect(dropped.skippedRows == 1)
    }

    @Test func encodesCategories() throws {
        let text = "size,colour,y\nlarge,red,0\nsmall,,1\nmedium,red,0\nsmall,blue,1\n"
        let keys =
            "label: 'y', on_missing: 'mean', categorical: {size: ['small', 'medium', 'large'], colour: 'one_hot'}"
        let data = try InputFolder().load(text, keys)
        #expect(data.featureNames == ["size", "colour=blue", "colour=red"])
        #expect(data.train.numbers == [2, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 0])
        let sorted = try InputFolder().load(
            "c,y\n10,0\n9,1\n9.0,1\n", "label: 'y', categorical: {c: 'ordinal'}")
        #expect(sorted.train.numbers == [1, 0, 0])
    }

    @Test func standardizesOnTrainingRowsOnly() throws {
        let rows = (0..<200).map { "\($0 * $0),\($0 % 7),5,\($0 % 2)" }.joined(separator: "\n")
        let keys =
            "label: 3, normalize: 'standardize', normalize_columns: {'1': 'min_max'}, split: {test: 0.25}"
        let data = try InputFolder().load(rows, keys)
        #expect(data.train.count == 150 && data.test?.count == 50)
        let column = stride(from: 0, to: 450, by: 3).map { Double(data.train.numbers[$0]) }
        let mean = column.reduce(0, +) / 150
        let variance = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 150
        #expect(abs(mean) < 1e-6 && abs(variance - 1) < 1e-5)
        let test = try #require(data.test)
        let testMean = stride(from: 0, to: 150, by: 3).map { Double(test.numbers[$0]) }.reduce(0, +) / 50
        #expect(abs(testMean) > 1e-4, "the test rows must not have been fitted")
        let second = stride(from: 1, to: 450, by: 3).map { data.train.numbers[$0] }
        #expect(second.min() == 0 && second.max() == 1)
        #expect(stride(from: 2, to: 450, by: 3).allSatisfy { data.train.numbers[$0] == 0 }, "constant column")
    }

    @Test func scalesByAKnownRange() throws {
        let data = try InputFolder().load("4,0\n8,1\n", "label: 1, normalize: {range: [0, 16]}")
        #expect(data.train.numbers == [0.25, 0.5])
    }

    @Test(arguments: [
        ("", ["3", "20"], [Int32(0), 1, 0]), ("classes: [20, 3]", ["20", "3"], [1, 0, 1]),
        ("label_threshold: 5", ["0", "1"], [0, 1, 0]),
        ("label_map: {'3': 'few', '20': 'many'}, classes: ['many', 'few']", ["many", "few"], [1, 0, 1]),
        ("label_map: {'3': 1, '20': 0}", ["0", "1"], [1, 0, 1]),
    ])
    func readsClasses(keys: String, names: [String], labels: [Int32]) throws {
        let data = try InputFolder().load("1,3\n2,20\n3,3.0\n", "label: 1, \(keys)")
        #expect(data.classNames == names)
        #expect(data.train.classes == labels)
    }

    @Test func tellsRegressionFromClasses() throws {
        #expect(try InputFolder().load("1,0.5\n2,3\n", "label: 1").train.values == [0.5, 3])
        #expect(try InputFolder().load("1,5\n2,3\n", "label: 1, task: 'regression'").train.values == [5, 3])
        let many = (0..<150).map { "1,\($0)" }.joined(separator: "\n")
        #expect(try InputFolder().load(many, "label: 1").train.values.count == 150)
        #expect(try InputFolder().load(many, "label: 1, task: 'classification'").classNames.count == 150)
    }

    @Test func readsTablesAndARFF() throws {
        let folder = try InputFolder()
        try folder.write("t.txt", "  1  2\t 0 \n\n3 4 1\n")
        let table = try folder.source("{format: 'table', path: 't.txt', label: 2}").load(seed: 1)
        #expect(table.train.numbers == [1, 2, 3, 4])
        let arff =
            "% note\n@relation r\n@ATTRIBUTE \"a b\" numeric\n@attribute c {x,y}\n@attribute 'k'\n@DATA\n% c\n1,'x',0\n2,'y',1\n"
        try folder.write("t.arff", arff)
        let data = try folder.source(
            "{format: 'arff', path: 't.arff', label: 'k', categorical: {c: 'one_hot'}}"
        ).load(seed: 1)
        #expect(data.featureNames == ["a b", "c=x", "c=y"])
        #expect(data.train.numbers == [1, 1, 0, 2, 0, 1])
        try folder.write("bad.arff", "@relation r\n1,2\n")
        #expect(throws: ConfigurationError.self) {
            try folder.source("{format: 'arff', path: 'bad.arff', label: 1}").load(seed: 1)
        }
    }

    @Test func groupsByFileAndByColumn() throws {
        let folder = try InputFolder()
        try folder.write("b.csv", "1,7,0\n2,8,1\n")
        try folder.write("a.csv", "3,8,0\n")
        let byFile = try folder.source("{format: 'csv', path: '*.csv', label: 2, group: 'file'}").load(
            seed: 1)
        #expect(byFile.groupNames == ["a.csv", "b.csv"])
        #expect(byFile.trainGroups == [0, 1, 1])
        let byColumn = try folder.source("{format: 'csv', path: '*.csv', label: 2, group: 1}").load(seed: 1)
        #expect(byColumn.groupNames == ["7", "8"])
        #expect(byColumn.trainGroups == [1, 0, 1])
        #expect(byColumn.featureNames == ["0"])
    }

    @Test func takesATestFile() throws {
        let folder = try InputFolder()
        try folder.write("train.csv", "x,y\n0,a\n10,b\n")
        try folder.write("test.csv", "x,y\n20,b\n")
        let data = try folder.source(
            "{format: 'csv', path: 'train.csv', test_path: 'test.csv', label: 'y', normalize: 'min_max'}"
        ).load(seed: 1)
        #expect(data.train.numbers == [0, 1])
        #expect(data.test?.numbers == [2])
        #expect(data.test?.classes == [1])
    }
}
