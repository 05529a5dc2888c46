import Federation
import Testing

@testable import AggregationServer

/// Pauses of a run that publishes nothing, and what operators are told of it.
@Suite struct StallDeskTests {
    private static var pauses: StallPauses {
        var pauses = StallPauses()
        pauses.jitter = 0
        return pauses
    }

    @Test func pausesGrowUntilARoundIsPublished() throws {
        let fixture = try DeskFixture(stallPauses: Self.pauses)
        let (desk, clock) = (StallDesk(fixture.context), fixture.clock)
        let began = clock.now
        var history = [DeskFixture.file(1, .abandoned)]
        desk.conclude(history[0], isStalled: false, history: history)
        #expect(!desk.isStalled && desk.nextAttempt == nil)
        for (number, pause) in [1.0, 2, 4].enumerated() {
            history.append(DeskFixture.file(number + 2, .abandoned))
            desk.conclude(history[number + 1], isStalled: true, history: history)
            #expect(desk.isStalled && desk.nextAttempt == clock.now + pause && desk.since == began)
            clock.now += pause
        }
        desk.tryAtOnce()
        #expect(desk.nextAttempt == clock.now && desk.since == began)
        desk.conclude(history[3], isStalled: true, history: history)
        #expect(desk.nextAttempt == clock.now + 1, "pauses begin anew after an operator's word")
        #expect(desk.trouble(history)?.hasPrefix("4 rounds abandoned in a row") == true)
        history.append(DeskFixture.file(9, .published))
        desk.conclude(history[4], isStalled: false, history: history)
        #expect(!desk.isStalled && desk.since == nil && desk.trouble(history) == nil)
        let messages = try fixture.messages
        #expect(messages.count { $0.hasPrefix("the run is stalled") } == 1)
        #expect(messages.count { $0 == "the run is still stalled" } == 3)
        #expect(messages.last == "the run goes on")
    }

    @Test func aRestartTriesAtOnce() throws {
        let fixture = try DeskFixture()
        let desk = StallDesk(fixture.context)
        desk.takeUp([DeskFixture.file(1, .abandoned)])
        #expect(desk.isStalled && desk.nextAttempt == fixture.clock.now)
        desk.conclude(DeskFixture.file(2, .abandoned), isStalled: false, history: [])
        #expect(!desk.isStalled)
        #expect(try fixture.messages == ["the run is still stalled"], "an abandoned round does not go on")
    }

    /// Without a hold-out no loss is too high, but one that is no number is.
    @Test func divergenceIsTroubleUntilItIsOver() throws {
        let fixture = try DeskFixture()
        let desk = StallDesk(fixture.context)
        func result(_ loss: Double) -> EvaluationResult {
            EvaluationResult(round: 3, accuracy: nil, loss: loss, seconds: 0)
        }
        desk.note(result(1e9))
        #expect(desk.trouble([]) == nil)
        desk.note(result(.nan))
        #expect(desk.trouble([])?.hasPrefix("the hold-out loss of round 3 is not finite") == true)
        let abandoned = [DeskFixture.file(4, .abandoned)]
        #expect(desk.trouble(abandoned)?.hasPrefix("1 round abandoned in a row") == true)
        desk.note(result(0.5))
        #expect(desk.trouble([]) == nil)
    }
}
