import Configuration
import Foundation
import Testing

@testable import Datasets

/// Data sections of text that contradict themselves, and schemas that nobody wrote: one line that says what and where.
@Suite struct TextRefusalTests {
    @Test(arguments: [
        ("length: 4", "data.path: is missing: name the file or a pattern such as \"texts/*.txt\""),
        ("path: 't.txt', length: 4", "data.tokenizer: is missing: such as { kind: \"character\" }"),
        ("path: 't.txt', tokenizer: {kind: 'byte'}", "data.length: is missing: the tokens of a sequence"),
        ("path: 't.txt', tokenizer: {kind: 'byte'}, length: 0", "data.length: must be "),
        ("path: 't.txt', tokenizer: {kind: 'byte'}, length: 4, stride: 0", "data.stride: must be "),
        ("path: 't.txt', tokenizer: {kind: 'byte', size: 3}, length: 4", "data.tokenizer.size: unknown key"),
        (
            "path: 't.txt', tokenizer: {kind: 'byte'}, lengths: 4",
            "data.lengths: unknown key; did you mean \"length\"?"
        ),
        (
            "path: 't.txt', tokenizer: {kind: 'byte'}, length: 4, label: 'y'",
            "data.label: is for a table of texts: say under column which one holds them"
        ),
        (
            "path: 't.txt', tokenizer: {kind: 'byte'}, length: 4, group: 'user'",
            "data.group: must be \"file\" or { pattern }, unless column names a table's texts"
        ),
        (
            "path: 't.csv', tokenizer: {kind: 'byte'}, length: 4, column: 'x', group: {pattern: '*:'}",
            "data.group: cannot be a pattern in a table: name a column, or \"file\""
        ),
        (
            "path: 't.txt', tokenizer: {kind: 'byte'}, length: 4, task: 'classification'",
            "data.task: is classification, which needs a table: column and label"
        ),
        (
            "path: 't.csv', tokenizer: {kind: 'byte'}, length: 4, column: 'x', label: 'y', stride: 2",
            "data.stride: is for the task next_token: a text to classify is one sequence"
        ),
        (
            "path: 't.csv', tokenizer: {kind: 'byte'}, length: 4, column: 'x', label: 'y', task: 'next_token'",
            "data.label: is for the task classification"
        ),
        (
            "path: 't.csv', tokenizer: {kind: 'byte'}, length: 4, column: 'x', task: 'classification'",
            "t.csv: has no label: say which column it is (label: name or index)"
        ),
        (
            "path: 't.csv', tokenizer: {kind: 'byte'}, length: 4, column: 'xx'",
            "t.csv: has no column \"xx\"; did you mean \"x\"?"
        ),
        (
            "path: 't.csv', tokenizer: {kind: 'byte'}, length: 4, column: 'x', label: 'x'",
            "t.csv: column \"x\" cannot be a feature: it is the label or the group"
        ),
        (
            "path: 'u.txt', tokenizer: {kind: 'byte'}, length: 4",
            "u.txt: no such file; did you mean \"t.txt\"?"
        ),
        (
            "path: 't.txt', tokenizer: {kind: 'byte'}, length: 4, group: {at: 'line'}",
            "data.group.pattern: is missing"
        ),
        (
            "path: 't.txt', tokenizer: {kind: 'byte'}, length: 4, group: {pattern: '*:', at: 'word'}",
            "data.group.at: "
        ),
        (
            "path: 't.txt', tokenizer: {kind: 'byte'}, length: 4, group: {pattern: '*'}",
            "data.group.pattern: must have one * for the name with text behind it"
        ),
        (
            "path: 't.txt', tokenizer: {kind: 'byte'}, length: 4, group: {pattern: 'a*b*c'}",
            "data.group.pattern: must have one * for the name with text behind it"
        ),
        (
            "path: 't.txt', tokenizer: {kind: 'byte'}, length: 4, split: {test: 0.5, by: 'group'}",
            "t.txt: has no groups to split by"
        ),
    ])
    func sectionsAreRefusedInOneLine(_ keys: String, _ expected: String) throws {
        let folder = try InputFolder()
        try folder.write("t.txt", "some text that is long enough")
        try folder.write("t.csv", "x,y\nab,1\ncd,2\n")
        let found: String
        do {
            _ = try folder.source("{format: 'text', \(keys)}").load(seed: 1)
            found = ""
        } catch let error as ConfigurationError {
            found = error.description.replacingOccurrences(of: folder.path + "/", with: "")
        }
        #expect(found.hasPrefix(expected), "\(found)")
        #expect(!found.contains("\n"))
    }

