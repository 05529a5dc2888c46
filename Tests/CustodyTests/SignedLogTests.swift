import Foundation
import Ledger
import Operations
import Testing

@testable import Custody

/// A log of words, for tests.
private struct Word: SignedEntry {
    static var owner: String { "log" }
    let word: String
    var fields: [String: LedgerValue] { ["kind": .string("word"), "word": .string(word)] }
    init(_ word: String) { self.word = word }
    init?(fields: [String: LedgerValue]) {
        guard fields["kind"]?.string == "word", let word = fields["word"]?.string else { return nil }
        self.word = word
    }
}

@Suite("A chained and signed log in its file") struct SignedLogTests {
    private let folder: Folder
    private let place: SignedLog<Word>.Place
    private let key: LedgerKey

    init() throws {
        folder = try Folder()
        place = SignedLog<Word>.Place(
            name: "words", path: folder.path + "/words.jsonl", head: folder.path + "/words.head")
        key = try LedgerKeyFile(folder.path + "/key").make()
    }

    private func opened() throws -> (log: SignedLog<Word>, words: [String]) {
        var words: [String] = []
        let log = try SignedLog<Word>(place, key: key) { line, _ in
            words.append(line.entry.word)
            return nil
        }
        return (log, words)
    }

    private func write(_ words: String...) throws {
        var log = try opened().log
        for word in words { try log.append(Word(word), time: "2026-11-28T12:00:00Z") }
    }

    private func text() throws -> [UInt8] { try #require(try StoredFile.bytes(at: place.path)) }

    private func put(_ bytes: [UInt8]) throws { try AtomicFile.write(bytes, to: place.path, mode: 0o600) }

    /// The one line of a refusal to open the log, which ends with status 6.
    private func refusal() throws -> String {
        let failure = try #require(throws: Failure.self) { try opened() }
        #expect(failure.exitCode == .storage && failure.message.hasPrefix(place.path), "\(failure)")
        return failure.message
    }

    @Test func itGoesOnWhereItEnded() throws {
        try write("a", "b")
        try write("c")
        let (log, words) = try opened()
        #expect(words == ["a", "b", "c"] && log.head?.sequence == 3 && log.tornBytes == 0)
        #expect(folder.mode("words.jsonl") == 0o600 && folder.mode("words.head") == 0o600)
        #expect(try SignedLog<Word>.recordedHead(place) == log.head)
    }

    /// Cut within the last line, it is what a crash leaves; cut anywhere else, it was cut by somebody.
    @Test func everyCutIsMendedOrTold() throws {
        try write("a", "b")
        let before = try text()
        let head = try #require(try StoredFile.bytes(at: place.head))
        try write("c")
        let whole = try text()
        for count in 0..<whole.count {
            try put(Array(whole[..<count]))
            // A crash before the head followed: the line that is torn was never reported written.
            try AtomicFile.write(head, to: place.head)
            if count >= before.count {
                let (log, words) = try opened()
                #expect(words == ["a", "b"] && log.tornBytes == count - before.count)
                #expect(try text() == before)
            } else {
                #expect(try refusal().contains("cut off"))
            }
        }
        try put(before)
        try AtomicFile.write(head, to: place.head)
        try write("c", "d")
        #expect(try opened().words == ["a", "b", "c", "d"])
    }

    @Test func aLineThatIsMissingAtTheEndIsMissed() throws {
        try write("a", "b")
        let before = try text()
        try write("c")
        try put(before)
        #expect(try refusal().contains("line 3"))
        try put([])
        #expect(try refusal().contains("cut off"))
        try FileManager.default.removeItem(atPath: place.path)
        #expect(try refusal().contains("missing"))
    }

    @Test func aHeadThatIsMissingIsTold() throws {
        try write("a")
        try FileManager.default.removeItem(atPath: place.head)
        try write("b")
        #expect(try opened().words == ["a", "b"])
        try FileManager.default.removeItem(atPath: place.head)
        #expect(try refusal().contains("words.head is missing"))
    }

    @Test func everyChangedByteIsFound() throws {
        try write("a", "b", "c")
        let whole = try text()
        for index in whole.indices {
            var changed = whole
            changed[index] ^= 1
            try put(changed)
            _ = try refusal()
        }
        try put(whole)
        #expect(try opened().words.count == 3)
    }

    @Test func linesOfAnotherKeyOrLogOrPlaceAreFound() throws {
        try write("a", "b", "c")
        let lines = try text().split(separator: 0x0A, omittingEmptySubsequences: true).map { $0 + [0x0A] }
        for order in [[0, 2, 1], [0, 1, 1, 2], [1, 2], [0, 0, 1, 2]] {
            try put(order.flatMap { lines[$0] })
            _ = try refusal()
        }
        try put(lines.flatMap { $0 })
        let other = try LedgerKeyFile(folder.path + "/other").make()
        #expect(throws: Failure.self) { try SignedLog<Word>(place, key: other) }
        let renamed = SignedLog<Word>.Place(name: "others", path: place.path, head: place.head)
        #expect(throws: Failure.self) { try SignedLog<Word>(renamed, key: key) }
        #expect(try opened().words.count == 3)
    }

    @Test(arguments: ["", "{", "{\"hash\":\"\",\"sequence\":0}\n", "[]", "null"])
    func aDamagedHeadIsTold(_ text: String) throws {
        try write("a")
        try AtomicFile.write(text, to: place.head)
        let failure = try #require(throws: Failure.self) { try opened() }
        #expect(failure.exitCode == .storage && failure.message.contains("words.head: damaged"))
    }

    @Test func anotherHandIsNoticedWhileItIsOpen() throws {
        var log = try opened().log
        try log.append(Word("a"), time: "t")
        try AppendOnlyFile(path: place.path).append([0x0A])
        #expect(throws: Failure.self) { try log.append(Word("b"), time: "t") }
        try AppendOnlyFile(path: place.path).truncate(to: log.size)
        try log.append(Word("b"), time: "t")
        try FileManager.default.removeItem(atPath: place.path)
        #expect(throws: Failure.self) { try log.append(Word("c"), time: "t") }
    }
}
