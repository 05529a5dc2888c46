import Compute
import Configuration
import Testing

@testable import Datasets

@Suite struct PreprocessingTests {
    private let keys = """
        label: 'y', on_missing: 'median', missing_indicator: true, normalize: 'standardize', \
        categorical: {colour: 'one_hot', size: 'ordinal'}
        """
    private let text = "x,colour,size,y\n1,red,s,no\n2,blue,m,yes\n,red,l,no\n7,,s,yes\n"

    @Test func survivesJSONAndAppliesToNewRows() throws {
        let folder = try InputFolder()
        let data = try folder.load(text, keys)
        let json = try JSONValue(json5: data.preprocessing.json.text(indented: true).utf8, source: "test")
        let again = try Preprocessing(json)
        #expect(again == data.preprocessing)
        let source = try folder.source("{format: 'csv', path: 't.csv', \(keys)}")
        let examples = try source.rows(using: again).examples
        #expect(examples.numbers == data.train.numbers)
        #expect(examples.classes == data.train.classes)
        #expect(try source.load(seed: 9, preprocessing: again).train.numbers == data.train.numbers)
    }

    @Test func newRowsNeedNoLabelAndMayHoldFewerClasses() throws {
        let folder = try InputFolder()
        let data = try folder.load(text, keys)
        let source = try folder.source("{format: 'csv', path: 't.csv', \(keys)}")
        try folder.write("t.csv", "x,colour,size\n1,green,s\n")
        let unlabelled = try source.rows(using: data.preprocessing).examples
        #expect(unlabelled.count == 1 && unlabelled.values.isEmpty && unlabelled.classes.isEmpty)
        #expect(Array(unlabelled.numbers[2..<4]) == [0, 0], "an unknown colour is no colour")
        try folder.write("t.csv", "x,colour,size,y\n1,red,s,yes\n")
        #expect(try source.rows(using: data.preprocessing).examples.classes == [1])
        try folder.write("t.csv", "x,colour,y\n1,red,yes\n")
        #expect(throws: ConfigurationError.self) { try source.rows(using: data.preprocessing).examples }
    }

    @Test func filesWithoutNamesMayLeaveOutTheLabel() throws {
        let folder = try InputFolder()
        let data = try folder.load("1,a,5\n2,b,6\n", "label: 1")
        let source = try folder.source("{format: 'csv', path: 't.csv', label: 1}")
        try folder.write("t.csv", "3,7\n4,8\n")
        #expect(try source.rows(using: data.preprocessing).examples.numbers == [3, 7, 4, 8])
        try folder.write("t.csv", "3,7\n4,x\n")
        let failure = #expect(throws: ConfigurationError.self) {
            try source.rows(using: data.preprocessing).examples
        }
        #expect(failure?.problem.contains("line 2, column 2 (2): \"x\"") == true)
    }

    @Test func refusesUnknownCategoriesWhenTold() throws {
        let folder = try InputFolder()
        let keys = "label: 1, header: false, categorical: {'0': 'one_hot'}, unknown_category: 'error'"
        let data = try folder.load("a,0\nb,1\n", keys)
        let source = try folder.source("{format: 'csv', path: 't.csv', \(keys)}")
        try folder.write("t.csv", "c,0\n")
        let failure = #expect(throws: ConfigurationError.self) {
            try source.rows(using: data.preprocessing).examples
        }
        #expect(failure?.problem.contains("the category \"c\"") == true)
    }

    @Test(arguments: [
        "{}", "{kind: 'table', columns: [{name: 'a', encoding: 'x'}]}", "{kind: 'images', scale: 0}",
        "{kind: 'images', extra: 1}",
        "{kind: 'table', columns: [{name: 'a', encoding: 'numeric', scale: -1}]}",
    ])
    func refusesOtherJSON(text: String) throws {
        let json = try JSONValue(json5: text.utf8, source: "test")
        #expect(throws: ConfigurationError.self) { try Preprocessing(json) }
    }
}

@Suite struct SplitTests {
    private func parts(_ keys: String, count: Int, labels: [Int32]?, seed: UInt64 = 1) throws -> Split.Parts {
        let section = try Section(JSONValue(json5: keys.utf8, source: "test"), path: "split")
        return try Split(section).parts(count: count, labels: labels, seed: seed, path: "f")
    }

    @Test(arguments: [17, 100, 1797], [true, false])
    func partsAreDisjointAndComplete(count: Int, stratified: Bool) throws {
        let labels = (0..<count).map { Int32($0 * $0 % 5) }
        let parts = try parts(
            "{test: 0.2, validation: 0.1, stratified: \(stratified)}", count: count, labels: labels)
        #expect((parts.train + parts.validation + parts.test).sorted() == Array(0..<Int32(count)))
        #expect(parts.test.count == Int(Double(count) * 0.2 + 1e-9))
        guard stratified else { return }
        for label in Set(labels) {
            let all = Double(labels.count { $0 == label })
            let held = Double(parts.test.count { labels[Int($0)] == label })
            #expect(abs(held - 0.2 * all) < 1.0001)
        }
    }

    @Test func foldsCoverEveryRowOnce() throws {
        let labels = (0..<103).map { Int32($0 % 3) }
        var held: [Int32] = []
        for fold in 0..<5 {
            let parts = try parts("{folds: 5, fold: \(fold)}", count: 103, labels: labels)
            #expect(parts.train.count + parts.test.count == 103)
            held += parts.test
        }
        #expect(held.sorted() == Array(0..<103))
    }

    @Test func theSeedDecides() throws {
        let first = try parts("{test: 0.5}", count: 40, labels: nil)
        #expect(try parts("{test: 0.5}", count: 40, labels: nil) == first)
        #expect(try parts("{test: 0.5}", count: 40, labels: nil, seed: 2) != first)
        #expect(try parts("{test: 0.5, seed: 1}", count: 40, labels: nil, seed: 2) == first)
    }

    @Test(arguments: [
        "{test: 1}", "{test: -0.1}", "{test: 0.6, validation: 0.4}", "{fold: 1}", "{folds: 3, fold: 3}",
        "{folds: 3, test: 0.1}", "{tset: 0.1}",
    ])
    func refusesImpossibleSplits(keys: String) {
        #expect(throws: ConfigurationError.self) { try parts(keys, count: 40, labels: nil) }
    }
}
