import Federation
import HTTPWire
import Messages
import Synchronization
import Testing
import Transport

@testable import AggregationServer

/// Check-ins without a server: who is invited, who is held, and who is sent away.
@Suite struct PresenceDeskTests {
    /// What the desk was told of clients that left, and whether the round still takes agents.
    private final class Surroundings: Sendable {
        let gone = Mutex<[UInt64]>([])
        let admits = Atomic<Bool>(true)
    }

    private let run: DeskRun
    private let desk: PresenceDesk
    private let surroundings = Surroundings()

    init() throws {
        run = try DeskRun()
        desk = try PresenceDesk(
            run.context, rounds: run.rounds, books: run.books, roster: run.roster,
            start: { .init(bytes: 1234, clippingNorm: 1) }, keep: { [run] in try run.state.write($0) },
            admits: { [surroundings] in surroundings.admits.load(ordering: .relaxed) },
            gone: { [surroundings] hold in surroundings.gone.withLock { $0.append(hold) } })
    }

    /// An agent checks in.
    private func checkIn(
        _ agent: Int, wait: Int = 30, lastRound: Int = 0, ofRun other: String? = nil
    ) throws -> OpenRequest {
        let open = try OpenRequest()
        let request = CheckInRequest(
            run: other ?? run.books.run.run, acceptsOtherRun: false, software: "test", waitSeconds: wait,
            lastRound: lastRound)
        let ticket = CheckInTicket(open.responder)
        if let client = desk.admit(DeskRun.agent(agent), request, ticket) {
            desk.serve(client, request, ticket)
        }
        return open
    }

    @Test func whoWaitsIsInvited() throws {
        let waiting = try [0, 1, 2].map { try checkIn($0) }
        #expect(waiting.allSatisfy { $0.status == nil } && desk.heldCount == 3)
        try run.open([0, 1])
        desk.inviteHeld()
        let plan = try RoundOffer(decoding: waiting[0].body)
        #expect(plan.round == 1 && plan.client == 0 && plan.run == run.books.run.run)
        #expect(plan.model.bytes == 1234 && plan.deadlineSeconds == 60)
        #expect(waiting[1].status == 200 && waiting[2].status == nil && desk.heldCount == 1)
        #expect(run.rounds.file?.bytesDown == 2 * 1234)
    }

    @Test func whoComesLateIsInvitedAtOnceUnlessItServedTheRound() throws {
        try run.open()
        #expect(try checkIn(0, wait: 0).status == 200)
        #expect(try checkIn(1, wait: 0, lastRound: 1).status == 204)
        surroundings.admits.store(false, ordering: .relaxed)
        #expect(try checkIn(2, wait: 0).status == 204, "a masked round takes no more members")
        surroundings.admits.store(true, ordering: .relaxed)
        #expect(run.rounds.offer(2, round: 1, at: run.context.instant) == nil)
        #expect(try checkIn(2, wait: 0).status == 204, "it has reported")
    }

    @Test func waitingEnds() throws {
        let (short, long) = (try checkIn(0, wait: 5), try checkIn(1, wait: 50))
        run.clock.now += 5
        desk.expireHolds()
        #expect(short.status == 204 && long.status == nil && desk.heldCount == 1)
        #expect(short.answer?.headers["Retry-After"].flatMap { Int($0) } ?? 0 >= 1)
        #expect(short.answer?.headers[AgentProtocol.runStateHeader] == "active")
        desk.close()
        #expect(long.status == 503 && long.word == "shutting_down" && desk.heldCount == 0)
    }

    /// Two hosts with one certificate are told of once; an agent that comes back, or lost its line now and then, is not.
    @Test func oneIdentityOnTwoHostsIsSaid() throws {
        func said() throws -> Int { try run.fixture.messages.count { $0.contains("on two hosts") } }
        for _ in 0..<5 {
            _ = try checkIn(1, wait: 5)
            run.clock.now += 5
            desk.expireHolds()
        }
        _ = try (checkIn(1), checkIn(1))
        #expect(try said() == 0)
        for _ in 0..<5 { _ = try checkIn(0) }
        #expect(try said() == 1)
    }

    @Test func aClientThatLeavesIsForgotten() throws {
        let waiting = try checkIn(0)
        waiting.disconnect()
        let gone = surroundings.gone.withLock { $0 }
        #expect(gone.count == 1 && desk.heldCount == 1)
        for hold in gone { desk.forget(hold) }
        #expect(desk.heldCount == 0)
    }

    @Test func whoIsShutOutIsTurnedAway() throws {
        let (waiting, other) = (try checkIn(0), try checkIn(1))
        try run.roster.revoke(0)
        desk.turnAway(0)
        #expect(waiting.status == 403 && waiting.word == "revoked" && other.status == nil)
        #expect(try checkIn(0).word == "revoked")
        #expect(desk.present == [1, 2])
    }

    @Test func strangersAreTurnedAway() throws {
        #expect(try checkIn(0, ofRun: String(repeating: "0", count: 32)).word == "run_mismatch")
        #expect(try checkIn(3).status == nil)
        #expect(try checkIn(4).word == "population_full")
        let open = try OpenRequest()
        var request = CheckInRequest(software: "test")
        request.protocolVersion += 1
        #expect(desk.admit(DeskRun.agent(0), request, CheckInTicket(open.responder)) == nil)
        #expect(open.word == "protocol_mismatch")
    }

    @Test func presenceFades() throws {
        let presence = run.context.setup.configuration.presenceSeconds
        _ = try checkIn(1, wait: 60)
        run.clock.now += presence + 1
        _ = try checkIn(2, wait: 0)
        #expect(desk.present == [1, 2], "who waits is here, whenever it came")
    }

    @Test func theEndIsToldToAll() throws {
        run.books.note { $0.finished = "all rounds done" }
        #expect(desk.runStateWord == "finished" && !desk.hasToldAll())
        for agent in 0...1 { #expect(try checkIn(agent).status == 204) }
        #expect(!desk.hasToldAll())
        let last = try checkIn(2)
        #expect(last.answer?.headers[AgentProtocol.runStateHeader] == "finished")
        #expect(last.answer?.headers["Retry-After"].flatMap { Int($0) } ?? 0 > 300)
        #expect(desk.hasToldAll())
    }

    @Test func theEndIsWaitedForSoLongOnly() throws {
        run.books.note { $0.finished = "all rounds done" }
        #expect(!desk.hasToldAll())
        run.clock.now += run.context.setup.configuration.lingerSeconds
        #expect(desk.hasToldAll())
    }

    @Test func theRunsStateHasAWord() throws {
        #expect(desk.runStateWord == "active")
        run.books.note { $0.isPaused = true }
        #expect(desk.runStateWord == "paused")
    }
}
