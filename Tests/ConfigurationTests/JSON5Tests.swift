import Testing

@testable import Configuration

/// What the reader of JSON5 takes, and to which values.
@Suite struct JSON5Tests {
    private func read(_ text: String) throws -> JSONValue { try JSONValue(json5: text.utf8, source: "test") }

    @Test func readsJSON5() throws {
        let value = try read("{ // note\n a: 1, 'b': [1.5, true, null,], }")
        #expect(value == .object(["a": .integer(1), "b": .array([.number(1.5), .bool(true), .null])]))
    }

    @Test(
        arguments: [
            ("0x1F", .integer(31)), ("-0xa", .integer(-10)), ("+1", .integer(1)), ("-.5e+1", .integer(-5)),
            ("5.", .integer(5)), ("0", .integer(0)), ("-0", .integer(0)), ("-0.25E-1", .number(-0.025)),
            ("1e3", .integer(1000)), ("+0X10", .integer(16)), (".5", .number(0.5)), ("5.e3", .integer(5000)),
            ("0e99999999999999999999", .integer(0)), ("1e-99999999999999999999", .integer(0)),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .number(0x1p63)), ("0x7fffffffffffffff", .integer(.max)),
            ("0x8000000000000000", .number(0x1p63)), ("-0x8000000000000000", .integer(.min)),
            ("9007199254740993.0", .integer(9_007_199_254_740_993)),
            ("90071992547409930e-1", .integer(9_007_199_254_740_993)),
            ("123456789012345e4", .integer(1_234_567_890_123_450_000)),
            ("1e18", .integer(1_000_000_000_000_000_000)),
            ("1e19", .number(1e19)), ("4e-324", .number(.leastNonzeroMagnitude)),
            ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)),
            // Near a whole number, and none.
            ("9007199254740993.5", .number(9_007_199_254_740_994)),
        ] as [(String, JSONValue)])
    func readsEveryFormOfNumber(text: String, number: JSONValue) throws {
        #expect(try read(text) == number)
        let inside = try read("/* 0x0x // */{'0x0x \\' 01': \(text), // 1.2.3\n}")
        #expect(inside == .object(["0x0x ' 01": number]))
        #expect(try read("[\(text)\u{A0}]") == .array([number]))
    }

    /// A number at the very end is followed by nothing, whatever the memory holds there.
    @Test(arguments: 1...40) func readsNumbersThatEndTheDocument(digits: Int) throws {
        let rubbish = [UInt8](repeating: UInt8(ascii: "8"), count: digits + 16)
        let value = try JSONValue(json5: rubbish.prefix(digits), source: "test")
        if case .integer = value { #expect(digits <= 19) } else { #expect(digits > 19) }
    }

    @Test(arguments: [
        (#"'it"s'"#, "it\"s"), (#""it's""#, "it's"), (#"'\'\"\\\/'"#, "'\"\\/"),
        (#"'\b\f\n\r\t\v'"#, "\u{8}\u{C}\n\r\t\u{B}"), (#"'\x41\u00e9\uD83d\uDE00'"#, "Aé😀"),
        (#"'\a\é\😀'"#, "aé😀"),
        ("'a\\\nb\\\r\nc\\\rd\\\u{2028}e\\\u{2029}f'", "abcdef"),
        ("'a\u{2028}b\tc\u{7F}'", "a\u{2028}b\tc\u{7F}"),
        ("''", ""), ("'\\\n'", ""),
    ])
    func readsEveryFormOfText(text: String, value: String) throws {
        #expect(try read(text) == .string(value))
        #expect(try read("{\(text): \(text)}") == .object([value: .string(value)]))
    }

    @Test(arguments: [
        ("a", "a"), ("$_", "$_"), ("über", "über"), ("\\u0061\\u0062", "ab"), ("a\u{200D}b", "a\u{200D}b"),
        ("\u{1D400}", "\u{1D400}"), ("\\uD835\\uDC00", "\u{1D400}"), ("a\u{301}9‿", "a\u{301}9‿"), ("ⅷ", "ⅷ"),
        ("null", "null"), ("Infinity", "Infinity"), ("été\\u0031", "été1"),
    ])
    func readsNamesAsKeys(name: String, key: String) throws {
        #expect(try read("{\(name):1}") == .object([key: .integer(1)]))
        #expect(try read("{ /**/ \(name) /**/ : 1 }") == .object([key: .integer(1)]))
    }

    /// White space and comments, each between all tokens.
    @Test(arguments: [
        " ", "\t\u{B}\u{C}\r\n", "\u{A0}\u{FEFF}\u{2028}\u{2029}\u{3000}\u{1680}\u{202F}", "// é\n", "// x\r",
        "/**/",
        "/* * / ** \n // */", "//\u{2028}", "/***/",
    ])
    func passesOverWhatIsBlank(blank: String) throws {
        let tokens = [
            "{", "a", ":", "[", "1", ",", "'x'", ",", "null", "]", ",", "'b'", ":", "{", "}", ",", "}",
        ]
        let text = blank + tokens.map { $0 + blank }.joined()
        let list = JSONValue.array([.integer(1), .string("x"), .null])
        #expect(try read(text) == .object(["a": list, "b": .object([:])]))
    }

    @Test(arguments: [("[", "]", 64), ("{a: ", "}", 64), ("[{b: ", "}]", 32)])
    func readsNoDeeperThanTheLimit(open: String, close: String, levels: Int) throws {
        func text(_ depth: Int) -> String {
            String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
        }
        _ = try read(text(levels))
        // Side by side is not deep.
        _ = try read("[\(text(levels / 2)), \(text(levels / 2)), \(text(levels / 2))]")
        #expect { try read(text(levels + 1)) } throws: {
            "\($0)" == "test: line 1, column \(levels * open.count + 1): lies deeper than 64 levels"
        }
        #expect { try read(String(repeating: open, count: 100_000)) } throws: {
            "\($0)".hasSuffix("lies deeper than 64 levels")
        }
    }
}
