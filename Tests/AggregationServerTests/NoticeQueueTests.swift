import Foundation
import Operations
import Testing

@testable import AggregationServer

/// What waits for receivers survives a process that is killed at any byte, and is told no more often than it must.
@Suite struct NoticeQueueTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func notice(_ number: Int) -> Notice {
        Notice(
            .expiry, occasion: "\(number)", run: nil, task: "test", time: Double(number),
            text: "number \(number)", numbers: ["n": Double(number), "endless": .infinity])
    }

    private func open(_ receivers: Set<String> = ["a", "b"]) throws -> NoticeQueue {
        try NoticeQueue(path: folder.path + "/notices.jsonl", receivers: receivers)
    }

    @Test func whatWaitsIsThereAgainInItsOrder() throws {
        var queue = try open()
        for number in 1...3 {
            #expect(try queue.add(notice(number), for: number == 2 ? ["b"] : ["a", "b"]).isNew)
        }
        try queue.settle(notice(1).id, for: "a")
        // Nothing is written at an end: the process is killed here.
        let again = try open()
        #expect(again.count == 3 && again.next(for: "a") == notice(3) && again.next(for: "b") == notice(1))
        #expect(try open(["a"]).count == 1, "whoever is not configured any more is not waited for")
    }

    @Test func whatWasToldIsNotToldAgain() throws {
        var queue = try open()
        _ = try queue.add(notice(1), for: ["a"])
        try queue.settle(notice(1).id, for: "a")
        #expect(try !queue.add(notice(1), for: ["a"]).isNew && queue.count == 0)
        var again = try open()
        #expect(try !again.add(notice(1), for: ["a"]).isNew)
        #expect(try again.add(notice(2), for: ["a"]).isNew)
    }

    @Test func theNumberIsBounded() throws {
        var queue = try open()
        for number in 0..<NoticeQueue.capacity { _ = try queue.add(notice(number), for: ["a"]) }
        let last = try queue.add(notice(NoticeQueue.capacity), for: ["a"])
        #expect(last.dropped == notice(0) && queue.count == NoticeQueue.capacity)
        #expect(queue.next(for: "a") == notice(1))
        #expect(try open().count <= NoticeQueue.capacity + 1)
    }

    /// Cut anywhere, the file gives a beginning of what was added, or a refusal; never a trap and never something else.
    @Test func anyBeginningOfTheFileIsRead() throws {
        var queue = try open()
        for number in 1...3 { _ = try queue.add(notice(number), for: ["a"]) }
        let path = folder.path + "/notices.jsonl"
        let whole = try #require(FileManager.default.contents(atPath: path))
        for length in stride(from: 0, through: whole.count, by: 7) {
            try whole.prefix(length).write(to: URL(fileURLWithPath: path))
            let count = try open().count
            #expect(count <= 3)
            try whole.write(to: URL(fileURLWithPath: path))
            #expect(try open().count == 3)
        }
    }

    @Test(arguments: [
        ("{\"version\":2}\n", "version 2"), ("{}\n", "damaged"), ("nonsense\n", "damaged"),
        ("{\"version\":1}\n", "damaged"), ("{\"known\":[\"x\"],\"version\":1}\n", "damaged"),
    ])
    func otherFilesAreRefused(content: String, word: String) throws {
        try Data(content.utf8).write(to: URL(fileURLWithPath: folder.path + "/notices.jsonl"))
        let refusal = #expect(throws: Failure.self) { try open() }
        #expect(refusal?.message.contains(word) == true && refusal?.exitCode == .storage)
    }

    @Test func aNoticeSaysNothingThatJSONCannot() throws {
        let long = Notice(
            .storage, occasion: "x", run: nil, task: "test", time: 1,
            text: "one\ntwo" + String(repeating: "x", count: 1000), numbers: ["a": .nan])
        #expect(long.numbers.isEmpty && long.text.hasPrefix("one two") && long.isSound)
        #expect(try JSONDecoder().decode(Notice.self, from: Data(long.body)) == long)
        #expect(notice(1).id != notice(2).id && notice(1).id == notice(1).id)
    }
}
