import Configuration
import Foundation
import Testing

@testable import Datasets

/// Columns and classes mean what the schema says, whatever a file's order and whatever else it holds.
@Suite struct SchemaTests {
    static let trained = "a,b,colour,y\n1,10,red,sick\n2,20,blue,healthy\n3,30,red,sick\n"
    static let keys = "label: 'y', categorical: {colour: 'one_hot'}"

    private func schema() throws -> Preprocessing {
        try InputFolder().load(Self.trained, Self.keys).preprocessing
    }

    private func read(_ text: String, _ keys: String = keys, requiresLabel: Bool = true) throws -> (
        numbers: [Float], classes: [Int32], passedOver: [String]
    ) {
        let folder = try InputFolder()
        try folder.write("t.csv", text)
        let source = try folder.source("{format: 'csv', path: 't.csv', \(keys)}")
        let rows = try source.rows(using: schema(), .init(requiresLabel: requiresLabel))
        let (examples, passedOver) = (rows.examples, rows.passedOver)
        return (examples.numbers, examples.classes, passedOver)
    }

    /// All orders of the columns give the same examples.
    @Test func theOrderOfColumnsDoesNotMatter() throws {
        let rows = [["a", "b", "colour", "y"], ["7", "8", "blue", "healthy"], ["9", "1", "red", "sick"]]
        let wanted = try read(rows.map { $0.joined(separator: ",") + "\n" }.joined())
        #expect(wanted.classes == [0, 1])
        for first in 0..<4 {
            for second in 0..<4 where second != first {
                let rest = (0..<4).filter { $0 != first && $0 != second }
                for order in [[first, second] + rest, [first, second] + rest.reversed()] {
                    let text = rows.map { row in order.map { row[$0] }.joined(separator: ",") + "\n" }
                        .joined()
                    let found = try read(text)
                    #expect(found.numbers == wanted.numbers && found.classes == wanted.classes, "\(order)")
                }
            }
        }
    }

    @Test func furtherColumnsArePassedOverAndNamed() throws {
        let found = try read("id,y,note,b,colour,a\n17,sick,x,8,blue,7\n")
        #expect(found.passedOver == ["id", "note"] && found.classes == [1])
        let ignored = try read(
            "id,y,note,b,colour,a\n17,sick,x,8,blue,7\n", Self.keys + ", ignore: ['note'], group: 'id'")
        #expect(ignored.passedOver.isEmpty && ignored.numbers == found.numbers)
    }

    /// A site that holds one class only keeps that class's number.
    @Test(arguments: [("sick", Int32(1)), ("healthy", 0)])
    func aSiteWithOneClassDoesNotNumberItAnew(label: String, number: Int32) throws {
        #expect(try read("a,b,colour,y\n1,2,red,\(label)\n3,4,red,\(label)\n").classes == [number, number])
    }

    @Test func aLabelMapSpeaksTheTasksClasses() throws {
        let keys = Self.keys + ", label_map: {'1': 'sick', '0': 'healthy'}"
        #expect(try read("a,b,colour,y\n1,2,red,1\n3,4,red,0\n", keys).classes == [1, 0])
        let reversed = Self.keys + ", classes: ['sick', 'healthy']"
        #expect(try read("a,b,colour,y\n1,2,red,sick\n", reversed).classes == [1], "classes go by name")
    }

    /// What must be refused, and what of it the message must name.
    @Test(arguments: [
        ("a,b,colour,y\n1,2,red,2\n", keys, "\"2\""), ("a,c,colour,y\n1,2,red,sick\n", keys, "\"b\""),
        ("a,colour,y\n1,red,sick\n", keys, "\"b\""),
        ("1,2,red,sick\n", "header: false, label: 3", "column_names"),
        ("a,b,colour\n1,2,red\n", keys, "\"y\""), ("a,b,colour,z\n1,2,red,sick\n", "", "label"),
        ("a,b,colour,y\n1,2,red,sick\n", keys + ", label_map: {sick: 'ill'}", "\"ill\""),
        ("a,b,colour,y\n1,2,red,sick\n", keys + ", classes: ['sick', 'ill']", "\"ill\""),
        ("a,b,colour,y\n1,2,red,1\n", keys + ", label_threshold: 0.5", "label_threshold"),
        ("a,b,colour,y\n1,2,red,1\n", keys + ", task: 'regression'", "regression"),
        ("a,b,colour,y\n1,2,red,sick\n", "label: 'b', categorical: {colour: 'one_hot'}", "\"b\""),
        ("a,b,colour,y\nx,2,red,sick\n", keys, "line 2"),
        ("a,b,colour,y\n1,2,red,sick\n", "label: 'y', categorical: {a: 'one_hot'}", "categorical"),
    ])
    func whatDoesNotFitIsRefused(text: String, keys: String, mention: String) throws {
        let failure = #expect(throws: ConfigurationError.self) { try read(text, keys) }
        #expect(failure.map { "\($0)".contains(mention) } == true, "\(failure.map { "\($0)" } ?? "")")
    }

    @Test func rowsWithoutLabelsArePredicted() throws {
        let found = try read(
            "colour,b,a\nblue,8,7\n", "categorical: {colour: 'one_hot'}", requiresLabel: false)
        #expect(found.classes.isEmpty && found.numbers.count == 4)
    }

    @Test(arguments: [
        ("{kind: 'table', classes: ['a', 'a'], columns: [{name: 'x', encoding: 'numeric'}]}", "twice"),
        ("{kind: 'table', classes: ['a'], columns: []}", "column"),
        (
            "{kind: 'table', columns: [{name: 'x', encoding: 'numeric'}, {name: 'x', encoding: 'numeric'}]}",
            "twice"
        ),
        ("{kind: 'table', columns: [{name: 'x', encoding: 'one_hot', categories: []}]}", "categories"),
    ])
    func whatSaysTooLittleIsNoSchema(text: String, mention: String) throws {
        let schema = try Preprocessing(JSONValue(json5: text.utf8, source: "test"))
        let failure = #expect(throws: ConfigurationError.self) {
            try schema.checkCompleteness(path: "task.schema")
        }
        #expect(failure?.problem.contains(mention) == true)
    }

    @Test func aDifferenceIsNamed() throws {
        let mine = try schema()
        #expect(mine.difference(from: mine) == nil)
        let classes = try InputFolder().load(Self.trained.replacing("sick", with: "ill"), Self.keys)
        #expect(mine.difference(from: classes.preprocessing)?.contains("classes") == true)
        let columns = try InputFolder().load(Self.trained.replacing("a,b", with: "b,a"), Self.keys)
        #expect(mine.difference(from: columns.preprocessing)?.contains("columns") == true)
    }
}
