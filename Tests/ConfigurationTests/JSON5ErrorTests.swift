import TestSupport
import Testing

@testable import Configuration

/// What the reader of JSON5 refuses, and what it says.
@Suite struct JSON5ErrorTests {
    private func message(_ bytes: some Sequence<UInt8>) -> String? {
        do {
            _ = try JSONValue(json5: bytes, source: "test")
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// The text, the place and the complaint.
    static let refused: [(String, String, String)] = [
        (
            "{\n  privacy: { mode: none },\n}", "line 2, column 20",
            "met the word none where a value was expected; text is quoted: \"none\""
        ),
        (
            "[fed-avg]", "line 1, column 2",
            "met fed-avg where a value was expected; text is quoted: \"fed-avg\""
        ),
        (
            "[/data/*.csv, 1]", "line 1, column 2",
            "met /data where a value was expected; text is quoted: \"/data\""
        ),
        (
            "{a: http://h:80/x}", "line 1, column 5",
            "met http://h:80/x where a value was expected; text is quoted: \"http://h:80/x\""
        ),
        (
            "[C:\\data\\x]", "line 1, column 2",
            "met C:\\data\\x where a value was expected; text is quoted: \"C:\\\\data\\\\x\""
        ),
        ("[True]", "line 1, column 2", "met the word True where a value was expected; did you mean true?"),
        (
            "{rounds: 3,\r\n x: 4, rounds: 5}", "line 2, column 8",
            "met the key \"rounds\" again, which stands in line 1, column 2 already; keep one of the two"
        ),
        (
            "{'a': 1, \\u0061: {}}", "line 1, column 10",
            "met the key \"a\" again, which stands in line 1, column 2 already; keep one of the two"
        ),
        (
            "{a: 1\n b: 2}", "line 2, column 2",
            "met the word b where \",\" or \"}\" was expected; is a comma missing before it?"
        ),
        (
            "[1 \"x\"]", "line 1, column 4",
            "met a text in quotes where \",\" or \"]\" was expected; is a comma missing before it?"
        ),
        (
            "{a: [1, 2}", "line 1, column 10",
            "met \"}\" where \",\" or \"]\" was expected; the list opened in line 1, column 5"
        ),
        (
            "{a: {b: 1,", "line 1, column 11",
            "met the end of the text where a key or \"}\" was expected; the object opened in line 1, column 5"
        ),
        (
            "[1,\n\n", "line 3, column 1",
            "met the end of the text where a value or \"]\" was expected; the list opened in line 1, column 1"
        ),
        ("{a:", "line 1, column 4", "met the end of the text where a value was expected"),
        ("{a:}", "line 1, column 4", "met \"}\" where a value was expected"),
        ("{a}", "line 1, column 3", "met \"}\" where \":\" after the key \"a\" was expected"),
        (
            "{a-b: 1}", "line 1, column 3",
            "met -b where \":\" after the key \"a\" was expected; a key with such characters is quoted"
        ),
        ("{,}", "line 1, column 2", "met \",\" where a key or \"}\" was expected"),
        ("{a\\u0020: 1}", "line 1, column 3", "met \\u0020, a character that no key without quotes can hold"),
        ("{\\x61: 1}", "line 1, column 2", "met \\x61 where \\u was expected"),
        ("[1,,]", "line 1, column 4", "met \",\" where a value was expected"),
        ("{}}", "line 1, column 3", "met \"}\" where the end of the text was expected"),
        ("", "line 1, column 1", "met the end of the text where a value was expected"),
        ("// only", "line 1, column 8", "met the end of the text where a value was expected"),
        ("\u{FEFF}é", "line 1, column 1", "met the word é where a value was expected; text is quoted: \"é\""),
        (
            "é\t\u{1F600}: 'x\n'", "line 1, column 1",
            "met the word é where a value was expected; text is quoted: \"é\""
        ),
        ("['é\t😀', ?]", "line 1, column 9", "met \"?\" where a value was expected"),
        ("\u{1B}[31m", "line 1, column 1", "met the character U+001B where a value was expected"),
        (
            "[red\u{1B}\u{202E}]", "line 1, column 2",
            "met the word red where a value was expected; text is quoted: \"red\""
        ),
        (
            "1 /* x", "line 1, column 7",
            "met the end of the text where \"*/\" was expected; the comment opened in line 1, column 3"
        ),
        (
            "/*/", "line 1, column 4",
            "met the end of the text where \"*/\" was expected; the comment opened in line 1, column 1"
        ),
        (
            "'it\nis'", "line 1, column 4",
            "met the end of the line where the closing ' was expected; the text opened in line 1, column 1"
        ),
        (
            "[\"it", "line 1, column 5",
            "met the end of the text where the closing \" was expected; the text opened in line 1, column 2"
        ),
        (
            "'\\", "line 1, column 3",
            "met the end of the text where the closing ' was expected; the text opened in line 1, column 1"
        ),
        (
            "'\\u12'", "line 1, column 6",
            "met \"'\" where a hexadecimal digit of the escape \\u12 was expected"
        ),
        ("'\\xg'", "line 1, column 4", "met \"g\" where a hexadecimal digit of the escape \\x was expected"),
        ("'\\1'", "line 1, column 2", "met \\1 where an escape such as \\n or \\u0041 was expected"),
        ("'\\ud800'", "line 1, column 2", "met \\ud800, half of a surrogate pair, without its other half"),
        (
            "'\\ud800\\u0041'", "line 1, column 2",
            "met \\ud800, half of a surrogate pair, without its other half"
        ),
        (
            "'\\uDC00\\ud800'", "line 1, column 2",
            "met \\uDC00, half of a surrogate pair, without its other half"
        ),
        // Found by fuzzing.
        ("'\\\u{0}'", "line 1, column 2", "met the character NUL, which text cannot hold"),
        ("'\\u0000'", "line 1, column 2", "met the character NUL, which text cannot hold"),
        ("'a\u{0}'", "line 1, column 3", "met the character NUL, which text cannot hold"),
        ("{x: [1, NaN]}", "line 1, column 9", "met NaN where a finite number was expected"),
        ("-Infinity", "line 1, column 1", "met -Infinity where a finite number was expected"),
        ("1e309", "line 1, column 1", "met 1e309 where a finite number was expected"),
        ("{a: 10m}", "line 1, column 5", "met 10m where a number was expected; text is quoted: \"10m\""),
        (
            "[127.0.0.1:80]", "line 1, column 2",
            "met 127.0.0.1:80 where a number was expected; text is quoted: \"127.0.0.1:80\""
        ),
    ]

    @Test(arguments: refused) func saysWhatWasMetAndWhatWasExpected(text: String, place: String, what: String)
    {
        #expect(message(text.utf8) == "test: \(place): \(what)")
    }

    /// Digits that are no number, each as a whole document and inside one.
    @Test(arguments: [
        "0x0x1F", "0x", "-0x", "0x1G", "0x1.5", "1.2.3", "1e", "1e+", "1e5.2", "--1", "+-1", "+", ".", "-.",
        ".e5", "01", "1_000", "1+1", "1Infinity", "-Infinit", "+NaN0", "1\\u0041", "5é", "0x1F-", "0e0e0",
        "1ee1",
    ])
    func refusesWhatIsNoNumber(text: String) {
        let escaped = text.split(separator: "\\").joined(separator: "\\\\")
        for (before, after, place) in [
            ("", "", "line 1, column 1"), ("{a:\n [1, ", "]}", "line 2, column 6"),
            ("{a: ", "/**/}", "line 1, column 5"),
        ] {
            let found = message((before + text + after).utf8) ?? "nothing"
            #expect(found.hasPrefix("test: \(place): met "), "\(found)")
            let isMark = text.allSatisfy { "+-.".contains($0) }
            #expect(
                isMark || found.hasSuffix("where a number was expected; text is quoted: \"\(escaped)\""),
                "\(found)")
        }
    }

    @Test(
        arguments: [
            [0x2F, 0x2F, 0x20, 0xA2, 0x0A, 0x7B, 0x7D], [0x2F, 0x2A, 0xC3, 0x2A, 0x2F, 0x31],
            [0xFF, 0xFE, 0x31, 0x00], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x31, 0xC3], [0xC0, 0xAF],
        ] as [[UInt8]]) func refusesWhatIsNotUTF8(bytes: [UInt8])
    {
        #expect(message(bytes) == "test: is not UTF-8 text")
    }

