import Federation
import Foundation
import Messages
import Testing

@testable import AggregationServer

/// Questions and orders of administrators, without an admin listener.
@Suite struct AdministrationDeskTests {
    private let run: DeskRun
    private let stalls: StallDesk
    private let presence: PresenceDesk
    private let desk: AdministrationDesk

    init() throws {
        run = try DeskRun()
        stalls = StallDesk(run.context)
        presence = try PresenceDesk(
            run.context, rounds: run.rounds, books: run.books, roster: run.roster,
            start: { .init(bytes: 1, clippingNorm: 1) }, keep: { [run] in try run.state.write($0) },
            admits: { true }, gone: { _ in })
        desk = AdministrationDesk(
            run.context, events: EventHub(), state: run.state, ledger: run.ledger, rounds: run.rounds,
            books: run.books, roster: run.roster, presence: presence, stalls: stalls)
    }

    private func ask(_ order: AdminOrder) throws -> (status: Int?, json: [String: Any], word: String?) {
        let request = try OpenRequest()
        desk.administer(order, request.responder)
        let (status, body) = (request.status, request.body)
        let json = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
        return (status, json ?? [:], request.word)
    }

    @Test func theStatusIsOfAllDesks() throws {
        try run.open()
        let status = try ask(.status).json
        #expect(status["run"] as? String == run.books.run.run && status["state"] as? String == "active")
        #expect(status["agents_known"] as? Int == 3 && status["agents_present"] as? Int == 3)
        let open = try #require(status["open"] as? [String: Any])
        #expect(open["round"] as? Int == 1 && open["stage"] as? String == "collecting")
        #expect(open["invited"] as? Int == 3)
    }

    /// What the desk remembers is newer than what was read of the same round, and ends where the first it remembers begins.
    @Test func roundsOfLongAgoStandBeforeThoseRemembered() throws {
        for number in 10...12 {
            run.books.conclude(DeskFixture.file(number, .published, opened: 100), published: 1, charged: 1)
        }
        let older = (7...11).map { DeskFixture.file($0, .published, opened: 1) }
        func told(_ question: RoundQuestion?) throws -> [[Int]] {
            let request = try OpenRequest()
            desk.administer(.rounds(try #require(question), older: older), request.responder)
            #expect(request.status == 200)
            let answer = try JSONSerialization.jsonObject(with: Data(request.body)) as? [[String: Any]]
            return try #require(answer).map { [$0["round"] as? Int ?? 0, $0["opened"] as? Int ?? 0] }
        }
        let all = [[7, 1], [8, 1], [9, 1], [10, 100], [11, 100], [12, 100]]
        #expect(try told(RoundQuestion(from: 1)) == all)
        #expect(try told(RoundQuestion(from: 9, through: 10)) == [[9, 1], [10, 100]])
        #expect(try told(RoundQuestion(from: 8, limit: 2)) == [[8, 1], [9, 1]])
        #expect(try told(RoundQuestion(through: 11, limit: 2)) == [[10, 100], [11, 100]])
        #expect(run.context.board.read { $0.firstRemembered } == 10)
    }

    @Test(arguments: [(0, nil), (nil, 0), (5, 4), (1 << 40, nil)] as [(Int?, Int?)])
    func noQuestionIsOfNumbersThatNoRoundHas(from: Int?, through: Int?) {
        #expect(RoundQuestion(from: from, through: through) == nil)
    }

    /// An order is in the ledger before it takes effect, and given twice it is one.
    @Test func ordersAreInTheLedgerFirst() throws {
        let lines = { [run] in run.ledger.head()?.sequence ?? 0 }
        let before = lines()
        #expect(try ask(.pause(actor: "otto")).json["state"] as? String == "paused")
        #expect(lines() == before + 1 && run.books.run.isPaused)
        #expect(try run.state.run()?.isPaused == true)
        #expect(try ask(.pause(actor: "otto")).status == 200 && lines() == before + 1)
        #expect(try ask(.resume(actor: "otto")).json["state"] as? String == "active")
        #expect(lines() == before + 2 && !run.books.run.isPaused)
        #expect(try ask(.stop(actor: "otto")).json["stopping"] as? Bool == true)
        #expect(lines() == before + 3 && run.books.run.isStopping)
        #expect(run.fixture.statusChanges == 3)
    }

    @Test func aStalledRunIsTriedAtOnce() throws {
        stalls.conclude(DeskFixture.file(1, .abandoned), isStalled: true, history: [])
        let before = run.ledger.head()?.sequence ?? 0
        #expect(stalls.nextAttempt ?? 0 > run.clock.now)
        #expect(try ask(.resume(actor: "otto")).status == 200)
        #expect(stalls.nextAttempt == run.clock.now && run.ledger.head()?.sequence == before + 1)
    }

    @Test func whoIsShutOutHearsItAtOnce() throws {
        let waiting = try OpenRequest()
        let request = CheckInRequest(software: "test", waitSeconds: 30)
        let ticket = CheckInTicket(waiting.responder)
        let client = try #require(presence.admit(DeskRun.agent(1), request, ticket))
        presence.serve(client, request, ticket)
        let answer = try ask(.revoke("1", actor: "otto"))
        #expect(answer.json["revoked"] as? Bool == true && answer.json["name"] as? String == "agent-1")
        #expect(waiting.word == "revoked" && run.roster.isRevoked(1) && run.fixture.boardChanges == 1)
        #expect(run.ledger.head()?.sequence == 2)
        #expect(try ask(.revoke("1", actor: "otto")).status == 200 && run.ledger.head()?.sequence == 2)
        for id in ["3", "-1", "x"] {
            #expect(try ask(.revoke(id, actor: "otto")).word == "no_such_agent")
            #expect(try ask(.agent(id)).word == "no_such_agent")
        }
    }

    @Test func whatCannotBeWrittenIsNotOrdered() throws {
        try FileManager.default.removeItem(atPath: run.state.path)
        try FileManager.default.createDirectory(
            atPath: "\(run.state.path)/run.json", withIntermediateDirectories: true)
        #expect(try ask(.pause(actor: "otto")).word == "storage")
        #expect(!run.books.run.isPaused && !run.context.board.read { $0.isHealthy })
    }

    @Test func aFinishedRunIsNotPaused() throws {
        run.books.note { $0.finished = "all rounds done" }
        #expect(try ask(.pause(actor: "otto")).word == "finished")
        #expect(try ask(.stop(actor: "otto")).json["stopping"] as? Bool == false)
    }
}
