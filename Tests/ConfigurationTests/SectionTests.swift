import Configuration
import Testing

@Suite struct SectionTests {
    private func section(_ text: String) throws -> Section {
        try Section(JSONValue(json5: text.utf8, source: "test"), path: "task")
    }

    @Test func readsJSON5() throws {
        let value = try JSONValue(json5: "{ // note\n a: 1, 'b': [1.5, true, null,], }".utf8, source: "test")
        #expect(value == .object(["a": .integer(1), "b": .array([.number(1.5), .bool(true), .null])]))
    }

    /// Found by fuzzing: Foundation's reader looks behind a number that ends the document, and traps by what it finds
    /// there. Each length and many tries, since that is whatever the memory held before.
    @Test(arguments: 1...40) func readsNumbersThatEndTheDocument(digits: Int) throws {
        for _ in 0..<20 {
            let rubbish = [UInt8](repeating: UInt8(ascii: "8"), count: digits + 16)
            #expect(rubbish.count > digits)
            let value = try JSONValue(json5: rubbish.prefix(digits), source: "test")
            if case .integer = value { #expect(digits <= 19) } else { #expect(digits > 19) }
        }
    }

    /// Found by fuzzing: Foundation's reader traps on such bytes where a comment holds them.
    @Test(
        arguments: [
            [0x2F, 0x2F, 0x20, 0xA2, 0x0A, 0x7B, 0x7D], [0x2F, 0x2A, 0xC3, 0x2A, 0x2F, 0x31],
            [0xFF, 0xFE, 0x31, 0x00],
            [0x22, 0xED, 0xA0, 0x80, 0x22],
        ] as [[UInt8]]) func refusesWhatIsNotUTF8(bytes: [UInt8])
    {
        #expect { try JSONValue(json5: bytes, source: "test") } throws: {
            "\($0)" == "test: is not UTF-8 text"
        }
    }

    /// Found by fuzzing: Foundation's reader traps on the first of these.
    @Test(arguments: [
        "0x0x1F", "0x", "-0x", "0x1G", "0x1.5", "1.2.3", "1e", "1e+", "1e5.2", "--1", "+-1", "+", ".", "-.",
        ".e5", "01",
        "1_000", "1+1", "1Infinity", "-Infinit", "+NaN0", "1\\u0041", "5é", "0x1F-",
    ])
    func refusesWhatIsNoNumber(text: String) {
        for document in [text, "{a:\n [1, \(text)]}", "{a: \(text)/**/}"] {
            #expect { try JSONValue(json5: document.utf8, source: "test") } throws: {
                "\($0)"
                    == "test: not valid JSON5: \"\(text)\" in line \(document.contains("\n") ? 2 : 1) is no number"
            }
        }
    }

    @Test(arguments: [
        ("0x1F", 31.0), ("-0xa", -10), ("+1", 1), ("-.5e+1", -5), ("5.", 5), ("0", 0), ("-0.25E-1", -0.025),
        ("1e3", 1000),
    ])
    func readsEveryFormOfNumber(text: String, number: Double) throws {
        let value = try JSONValue(
            json5: "/* 0x0x // */{'0x0x \\' 01': \(text), // 1.2.3\n}".utf8, source: "test")
        guard case .object(let members) = value, let member = members["0x0x ' 01"] else {
            Issue.record("\(value)")
            return
        }
        switch member {
        case .integer(let found): #expect(Double(found) == number)
        case .number(let found): #expect(found == number)
        default: Issue.record("\(member)")
        }
    }

    /// Found by fuzzing: Foundation's decoder takes time with the cube of the depth, seconds at its own limit of 512.
    @Test(arguments: [("[", "]"), ("{a: ", "}"), ("[{b: ", "}]")]) func refusesDeepNesting(
        open: String, close: String
    ) throws {
        let levels = JSONValue.depthLimit / (open.count == 5 ? 2 : 1)
        func text(_ depth: Int) -> String {
            String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
        }
        _ = try JSONValue(json5: text(levels).utf8, source: "test")
        #expect {
            try JSONValue(json5: text(levels + 1).utf8, source: "test")
        } throws: {
            "\($0)".hasSuffix("...: lies deeper than 64 levels")
        }
    }

    @Test func namesThePlaceOfWhatIsNotFinite() throws {
        #expect {
            try JSONValue(json5: "{a: [1, {b: NaN}]}".utf8, source: "test")
        } throws: {
            "\($0)" == "a.1.b: must be a finite number, not nan"
        }
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

    @Test(arguments: ["{x: NaN}", "{x: Infinity}", "{x: -Infinity}", "{x: 1e999}", "{x: ", "[1", ""])
    func refusesWhatIsNotFiniteJSON(text: String) {
        #expect(throws: ConfigurationError.self) { try JSONValue(json5: text.utf8, source: "test") }
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
}
