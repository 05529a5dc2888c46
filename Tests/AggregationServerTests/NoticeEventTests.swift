import Foundation
import HTTPWire
import Messages
import Operations
import TestSupport
import Testing
import Transport

@testable import AggregationServer

/// Which events of a running server reach those who want to be called.
@Suite struct NoticeEventTests {
    /// A server whose command writes each notice down.
    private final class Called {
        let file: String
        let fixture: ServerFixture

        init(_ changes: [String] = []) throws {
            let folder = FileManager.default.temporaryDirectory
            file = folder.appendingPathComponent(UUID().uuidString).path
            let command = "[\"/bin/sh\", \"-c\", \"cat >>$0\", \"\(file)\"]"
            fixture = try ServerFixture(["server.notices={ command: \(command) }"] + changes)
        }

        deinit { try? FileManager.default.removeItem(atPath: file) }

        var notices: [Notice] {
            let text = FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) }
            return (text ?? "").split(separator: "\n").compactMap {
                try? JSONDecoder().decode(Notice.self, from: Data($0.utf8))
            }
        }

        func has(_ event: Notice.Event) -> Bool { notices.contains { $0.event == event } }
    }

    /// The end of a run is told once, also where the server is started again.
    @Test func anEndIsToldOnce() throws {
        let called = try Called()
        _ = try called.fixture.admin(.post, "/api/stop", token: ServerFixture.operatorToken)
        #expect(called.fixture.eventually { called.has(.runFailed) })
        called.fixture.stop()
        try called.fixture.start()
        called.fixture.stop()
        let told = called.notices.filter { $0.event == .runFailed }
        #expect(told.count == 1 && told[0].task == "test", "\(called.notices)")
        #expect(told[0].run == (try called.fixture.state.run()?.run))
    }

    /// A round that every agent reports in is told of by its end, with figures and without names.
    @Test func aFinishedRunNamesNobody() throws {
        let called = try Called(["task.rounds=1"])
        let agents = try (0..<3).map { try TestAgent($0, called.fixture) }
        for agent in agents { #expect(try agent.checkIn().status == 204) }
        for agent in agents {
            let plan = try agent.plan()
            #expect(try agent.send(agent.body(plan), round: plan.round).status == 202)
        }
        #expect(called.fixture.eventually { called.has(.runFinished) }, "\(called.fixture.logged.whole)")
        let told = try #require(called.notices.first { $0.event == .runFinished })
        #expect(told.numbers["published"] == 1 && !told.text.contains("agent-"))
    }

    /// A stall is told once as long as it lasts, and a disk that fails once an hour.
    @Test func aStallIsToldOnce() throws {
        let run = try DeskRun(["task.abandon_limit=2"])
        run.clock.now = Date().timeIntervalSince1970
        let folder = try TemporaryFolder()
        let told = Told()
        run.context.notices = try NoticeSender(
            [told], path: folder.path + "/notices.jsonl", log: run.context.log)
        let desk = StallDesk(run.context)
        let history = [DeskFixture.file(1, .abandoned), DeskFixture.file(2, .abandoned)]
        desk.conclude(history[1], isStalled: true, history: history)
        desk.conclude(history[1], isStalled: true, history: history)
        run.context.storageFailed("write a file", Failure(.storage, "full"))
        run.context.storageFailed("write a file", Failure(.storage, "full"))
        run.context.notifyOfBudget(spent: 100)
        run.context.notices?.close()
        #expect(told.all == [.roundsAbandoned, .storage], "no budget, no notice of it")
    }

    @Test(arguments: [(7.9, 0), (8.0, 1), (9.5, 1)]) func aBudgetIsToldAtItsShare(
        spent: Double, count: Int
    ) throws {
        let run = try DeskRun([
            "task.privacy={ mode: \"central\", clipping_norm: 1, noise_multiplier: 1, target_epsilon: 10, target_delta: 1e-5 }"
        ])
        run.clock.now = Date().timeIntervalSince1970
        let folder = try TemporaryFolder()
        let told = Told()
        run.context.notices = try NoticeSender(
            [told], path: folder.path + "/notices.jsonl", log: run.context.log)
        for _ in 0..<2 { run.context.notifyOfBudget(spent: spent) }
        run.context.notices?.close()
        #expect(told.all == Array(repeating: .budget, count: count))
    }

    /// An agent counts as gone after so many days, once, also over restarts; one that comes again and goes is told again.
    @Test func agentsThatAreGone() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/seen.json"
        let day = 86_400.0
        func look(_ day: Double, lastSeen: Double?) throws -> [String] {
            let watch = try AbsenceWatch(path: path, days: 7)
            return try watch.look(at: day) {
                [.init(name: "a", registered: 0, lastSeen: lastSeen)]
            }.map(\.name)
        }
        #expect(try look(day, lastSeen: day).isEmpty)
        #expect(try look(5 * day, lastSeen: nil).isEmpty)
        #expect(try look(8 * day, lastSeen: nil) == ["a"])
        #expect(try look(9 * day, lastSeen: 9 * day).isEmpty)
        #expect(try look(15 * day, lastSeen: nil).isEmpty && look(16 * day, lastSeen: nil) == ["a"])
        try Data("{\"version\":2,\"seen\":{}}".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: Failure.self) { try AbsenceWatch(path: path, days: 7) }
        try Data("{".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: Failure.self) { try AbsenceWatch(path: path, days: 7) }
    }
}

/// Remembers which events it was told of.
private final class Told: NoticeReceiver {
    private let seen = Logged()
    let name = "told"
    let events = Set(Notice.Event.allCases)

    /// What it was told, in order.
    var all: [Notice.Event] {
        seen.whole.split(separator: "\n").compactMap { Notice.Event(rawValue: String($0)) }
    }

    func deliver(_ notice: Notice) -> NoticeOutcome {
        seen.append(notice.event.rawValue + "\n")
        return .delivered
    }

    func cancel() {}
}
