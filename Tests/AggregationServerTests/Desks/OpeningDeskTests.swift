import Federation
import Foundation
import Messages
import Testing

@testable import AggregationServer

/// When a round opens, and with whom.
@Suite struct OpeningDeskTests {
    private struct Bench {
        let run: DeskRun
        let stalls: StallDesk
        let schedule: ScheduleDesk
        let desk: OpeningDesk

        init(
            _ changes: [String] = [], agents: Int = 3, schedule given: RoundSchedule? = nil,
            modelBytes: Int = 100
        ) throws {
            run = try DeskRun(["server.gather='8s'"] + changes, agents: agents)
            stalls = StallDesk(run.context)
            schedule = ScheduleDesk(run.context, schedule: given)
            let presence = try PresenceDesk(
                run.context, rounds: run.rounds, books: run.books, roster: run.roster,
                start: { .init(bytes: modelBytes, clippingNorm: 1) },
                keep: { [run] in try run.state.write($0) },
                admits: { true }, gone: { _ in })
            desk = OpeningDesk(
                run.context, state: run.state, rounds: run.rounds, books: run.books, roster: run.roster,
                presence: presence, schedule: schedule, stalls: stalls, modelBytes: { modelBytes })
        }
    }

    @Test func enoughAgentsOpenARound() throws {
        let bench = try Bench()
        let file = try #require(bench.desk.consider()).file
        #expect(file.round == 1 && file.invited == [0, 1, 2] && file.registered == 3)
        #expect(file.deadline == file.opened + 60)
        #expect(try bench.run.state.round(1) == file, "durable before anybody learns of it")
    }

    @Test func tooFewDoNot() throws {
        let bench = try Bench(agents: 1)
        #expect(bench.desk.consider() == nil && bench.desk.secondsToNextWork == nil)
        bench.run.clock.now += 100
        #expect(bench.desk.consider() == nil && bench.run.rounds.number == 0)
    }

    @Test func thoseWhoAreHereWaitForMoreSoLongOnly() throws {
        let bench = try Bench(agents: 2)
        #expect(bench.desk.consider() == nil)
        #expect(bench.desk.secondsToNextWork == 2, "a quarter of the time to gather")
        bench.run.clock.now += 7.9
        #expect(bench.desk.consider() == nil)
        bench.run.clock.now += 0.1
        #expect(bench.desk.consider()?.file.invited == [0, 1])
        #expect(bench.desk.secondsToNextWork == nil)
    }

    @Test func gatheringBeginsAnewWhenAgentsLeave() throws {
        let bench = try Bench(["server.presence='5s'"], agents: 2)
        #expect(bench.desk.consider() == nil)
        bench.run.clock.now += 6
        #expect(bench.desk.consider() == nil && bench.desk.secondsToNextWork == nil)
        for index in 0...1 {
            _ = try bench.run.roster.admit(DeskRun.agent(index), software: nil, at: bench.run.clock.now)
        }
        bench.run.clock.now += 3
        #expect(bench.desk.consider() == nil, "they have been here together for no time yet")
    }

    @Test func aRoundThatCannotBeWrittenIsNotOpened() throws {
        let bench = try Bench()
        let rounds = "\(bench.run.state.path)/rounds"
        try FileManager.default.removeItem(atPath: rounds)
        #expect(bench.desk.consider() == nil)
        #expect(bench.run.rounds.number == 0 && bench.run.rounds.phase == .idle)
        #expect(try bench.run.fixture.messages == ["cannot open round 1; will try again"])
        #expect(!bench.run.context.board.read { $0.isHealthy })
        try FileManager.default.createDirectory(atPath: rounds, withIntermediateDirectories: true)
        #expect(bench.desk.consider()?.file.round == 1)
    }

    @Test func aFullDiskOpensNothing() throws {
        let bench = try Bench(modelBytes: 1 << 58)
        #expect(bench.desk.consider() == nil && bench.run.rounds.number == 0)
        #expect(try bench.run.fixture.messages == ["cannot open a round; will try again"])
    }

    @Test func aStalledRunWaitsForItsNextAttempt() throws {
        var pauses = StallPauses()
        pauses.jitter = 0
        let bench = try Bench()
        bench.stalls.conclude(DeskFixture.file(1, .abandoned), isStalled: true, history: [])
        let attempt = try #require(bench.stalls.nextAttempt)
        #expect(bench.desk.consider() == nil)
        #expect(bench.desk.secondsToNextWork == attempt - bench.run.clock.now)
        bench.run.clock.now = attempt
        #expect(bench.desk.consider() != nil)
    }

    @Test func aRunThatIsDoneNeedsNobody() throws {
        let bench = try Bench(["task.rounds=1"], agents: 0)
        bench.run.books.note { ($0.round, $0.published) = (1, 1) }
        bench.run.rounds.restart(after: bench.run.books, round: 1, charged: 1)
        #expect(bench.desk.consider() == nil)
        #expect(bench.run.rounds.nextStep == .finished(.allRounds))
    }

    /// On a schedule the first round waits for agents, and those after it for the clock alone.
    @Test func theClockOpensLaterRounds() throws {
        let bench = try Bench(
            agents: 1, schedule: RoundSchedule(reportDeadline: 40, masksReports: false))
        #expect(bench.desk.consider() == nil, "one agent is too few to begin with")
        bench.run.books.note { $0.round = 1 }
        bench.run.rounds.restart(after: bench.run.books, round: 1, charged: 1)
        bench.schedule.follow(bench.run.clock.now + 50)
        #expect(bench.desk.consider() == nil && bench.desk.secondsToNextWork == 50)
        bench.run.clock.now += 51
        let file = try #require(bench.desk.consider()).file
        #expect(file.opened == bench.run.clock.now - 1, "it opened when it was due")
        #expect(file.invited.count == 3, "drawn from the whole roster, whoever is here")
    }
}
