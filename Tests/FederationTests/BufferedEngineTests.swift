import Compute
import Configuration
import Testing

@testable import Federation

/// The state machine of asynchronous steps.
@Suite struct BufferedEngineTests {
    static func rules(
        steps: Int = 3, buffer: Int = 2, concurrency: Int = 3, stale: Int = 5, participations: Int? = nil
    ) -> BufferedEngine.Rules {
        BufferedEngine.Rules(
            steps: steps, buffer: buffer, concurrency: concurrency, maximalStaleness: stale,
            maximalParticipations: participations, deadlineSeconds: 10, affordableSteps: nil, abandonLimit: 3)
    }

    private func at(_ seconds: Double) -> Instant { Instant(seconds: seconds) }

    /// Takes the steps that follow a full buffer.
    private func complete(_ engine: inout BufferedEngine) -> [RoundAction] {
        for event in [.summed, .charged, .noised, .settled] as [RoundEvent] {
            #expect(engine.handle(event).count == 1)
        }
        return engine.handle(.published)
    }

    @Test func aFullBufferIsAStepAndTheRestGoesOn() {
        var engine = BufferedEngine(rules: Self.rules())
        for client in 0..<3 {
            #expect(engine.begin(client, at: at(0))?.round == 1)
            #expect(engine.begin(client, at: at(0)) == nil)
        }
        #expect(engine.begin(3, at: at(0)) == nil, "three places")
        #expect(engine.offer(client: 1, round: 1) == .accepted(then: []))
        #expect(engine.offer(client: 1, round: 1) == .refused(.duplicate))
        #expect(engine.offer(client: 7, round: 1) == .refused(.notInvited))
        #expect(engine.offer(client: 2, round: 2) == .refused(.wrongRound))
        #expect(engine.begin(1, at: at(0)) == nil, "its update is in the buffer")
        #expect(
            engine.offer(client: 0, round: 1)
                == .accepted(then: [.requireSum(round: 1, survivors: [0, 1])]))
        #expect(engine.offer(client: 2, round: 1) == .refused(.closed), "a step is being taken")
        #expect(complete(&engine).isEmpty)
        #expect(engine.round == 2 && engine.published == 1 && engine.buffer.isEmpty)
        // The slow one is still in the game, one model behind.
        #expect(engine.begin(1, at: at(1))?.version == 1)
        #expect(engine.offer(client: 2, round: 1) == .accepted(then: []))
        #expect(engine.buffer[2]?.staleness == 1)
        #expect(engine.offer(client: 1, round: 1) == .refused(.wrongRound), "an old report, sent again")
    }

    @Test func whatIsTooStaleIsDroppedAndFreesItsPlace() {
        var engine = BufferedEngine(rules: Self.rules(steps: 9, buffer: 1, concurrency: 2, stale: 1))
        _ = engine.begin(0, at: at(0))
        for client in 1...2 {
            _ = engine.begin(client, at: at(0))
            _ = engine.offer(client: client, round: client)
            _ = complete(&engine)
        }
        #expect(engine.staleness(of: 0) == 2)
        #expect(engine.offer(client: 0, round: 1) == .dropped)
        #expect(engine.freePlaces == 2 && engine.buffer.isEmpty && engine.begin(0, at: at(0)) != nil)
    }

    @Test func nobodyIsInMoreStepsThanAllowed() {
        var engine = BufferedEngine(
            rules: Self.rules(steps: 9, buffer: 1, concurrency: 1, participations: 2))
        for step in 1...2 {
            #expect(engine.begin(4, at: at(0)) != nil)
            _ = engine.offer(client: 4, round: step)
            _ = complete(&engine)
        }
        #expect(engine.participations == [4: 2] && !engine.mayBegin(4) && engine.mayBegin(5))
        let later = BufferedEngine(rules: engine.rules, engine.memory)
        #expect(!later.mayBegin(4) && later.participations == engine.participations)
    }

    /// An abandoned step keeps its charge, and with it the participations.
    @Test func anAbandonedStepKeepsItsCharge() {
        var engine = BufferedEngine(rules: Self.rules(buffer: 1, participations: 1))
        _ = engine.begin(0, at: at(0))
        _ = engine.offer(client: 0, round: 1)
        for event in [.summed, .charged] as [RoundEvent] { _ = engine.handle(event) }
        #expect(engine.handle(.failed("disk")) == [.abandoned(round: 1, .failed("disk"))])
        #expect(engine.round == 2 && engine.published == 0 && engine.charged == 1)
        #expect(engine.abandonedInARow == 1 && engine.participations == [0: 1])
    }

    @Test func whoDoesNotComeIsWaitedForNoLongerThanTheDeadline() {
        var engine = BufferedEngine(rules: Self.rules(concurrency: 1))
        _ = engine.begin(0, at: at(5))
        #expect(engine.expire(at: at(14)).isEmpty)
        #expect(engine.expire(at: at(15)) == [0])
        #expect(engine.offer(client: 0, round: 1) == .refused(.notInvited))
        #expect(engine.begin(0, at: at(15)) != nil, "it may come back")
    }

    /// Who gave up gets the same model no second time.
    @Test func whoGaveUpWaitsForTheNextModel() {
        var engine = BufferedEngine(rules: Self.rules(buffer: 1))
        for client in 0..<2 { _ = engine.begin(client, at: at(0)) }
        #expect(engine.giveUp(client: 0, round: 1) == nil)
        #expect(engine.giveUp(client: 0, round: 1) == .notInvited)
        #expect(engine.begin(0, at: at(0)) == nil)
        _ = engine.offer(client: 1, round: 1)
        _ = complete(&engine)
        #expect(engine.begin(0, at: at(0)) != nil)
    }

    @Test func theRunEndsAfterItsSteps() {
        var engine = BufferedEngine(rules: Self.rules(steps: 1, buffer: 1))
        _ = engine.begin(0, at: at(0))
        _ = engine.offer(client: 0, round: 1)
        #expect(complete(&engine) == [.finished(.allRounds)])
        #expect(engine.begin(1, at: at(0)) == nil)
    }

    /// The first draw is a round's; later ones never take who may not begin, and find everybody who may.
    @Test func drawsAreARoundsAndLeaveNobodyOut() {
        func generator(_ wave: Int) -> SeededGenerator {
            SeededGenerator(seed: 3, purpose: .cohort, round: wave)
        }
        var engine = BufferedEngine(rules: Self.rules(buffer: 20, concurrency: 8))
        var (first, again) = (generator(1), generator(1))
        let drawn = engine.fill(from: .roster(count: 12), at: at(0), using: &first).map(\.client)
        #expect(drawn == CohortSampling.fixedSize(8).draw(from: .roster(count: 12), using: &again))
        for client in drawn { _ = engine.offer(client: client, round: 1) }
        var next = generator(2)
        let rest = engine.fill(from: .roster(count: 12), at: at(1), using: &next)
        #expect(rest.map(\.client) == (0..<12).filter { !drawn.contains($0) } && engine.wave == 2)
        #expect(engine.fill(from: .roster(count: 12), at: at(1), using: &next).isEmpty)
    }
}
