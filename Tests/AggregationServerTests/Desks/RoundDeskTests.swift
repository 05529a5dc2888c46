import Federation
import Testing

@testable import AggregationServer

/// The engine behind its desk: what it is told, the steps that follow, and the round's file.
@Suite struct RoundDeskTests {
    private struct DiskIsFull: Error {}

    private let fixture: DeskFixture
    private let desk: RoundDesk

    init() throws {
        fixture = try DeskFixture()
        desk = try RoundDesk(fixture.context)
    }

    private func open(_ clients: [Int] = [0, 1, 2]) throws -> RoundDesk.Opening? {
        let opening = try desk.open(.present(clients), at: fixture.context.instant) {
            DeskFixture.file($0.round, invited: $0.clients, opened: $0.opened.seconds)
        }
        if let opening { desk.begin(opening.file) }
        return opening
    }

    @Test func aCohortThatIsNotDurableDoesNotExist() throws {
        #expect(throws: DiskIsFull.self) {
            try desk.open(.present([0, 1, 2]), at: fixture.context.instant) { _ in throw DiskIsFull() }
        }
        #expect(desk.number == 0 && desk.phase == .idle && desk.file == nil && desk.nextStep == nil)
        #expect(!desk.awaits(0))
        let opening = try #require(try open())
        #expect(opening.file.round == 1 && opening.file.invited == [0, 1, 2] && opening.then.isEmpty)
        #expect(desk.phase == .collecting && desk.awaits(0) && desk.file == opening.file)
    }

    @Test func tooFewCandidatesAreAbandoned() throws {
        #expect(try open([1]) == nil)
        guard case .abandoned(1, _)? = desk.nextStep else {
            Issue.record("\(String(describing: desk.nextStep))")
            return
        }
        desk.finishStep(nil)
        #expect(desk.nextStep == nil && desk.abandonedInARow == 1 && desk.file == nil)
    }

    @Test func newsMovesTheRoundOn() throws {
        _ = try open()
        let now = fixture.context.instant
        #expect(desk.offer(0, round: 1, at: now) == nil)
        #expect(desk.offer(0, round: 1, at: now) == .duplicate)
        #expect(desk.refusal(of: 0, round: 1, at: now) == .duplicate)
        #expect(desk.offer(3, round: 1, at: now) == .notInvited)
        #expect(desk.offer(1, round: 2, at: now) == .wrongRound)
        #expect(desk.giveUp(1, round: 1, at: now) == nil && desk.gaveUpCount == 1)
        #expect(desk.giveUp(1, round: 1, at: now) == .gaveUp)
        #expect(desk.nextStep == nil)
        #expect(desk.offer(2, round: 1, at: now) == nil)
        try #require(desk.nextStep == .requireSum(round: 1, survivors: [0, 2]))
        for (event, step) in [
            (.summed, .requireCharge(round: 1)), (.charged, .requireNoise(round: 1)),
            (.noised, .requireSettlement(round: 1, survivors: 2)),
            (.settled, .requirePublication(round: 1)),
        ] as [(RoundEvent, RoundAction)] {
            desk.finishStep(event)
            try #require(desk.nextStep == step)
        }
        desk.finishStep(.published)
        #expect(desk.nextStep == nil && desk.phase == .idle && desk.published == 1 && desk.charged == 1)
        desk.stop(.stopped)
        #expect(desk.nextStep == .finished(.stopped))
    }

    @Test func theClockClosesACollectionAndSaysSoOnce() throws {
        _ = try open()
        #expect(desk.offer(0, round: 1, at: fixture.context.instant) == nil)
        #expect(desk.offer(1, round: 1, at: fixture.context.instant) == nil)
        desk.tick()
        #expect(desk.phase == .collecting)
        fixture.clock.now += 60
        desk.tick()
        desk.tick()
        #expect(desk.nextStep == .requireSum(round: 1, survivors: [0, 1]))
        #expect(try fixture.messages == ["collection closed"])
    }

    @Test func stepsThatAreRefusedAreDropped() throws {
        _ = try open()
        for client in 0...2 { _ = desk.offer(client, round: 1, at: fixture.context.instant) }
        try #require(desk.nextStep != nil)
        desk.finishStep(.summed)
        desk.dropSteps(because: "no budget")
        #expect(desk.nextStep == .abandoned(round: 1, .failed("no budget")))
    }

    @Test func theFileTakesDownWhatAgentsDo() throws {
        desk.noteBytes(up: 7)
        _ = try open()
        desk.noteReport(of: 2, digest: "d")
        desk.noteFailure("data")
        desk.noteFailure("data")
        desk.noteBytes(up: 5, down: 3)
        desk.noteBytes(up: 1)
        let file = try #require(desk.file)
        #expect(file.reports == ["2": "d"] && file.failures == ["data": 2])
        #expect(file.bytesUp == 6 && file.bytesDown == 3)
        desk.end()
        #expect(desk.file == nil)
    }
}
