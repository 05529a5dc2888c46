import Federation
import Testing

@testable import AggregationServer

/// When rounds open and models are shown, by a clock that the test moves.
@Suite struct ScheduleDeskTests {
    /// Rounds of 50 seconds, which move on by 10 where they are late.
    private let schedule = RoundSchedule(reportDeadline: 40, masksReports: false)
    private let fixture: DeskFixture
    private let desk: ScheduleDesk

    init() throws {
        fixture = try DeskFixture()
        desk = ScheduleDesk(fixture.context, schedule: schedule)
    }

    @Test func withoutAScheduleNothingWaits() throws {
        let desk = ScheduleDesk(fixture.context, schedule: nil)
        desk.follow(fixture.clock.now + 100)
        #expect(!desk.isInForce && desk.endOfLastRound == nil && desk.bounded(5) == nil)
        #expect(desk.opening() == fixture.context.instant)
        #expect(desk.secondsToOpening(nextAttempt: nil) == nil)
        let file = DeskFixture.file(1, opened: fixture.clock.now - 7, publication: fixture.clock.now)
        #expect(desk.showing(file) == nil && desk.seconds(of: file, until: nil) == 7)
    }

    @Test func theFirstRoundOpensAtOnce() {
        #expect(desk.isInForce && desk.opening() == fixture.context.instant)
        #expect(desk.secondsToOpening(nextAttempt: nil) == nil)
    }

    /// Late openings keep to whole quanta, and a round opens in the first half of one only.
    @Test(arguments: [(-1.0, nil), (0, 0.0), (4, 0), (6, nil), (9.5, nil), (10, 10), (14, 10), (36, nil)])
    func openingsKeepToTheClock(late: Double, opening: Double?) {
        let due = fixture.clock.now + 50
        desk.follow(due)
        fixture.clock.now = due + late
        #expect(desk.opening()?.seconds == opening.map { due + $0 })
    }

    @Test func theWaitEndsWithTheQuantumOrTheStall() {
        let due = fixture.clock.now + 50
        desk.follow(due)
        #expect(desk.endOfLastRound?.seconds == due)
        #expect(desk.secondsToOpening(nextAttempt: nil) == 50)
        #expect(desk.secondsToOpening(nextAttempt: due + 3) == 53)
        fixture.clock.now = due + 6
        #expect(desk.secondsToOpening(nextAttempt: nil) == 4)
    }

    @Test func aClockThatWasSetBackMakesNobodyWaitLonger() {
        #expect(desk.bounded(fixture.clock.now + 1e6) == fixture.clock.now + 50)
        #expect(desk.bounded(fixture.clock.now + 3) == fixture.clock.now + 3)
        #expect(desk.bounded(nil) == nil)
    }

    @Test func aLateModelIsShownWholeQuantaLater() throws {
        let opened = fixture.clock.now
        let file = DeskFixture.file(4, opened: opened, publication: opened + 50)
        #expect(desk.showing(file)?.seconds == opened + 50)
        #expect(try fixture.messages.isEmpty)
        fixture.clock.now = opened + 62
        #expect(desk.showing(file)?.seconds == opened + 70)
        #expect(try fixture.messages.first?.hasPrefix("the model is late") == true)
        #expect(desk.seconds(of: file, until: opened + 70) == 70)
    }
}
