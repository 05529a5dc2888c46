import Configuration
import Testing

@Suite struct SectionTests {
    private func section(_ text: String) throws -> Section {
        try Section(JSONValue(json5: text.utf8, source: "test"), path: "task")
    }

    @Test(arguments: [
        ("{trainning: 1}", "task.trainning: unknown key; did you mean \"training\"?"),
        ("{zzzzzzzz: 1}", "task.zzzzzzzz: unknown key; known keys are rounds, training"),
    ])
    func refusesUnknownKeys(text: String, message: String) throws {
        let section = try section(text)
        _ = section.value("training")
        _ = section.value("rounds")
        #expect { try section.finish() } throws: { "\($0)" == message }
    }

    @Test(arguments: ["{n: 0}", "{n: 1.5}", "{n: '3'}", "{n: 11}", "{n: true}"])
    func refusesOtherThanWholeNumbersInRange(text: String) throws {
        let section = try section(text)
        #expect(throws: ConfigurationError.self) { try section.integer("n", in: 1...10) }
    }

    @Test(arguments: [("'90s'", 90.0), ("'10m'", 600), ("'500ms'", 0.5), ("'1.5h'", 5400)])
    func readsDurations(text: String, seconds: Double) throws {
        #expect(try section("{d: \(text)}").seconds("d") == seconds)
    }

    @Test(arguments: ["'-1s'", "10", "'10'", "'infs'", "'nans'"])
    func refusesOtherDurations(text: String) throws {
        let section = try section("{d: \(text)}")
        #expect(throws: ConfigurationError.self) { try section.seconds("d") }
    }

    @Test func overridesReachIntoTheDocument() throws {
        let root = try JSONValue(json5: "{a: {b: [1, 2]}}".utf8, source: "test")
        var document = ConfigurationDocument(root: root, file: "x.json5")
        try document.set("a.b.1=7")
        try document.set("a.c.d=plain words")
        let expected = try JSONValue(json5: "{a: {b: [1, 7], c: {d: 'plain words'}}}".utf8, source: "test")
        #expect(document.root == expected)
        #expect(throws: ConfigurationError.self) { try document.set("a.b.9=1") }
        #expect(throws: ConfigurationError.self) { try document.set("a.b.0.x=1") }
        #expect(throws: ConfigurationError.self) { try document.set("novalue") }
    }

    /// What is no JSON5 is a plain string, but not where brackets say that it was meant as JSON5.
    @Test func overridesAreJSON5OrPlainStrings() throws {
        var document = ConfigurationDocument(root: .object([:]), file: "x.json5")
        for text in ["none", "data/[ab]*.csv", "[ab]*.csv", "10m", "C:\\data", "it's", "NaN", ""] {
            try document.set("a=\(text)")
            #expect(document.root == .object(["a": .string(text)]))
        }
        #expect {
            try document.set("classes=['healthy', sick]")
        } throws: {
            "\($0)"
                == "--set classes: line 1, column 13: met the word sick where a value was expected; text is quoted: \"sick\""
        }
        #expect {
            try document.set("a.b={c: 1, c: 2}")
        } throws: {
            "\($0)"
                == "--set a.b: line 1, column 8: met the key \"c\" again, which stands in line 1, column 2 already; keep one of the two"
        }
        #expect(throws: ConfigurationError.self) { try document.set("a={b: 1") }
    }
}
