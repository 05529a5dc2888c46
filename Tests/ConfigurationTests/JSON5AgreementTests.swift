import Foundation
import TestSupport
import Testing

@testable import Configuration

/// A document as Foundation's reader has it, which read our configurations before this one did.
private struct FoundationValue: Decodable {
    let value: JSONValue

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            value = .null
        } else if let bool = try? container.decode(Bool.self) {
            value = .bool(bool)
        } else if let integer = try? container.decode(Int.self) {
            value = .integer(integer)
        } else if let number = try? container.decode(Double.self) {
            value = .number(number)
        } else if let text = try? container.decode(String.self) {
            value = .string(text)
        } else if var items = try? decoder.unkeyedContainer() {
            var values: [JSONValue] = []
            while !items.isAtEnd { values.append(try items.decode(FoundationValue.self).value) }
            value = .array(values)
        } else {
            let members = try decoder.container(keyedBy: Key.self)
            let pairs = try members.allKeys.map {
                ($0.stringValue, try members.decode(FoundationValue.self, forKey: $0).value)
            }
            value = .object(Dictionary(pairs) { $1 })
        }
    }

    /// The value of a text that is known to be valid.
    static func read(_ text: String) throws -> JSONValue {
        let decoder = JSONDecoder()
        decoder.allowsJSON5 = true
        // A number at the very end makes Foundation's reader look one byte further.
        return try decoder.decode(FoundationValue.self, from: Data((text + "\n").utf8)).value
    }
}

/// Writes random documents within what both readers take: Foundation's keeps the break of a continued line, takes an
/// escape in a name literally, knows no white space beyond ASCII, cuts off fractions beyond 2^53, and wants hexadecimal
/// numbers to fit in 63 bits.
private struct DocumentWriter {
    var random: SeededNumbers

    mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &random)]
    }

    mutating func blank() -> String {
        guard chance(3) else { return "" }
        return pick([" ", "\n", "\t", "\r\n", "/* a * b */", "// é \" {\n", "\u{B}\u{C}", "/**/ //\r "])
    }

    mutating func value(depth: Int) -> String {
        let kinds = depth > 0 ? 8 : 5
        let text =
            switch Int.random(in: 0..<kinds, using: &random) {
            case 0: pick(["null", "true", "false"])
            case 1, 2: number()
            case 3, 4: quoted()
            case 5: list(depth: depth - 1)
            default: object(depth: depth - 1)
            }
        return blank() + text + blank()
    }

    private mutating func list(depth: Int) -> String {
        let items = (0..<Int.random(in: 0...4, using: &random)).map { _ in value(depth: depth) }
        let tail = !items.isEmpty && chance(3) ? "," + blank() : blank()
        return "[" + items.joined(separator: ",") + tail + "]"
    }

    private mutating func object(depth: Int) -> String {
        let members = (0..<Int.random(in: 0...4, using: &random)).map { index in
            let name = pick(["a", "rounds_", "$x", "_", "null", "ünder", "ключ"]) + "\(index)"
            let key = pick([name, "'\(name)'", "\"\(name) \\u00e9\""])
            return blank() + key + blank() + ":" + value(depth: depth)
        }
        let tail = !members.isEmpty && chance(3) ? "," + blank() : blank()
        return "{" + members.joined(separator: ",") + tail + "}"
    }

    private mutating func quoted() -> String {
        let quote = pick(["'", "\""])
        let pieces = [
            "a", "é", "😀", " ", "//", "/*", "{", ":", "\\n", "\\t", "\\\\", "\\/", "\\'", "\\\"", "\\b\\f\\r",
            "\\u00e9", "\\uD83D\\uDE00", "\\x41", "\u{2028}", "\u{7F}", "e\u{301}",
        ]
        return quote + (0..<Int.random(in: 0...6, using: &random)).map { _ in pick(pieces) }.joined() + quote
    }

    private mutating func number() -> String {
        func digits(_ count: Int, _ random: inout SeededNumbers) -> String {
            (0..<count).map { _ in String(Int.random(in: 0...9, using: &random)) }.joined()
        }
        let sign = pick(["", "", "-", "+"])
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            return sign + "0x"
                + String(
                    UInt64.random(in: 0...UInt64.max, using: &random)
                        >> Int.random(in: 1...60, using: &random), radix: 16, uppercase: chance(2))
        case 1:
            return sign
                + "\(Int.random(in: 0...Int.max, using: &random) >> Int.random(in: 0...60, using: &random))"
        case 2:
            return sign + "\(Int.random(in: 0...999, using: &random))."
                + digits(Int.random(in: 0...20, using: &random), &random)
        case 3:
            return sign + "." + digits(Int.random(in: 1...30, using: &random), &random)
                + pick(["", "e5", "E-3", "e+20"])
        case 4:
            return sign + "\(Int.random(in: 1...9, using: &random))"
                + digits(Int.random(in: 0...30, using: &random), &random)
        default:
            return sign + "\(Int.random(in: 0...99999, using: &random))" + pick(["", "."]) + pick(["e", "E"])
                + pick(["", "-", "+"]) + "\(Int.random(in: 0...290, using: &random))"
        }
    }
}

/// Valid documents mean what they meant under the reader before.
@Suite struct JSON5AgreementTests {
    @Test(arguments: 0..<16) func agreesOnRandomDocuments(seed: UInt64) throws {
        var writer = DocumentWriter(random: SeededNumbers(seed: seed))
        for _ in 0..<250 {
            let text = writer.value(depth: 5)
            let expected = try #require(try? FoundationValue.read(text), "\(text)")
            #expect(try JSONValue(json5: text.utf8, source: "test") == expected, "\(text)")
            // And what is printed of it is read again as it was.
            for isIndented in [false, true] {
                let printed = expected.text(indented: isIndented)
                let back = try JSONValue(json5: printed.utf8, source: "test")
                #expect(try back == FoundationValue.read(printed), "\(printed)")
            }
        }
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Every JSON5 file that is shipped, or that a seed of the fuzzers is.
    static let files: [String] = ["simulations", "simulations/deployment", "Tests/Fuzz/Seeds/json5"].flatMap {
        folder in
        let path = root.appendingPathComponent(folder).path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.hasSuffix(".json5") || $0 == "scenario" }.sorted().map { "\(folder)/\($0)" }
    }

    @Test func someFilesAreThere() { #expect(Self.files.count > 8) }

    @Test(arguments: files) func agreesOnShippedFiles(_ name: String) throws {
        let text = try String(contentsOf: Self.root.appendingPathComponent(name), encoding: .utf8)
        #expect(try JSONValue(json5: text.utf8, source: name) == FoundationValue.read(text))
    }
}