    private static let tokenizer = "tokenizer: {kind: 'character', size: 3, alphabet: 'ab'}"

    @Test(arguments: [
        ("kind: 'text'", "length: is missing"),
        ("kind: 'text', length: 4", "tokenizer: is missing"),
        ("kind: 'text', length: 4, \(tokenizer), classes: ['a']", "classes: go with the task classification"),
        ("kind: 'text', length: 4, \(tokenizer), task: 'classification'", "classes: go with the task"),
        ("kind: 'text', length: 4, tokenizer: {kind: 'x', size: 3}", "tokenizer.kind: must name a tokenizer"),
        ("kind: 'text', length: 4, tokenizer: {kind: 'byte'}", "tokenizer.size: is missing"),
        ("kind: 'text', length: 4, tokenizer: {kind: 'character', size: 3}", "tokenizer.alphabet: goes with"),
        (
            "kind: 'text', length: 4, tokenizer: {kind: 'character', size: 3, alphabet: 'ba'}",
            "tokenizer.alphabet: must hold 2 characters in ascending order"
        ),
        (
            "kind: 'text', length: 4, tokenizer: {kind: 'character', size: 4, alphabet: 'ab'}",
            "tokenizer.alphabet: must hold 3 characters in ascending order"
        ),
        ("kind: 'text', length: 4, tokenizer: {kind: 'bpe', size: 300}", "tokenizer.fingerprint: goes with"),
        (
            "kind: 'text', length: 4, tokenizer: {kind: 'bpe', size: 300, fingerprint: '+123456789abcdef'}",
            ""
        ),
        (
            "kind: 'text', length: 4, tokenizer: {kind: 'bpe', size: 300, fingerprint: 'xy'}",
            "tokenizer.fingerprint: must be 16 hexadecimal digits"
        ),
        ("kind: 'texts'", "kind: must be \"table\", \"images\" or \"text\""),
    ])
    func schemasAreRefusedInOneLine(_ text: String, _ expected: String) throws {
        do {
            _ = try Preprocessing(JSONValue(json5: "{\(text)}".utf8, source: "test"), path: "schema")
            #expect(expected == "")
        } catch let error as ConfigurationError {
            #expect(!expected.isEmpty && error.description.hasPrefix("schema." + expected), "\(error)")
        }
    }

    /// Sequences that would fill the memory are refused before they do.
    @Test func tooManySequencesAreRefused() throws {
        let tokenizer = try InputFolder().tokenizer("kind: 'byte'")
        do {
            _ = try TokenSequences(
                [[UInt8](repeating: 0, count: (1 << 20) + 1026)], by: tokenizer, length: 1 << 20, stride: 1,
                predictsTokens: true, path: "t.txt")
            Issue.record("was taken")
        } catch let error as ConfigurationError {
            #expect(
                error.description
                    == "t.txt: makes more than 1024 sequences of 1048576 tokens, which is too much; a longer stride makes fewer"
            )
        }
    }

    @Test(arguments: ["csv", "idx", "text"]) func otherDataThanTheModelsAreRefused(_ format: String) throws {
        let folder = try InputFolder()
        try folder.write("t.csv", "a,b\n1,2\n")
        let keys = ["csv": "path: 't.csv', label: 'b'", "idx": "path: '.'", "text": "path: 't.csv'"]
        let source = try folder.source("{format: '\(format)', \(keys[format] ?? "")}")
        let text = try Preprocessing(
            JSONValue(
                json5: "{kind: 'text', length: 4, tokenizer: {kind: 'byte', size: 256}}".utf8, source: "test")
        )
        let images = Preprocessing.images(center: 0, scale: 1, classNames: [])
        do {
            _ = try source.rows(using: format == "text" ? images : text)
            Issue.record("was taken")
        } catch let error as ConfigurationError {
            #expect(error.description.hasSuffix(format == "text" ? "trained on images" : "trained on text"))
        }
    }
}
