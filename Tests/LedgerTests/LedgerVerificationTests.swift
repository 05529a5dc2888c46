import Foundation
import TestSupport
import Testing

@testable import Ledger

@Suite struct LedgerVerificationTests {
    private typealias Fixture = LedgerFixture

    private func lines() throws -> [String] {
        let text = String(decoding: try Fixture.released(rounds: 3).bytes, as: UTF8.self)
        return text.split(separator: "\n").map(String.init)
    }

    private func verify(_ lines: [String], anchor: LedgerHead? = nil) -> LedgerVerdict {
        Fixture.verify(
            Array(lines.map { $0 + "\n" }.joined().utf8), key: MixingSigner().publicKey, anchor: anchor)
    }

    @Test(arguments: 0..<10) func anEditedLineIsNamed(index: Int) throws {
        let edits: [(String) -> String] = [
            { $0.replacingOccurrences(of: "\"run\":\"run-1\"", with: "\"run\":\"run-2\"") },
            { $0.replacingOccurrences(of: "{\"", with: "{ \"") },
            { String($0.dropLast()) },
            { $0.replacingOccurrences(of: "\"sequence\":", with: "\"sequence\":1") },
            { $0.dropLast() + ",\"zzz\":1}" },
            { $0.replacingOccurrences(of: "\"signature\":\"", with: "\"signature\":\"00") },
            { _ in "" },
        ]
        for edit in edits {
            var changed = try lines()
            changed[index] = edit(changed[index])
            let verdict = verify(changed)
            #expect(verdict.findings.first?.line == index + 1, "\(verdict.findings)")
        }
    }

    // No changed byte goes unnoticed (every third is tried, and each line break, which joins lines there).
    @Test func anyChangedByteIsFoundAtItsLine() throws {
        let bytes = try Fixture.released(rounds: 1).bytes
        var line = 1
        for index in bytes.indices {
            let isBreak = bytes[index] == UInt8(ascii: "\n")
            defer { if isBreak { line += 1 } }
            guard isBreak || index.isMultiple(of: 3) else { continue }
            var changed = bytes
            changed[index] ^= 0x01
            let verdict = Fixture.verify(changed, key: MixingSigner().publicKey)
            let isLast = index == bytes.count - 1
            #expect(isLast ? verdict.tornBytes > 0 : verdict.findings.first?.line == line)
        }
    }

    @Test(arguments: 0..<9) func aDroppedLineIsNamed(index: Int) throws {
        var changed = try lines()
        changed.remove(at: index)
        let first = try #require(verify(changed).findings.first)
        #expect(first.line == index + 1 && first.reason.contains("1 line before it missing"), "\(first)")
    }

    @Test(arguments: 0..<9) func swappedLinesAreNamed(index: Int) throws {
        var changed = try lines()
        changed.swapAt(index, index + 1)
        let findings = verify(changed).findings
        #expect(findings.first?.line == index + 1)
        #expect(findings.contains { $0.line == index + 2 && $0.reason.contains("reordered") }, "\(findings)")
    }

    @Test(arguments: 1...10) func anInsertedLineIsNamed(index: Int) throws {
        let honest = try lines()
        let before = try #require(LedgerLine(text: honest[index - 1].utf8))
        // The forger has another key, and continues the chain rightly.
        let forged = try LedgerLine(
            run: "run-1", sequence: before.sequence + 1, previous: before.hash, time: nil,
            entry: .admin(actor: "operator", action: "raise the budget"), hash: MixingHash(),
            signer: MixingSigner(secret: "forger"))
        var changed = honest
        changed.insert(forged.text, at: index)
        let first = try #require(verify(changed).findings.first)
        #expect(first.line == index + 1 && first.reason.contains("signed by the key"), "\(first)")
        changed = honest
        changed.insert(honest[index - 1], at: index)
        #expect(verify(changed).findings.first?.line == index + 1)
    }