    /// Every rule of the grammar is in it.
    static let document = #"""
        {
          // Names, texts and numbers.
          name: 'it\'s \u00e9\uD83D\uDE00\x41 \
        on', "quoted": "a\tb", über: -0x1F, $a_\u0062: [.5, 5., +1e3, null, true, false, {}, [], ],
          /* the rest */ last: { deep: [[{ x: -1.25E-2 }]] },
        }
        """#

    /// Whatever a text is cut to, and whichever of its bytes becomes another, what is said is one line with a place in
    /// the text, and nothing traps.
    @Test func tellsTheEndOfEveryDocumentThatIsCut() throws {
        let bytes = Array(Self.document.utf8)
        #expect(message(bytes) == nil)
        for count in 0..<bytes.count - 1 {
            let cut = bytes[..<count]
            let said = try #require(message(cut), "\(count) bytes were read as a whole document")
            #expect(!said.contains("\n"))
            guard String(validating: cut, as: UTF8.self) != nil else { continue }
            #expect(said.hasPrefix("test: line ") && said.contains("met "), "\(said)")
        }
    }

    @Test func survivesEveryByteInEveryPlace() {
        let bytes = Array(Self.document.utf8)
        let lines = bytes.count { $0 == 0x0A } + 2
        let intruders = Array("\0\t\n\r \"'\\/*,:[]{}+-.0eExuN\u{7F}".utf8) + [0x80, 0xC3, 0xE2, 0xF0, 0xFF]
        for index in bytes.indices {
            for intruder in intruders {
                var changed = bytes
                changed[index] = intruder
                guard let said = message(changed), said != "test: is not UTF-8 text" else { continue }
                let line = said.dropFirst("test: line ".count).prefix { $0.isNumber }
                #expect(Int(line).map { 1...lines ~= $0 } == true, "\(said)")
            }
        }
    }

    /// Texts of a megabyte that a careless reader takes more than proportional time for: each is read or refused at
    /// once, where anything quadratic would take hours.
    @Test(
        .timeLimit(.minutes(10)),
        arguments: [
            ("[", "1,", "]"), ("[", "{},", "]"), ("", " ", "1"), ("", "9", ""), ("0.", "0", "1"),
            ("1e", "9", ""),
            ("1", "0", "e-1000000"), ("0x", "f", ""), ("'", "\\u0041", "'"), ("'", "\\\n", "'"),
            ("'", "e\u{301}", "'"),
            ("{a: [", "1,\n", "x}"), ("", "\n", "x"), ("//", "é", "\n1"), ("/*", "*", "*/1"),
            ("", "/**/", "1"),
            ("{", "a", ":1}"), ("{", "\\u0061", ":1}"), ("[", "abc", "]"), ("['", "x", ""), ("", "//\n", "1"),
        ])
    func readsAMegabyteInProportion(start: String, middle: String, end: String) {
        let text = start + String(repeating: middle, count: 1_000_000 / middle.utf8.count) + end
        let said = message(text.utf8)
        #expect((said?.utf8.count ?? 0) < 300)
    }

    /// Many keys, all different but the last.
    @Test(.timeLimit(.minutes(10))) func findsTheOneKeyThatIsRepeated() {
        let text = "{" + (0..<100_000).map { "k\($0): 0,\n" }.joined() + "k77: 1}"
        #expect(
            message(text.utf8)
                == "test: line 100001, column 1: met the key \"k77\" again, which stands in line 78, column 1 already; keep one of the two"
        )
    }
}
