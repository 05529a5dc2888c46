import Federation
import Testing

@testable import AggregationServer

/// Rounds that agents served and this server does not know: never used again, and charged.
@Suite struct CatchUpDeskTests {
    private func desk(_ run: DeskRun) -> CatchUpDesk {
        CatchUpDesk(
            run.context, state: run.state, ledger: run.ledger, rounds: run.rounds, books: run.books,
            roster: run.roster)
    }

    @Test func oneAgentAloneIsNotBelieved() throws {
        let run = try DeskRun()
        let desk = desk(run)
        try run.open()
        for _ in 0..<2 { desk.note(0, lastRound: 5) }
        desk.note(1, lastRound: 0)
        #expect(run.rounds.nextStep == nil && run.books.run.restoredThrough == nil)
        #expect(try run.fixture.messages.count == 1, "the log says it once")
        #expect(!desk.passesOverServedRounds() && run.books.run.round == 0)
    }

    @Test func twoAreBelievedAndTheOpenRoundIsGivenUp() throws {
        let run = try DeskRun()
        let desk = desk(run)
        try run.open()
        desk.note(0, lastRound: 5)
        desk.note(1, lastRound: 4)
        guard case .abandoned(1, .failed)? = run.rounds.nextStep else {
            Issue.record("\(String(describing: run.rounds.nextStep))")
            return
        }
        #expect(try run.state.run()?.restoredThrough == 5, "the open round counts as one more")
    }

    @Test func servedRoundsArePassedOverAndCharged() throws {
        let run = try DeskRun()
        let desk = desk(run)
        for client in 0...1 { desk.note(client, lastRound: 3) }
        #expect(!desk.passesOverServedRounds())
        #expect(run.books.run.round == 3 && run.books.run.charged == 3 && run.ledger.head()?.rounds == 3)
        #expect(run.rounds.number == 3 && run.rounds.charged == 3 && run.rounds.published == 0)
        #expect(try run.state.run()?.round == 3)
        #expect(run.fixture.boardChanges == 1)
        #expect(!desk.passesOverServedRounds() && run.ledger.head()?.rounds == 3)
    }

    @Test func aRestoredStateBelievesOne() throws {
        let run = try DeskRun()
        run.books.note { $0.restoredThrough = 1 }
        let desk = desk(run)
        desk.note(2, lastRound: 2)
        #expect(!desk.passesOverServedRounds())
        #expect(run.books.run.round == 2)
    }

    @Test func theGapOfARestoredStateIsTakenUp() throws {
        let run = try DeskRun()
        let desk = desk(run)
        try desk.takeUpGap()
        #expect(run.books.run.round == 0)
        run.books.note { $0.restoredThrough = 2 }
        try desk.takeUpGap()
        #expect(run.books.run.round == 2 && run.books.run.charged == 2 && run.rounds.number == 2)
    }

    @Test func jumpsThatAreTooLongAreNotBelieved() {
        var ahead = AgentsAhead()
        for client in 0...2 { ahead.note(client, lastRound: AgentsAhead.longestJump + client) }
        #expect(ahead.believed(beyond: 0, witnesses: 1) == AgentsAhead.longestJump)
        #expect(ahead.believed(beyond: 0, witnesses: 2) == nil)
        #expect(ahead.believed(beyond: 2, witnesses: 3) == AgentsAhead.longestJump)
        #expect(ahead.count(beyond: AgentsAhead.longestJump) == 2)
    }
}