    // Lines cut off the end chain rightly; only a record kept elsewhere shows them missing.
    @Test func aCutOffEndIsFoundByTheAnchor() throws {
        let honest = try lines()
        let head = try #require(verify(honest).head)
        #expect(verify(honest, anchor: head).isSound)
        let cut = Array(honest.dropLast(3))
        #expect(verify(cut).isSound)
        let first = try #require(verify(cut, anchor: head).findings.first)
        #expect(first.line == 8 && first.reason.contains("missing"))
        let store = MemoryStore(Array(cut.map { $0 + "\n" }.joined().utf8))
        #expect(throws: LedgerError.self) { _ = try Fixture.open(store, anchor: head) }
    }

    // The owner of the key can sign anything; the rules still hold.
    @Test func signedLinesAgainstTheRulesAreNamed() throws {
        let honest = try lines()
        let last = try #require(LedgerLine(text: honest[9].utf8))
        let again = try LedgerLine(
            run: "run-1", sequence: 11, previous: last.hash, time: nil,
            entry: .release(round: 3, modelDigest: "ff", epsilon: 0, serverEpsilon: 0), hash: MixingHash(),
            signer: MixingSigner())
        let first = try #require(verify(honest + [again.text]).findings.first)
        #expect(first.line == 11 && first.reason.contains("round 3 was released already"))
    }

    @Test func aTornEndIsReportedAndNotAFault() throws {
        let bytes = try Fixture.released(rounds: 1).bytes
        let verdict = Fixture.verify(bytes + Array("{\"epsi".utf8))
        #expect(verdict.isSound && verdict.tornBytes == 6)
    }
}

@Suite struct LedgerValueTests {
    @Test func everyValueHasOneText() throws {
        let value = LedgerValue.object([
            "b": .array([.number(1), .number(0.1), .number(-2.5e-300), .number(1e22), .null, .boolean(true)]),
            "a": .string("\"\\\n\u{1}é€😀/"), "": .object([:]), "A": .number(4000),
        ])
        let text = value.canonicalText
        let expected =
            #"{"":{},"A":4000,"a":"\"\\\u000a\u0001é€😀/","b":[1,0.1,-2.5e-300,1e+22,null,true]}"#
        #expect(text == expected)
        #expect(LedgerValue(canonical: text.utf8) == value)
        for other in [
            " " + text, text + " ", text.replacingOccurrences(of: "4000", with: "4e3"), "", "{", "[1,]",
        ] {
            #expect(LedgerValue(canonical: other.utf8) == nil)
        }
        #expect(LedgerValue(canonical: #"{"a":1,"a":1}"#.utf8) == nil)
        #expect(LedgerValue(canonical: [0xFF, 0xFE]) == nil)
        #expect(LedgerValue(canonical: Array(repeating: UInt8(ascii: "["), count: 100_000)) == nil)
    }

    @Test func numbersComeBackExactly() {
        var source = SeededNumbers(seed: 71)
        for _ in 0..<2000 {
            let number = Double(bitPattern: source.next())
            guard number.isFinite else { continue }
            let value = LedgerValue.array([.number(number)])
            #expect(LedgerValue(canonical: value.canonicalText.utf8) == value, "\(number)")
        }
        #expect(LedgerValue.number(.infinity).canonicalText == "\"inf\"")
        #expect(LedgerValue.string("inf").number == .infinity)
    }

    @Test func entriesSurviveTheirText() throws {
        let costs = LedgerFixture.costs(0.9)
        let entries: [LedgerEntry] = [
            .open(LedgerFixture.opening), .charge(round: 1, costs: costs),
            .settle(round: 2, .init(survivors: 3, costs: costs, sumDigest: "ab")),
            .release(round: 7, modelDigest: "cd", epsilon: .infinity, serverEpsilon: 1.25),
            .abandon(round: 8, reason: "line\nbreak"), .admin(actor: "a", action: "b"),
            .close(reason: "done"),
        ]
        for entry in entries {
            let line = try LedgerLine(
                run: "r", sequence: 1, previous: LedgerLine.origin, time: nil, entry: entry,
                hash: MixingHash(),
                signer: MixingSigner())
            #expect(!line.text.contains("\n"))
            #expect(LedgerLine(text: line.text.utf8) == line)
        }
        #expect(try LedgerEvent(json: costs.released[0].json.utf8) == costs.released[0])
    }
}
