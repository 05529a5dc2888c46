import Federation
import Testing

@Suite struct ClientSessionTests {
    private let first = RoundAssignment(run: "r", round: 3)

    @Test func walksARoundInOrder() {
        var session = ClientSession()
        #expect(session.handle(.assigned(first)) == [.requirePermission(first)])
        #expect(session.handle(.permitted) == [.requireCharge(first)])
        #expect(session.handle(.encoded).isEmpty, "no report before the charge")
        #expect(session.handle(.charged) == [.requireReport(first)])
        #expect(session.handle(.encoded) == [.requireStorage(first)])
        #expect(session.handle(.stored) == [.requireDelivery(first)])
        #expect(session.handle(.delivered) == [.concluded(first, delivered: true)])
    }

    @Test(arguments: [ClientEvent.encoded, .charged, .stored, .delivered])
    func nothingLeavesBeforeItsTurn(event: ClientEvent) {
        var session = ClientSession()
        _ = session.handle(.assigned(first))
        #expect(session.handle(event).isEmpty)
        #expect(session.phase == .judging)
    }

    @Test func neverServesARoundTwice() {
        var session = ClientSession(run: "r", lastRound: 3)
        #expect(session.handle(.assigned(first)) == [.giveUp(first, reason: "this round was served before")])
        let next = RoundAssignment(run: "r", round: 4)
        #expect(session.handle(.assigned(next)) == [.requirePermission(next)])
        #expect(session.handle(.assigned(next)).isEmpty)
    }

    @Test func policyRefusalGivesUp() {
        var session = ClientSession()
        _ = session.handle(.assigned(first))
        #expect(
            session.handle(.denied("budget spent")) == [
                .giveUp(first, reason: "budget spent"), .concluded(first, delivered: false),
            ])
    }

    @Test func failureInAnyStepConcludes() {
        for steps in [[ClientEvent.permitted], [.permitted, .charged], [.permitted, .charged, .encoded]] {
            var session = ClientSession()
            _ = session.handle(.assigned(first))
            for step in steps { _ = session.handle(step) }
            #expect(session.handle(.failed("x")).last == .concluded(first, delivered: false))
            #expect(session.phase == .idle)
        }
    }
}
