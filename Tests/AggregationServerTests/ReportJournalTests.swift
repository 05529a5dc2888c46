import Foundation
import Messages
import Operations
import Testing

@testable import AggregationServer

@Suite("Small reports in one file") struct ReportJournalTests {
    private let folder = NSTemporaryDirectory() + "journal-\(UUID().uuidString)"
    private let run = String(repeating: "ab", count: 16)

    init() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func body(_ round: Int, _ filling: UInt8, _ count: Int = 40) throws -> [UInt8] {
        let header = try #require(
            UpdateHeader(run: run, round: round, weight: 1, count: 10, bits: 32))
        return header.encoded() + [UInt8](repeating: filling, count: count)
    }

    private func add(_ journal: ReportJournal, _ client: Int, _ body: [UInt8]) throws {
        try body.withUnsafeBytes { try journal.append(client, $0) }
    }

    private var url: URL { URL(fileURLWithPath: "\(folder)/reports.journal") }

    @Test func whatWasAddedIsReadBackByRound() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let journal = ReportJournal(folder: folder)
        #expect(try journal.records(run: run, round: 1).isEmpty)
        try journal.clear()
        #expect(!FileManager.default.fileExists(atPath: journal.path), "nothing is made before it is needed")
        let (old, first, second) = (try body(1, 1), try body(2, 2), try body(2, 3, 0))
        try add(journal, 7, old)
        try add(journal, 0, first)
        try add(journal, Int(UInt32.max), second)
        try journal.synchronise()
        let again = ReportJournal(folder: folder)
        #expect(try again.records(run: run, round: 2) == [0: first, Int(UInt32.max): second])
        #expect(try again.records(run: run, round: 1) == [7: old])
        #expect(try again.records(run: String(repeating: "0", count: 32), round: 2).isEmpty)
        try second.withUnsafeBytes { try journal.removeLast($0) }
        #expect(try again.records(run: run, round: 2) == [0: first])
        let mode = try FileManager.default.attributesOfItem(atPath: journal.path)[.posixPermissions]
        #expect((mode as? NSNumber)?.intValue == 0o600)
        try journal.clear()
        #expect(try StoredFile.size(at: journal.path) == 0)
        try add(journal, 3, first)
        #expect(try again.records(run: run, round: 2) == [3: first])
    }

    // A crash leaves the beginning of what was written: every whole record counts and nothing else does.
    @Test func whatWasTornIsNotCounted() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let journal = ReportJournal(folder: folder)
        var ends: [Int] = []
        for client in 0..<3 {
            try add(journal, client, body(1, UInt8(client)))
            ends.append(try #require(try StoredFile.size(at: journal.path)))
        }
        let whole = try Data(contentsOf: url)
        for count in 0...whole.count {
            try whole.prefix(count).write(to: url)
            #expect(try journal.records(run: run, round: 1).count == ends.count { $0 <= count })
        }
        // A byte that changed ends what is believed.
        for place in 0..<whole.count {
            var bytes = whole
            bytes[place] ^= 0x40
            try bytes.write(to: url)
            let found = try journal.records(run: run, round: 1)
            #expect(found.count == ends.count { $0 <= place }, "byte \(place)")
        }
    }

    // What comes after a restart must not stand behind what cannot be read.
    @Test(arguments: [1, 47, 48, 60]) func whatIsTornIsCutOffBeforeMoreIsAdded(count: Int) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let first = ReportJournal(folder: folder)
        try add(first, 0, body(1, 0))
        let whole = try Data(contentsOf: url)
        try (whole + whole.prefix(count)).write(to: url)
        let second = ReportJournal(folder: folder)
        #expect(try second.takeUp(run: run, round: 1).keys.sorted() == [0])
        #expect(try Data(contentsOf: url) == whole)
        try add(second, 1, body(1, 1))
        #expect(try second.records(run: run, round: 1).keys.sorted() == [0, 1])
    }

    @Test func aFileThatWasRemovedGivesNoReceipt() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let journal = ReportJournal(folder: folder)
        try add(journal, 0, body(1, 0))
        unlink(journal.path)
        #expect(throws: Failure.self) { try journal.synchronise() }
        #expect(throws: Failure.self, "nor does what comes after it") { try add(journal, 1, body(1, 1)) }
        #expect(throws: Failure.self) { try journal.synchronise() }
        try journal.clear()
        try add(journal, 2, body(2, 2))
        try journal.synchronise()
        #expect(try journal.records(run: run, round: 2).keys.sorted() == [2])
    }

    @Test func aRecordThatSaysTooMuchIsNotBelieved() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let head =
            Array("sordino\u{1}".utf8) + [0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]
            + [UInt8](repeating: 0, count: 32)
        try Data(head + [1, 2, 3]).write(to: url)
        #expect(try ReportJournal(folder: folder).records(run: run, round: 1).isEmpty)
    }
}
