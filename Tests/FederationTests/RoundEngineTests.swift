import Compute
import Federation
import Testing

/// Steps an engine and keeps what it asked for.
private struct Harness {
    var engine: RoundEngine
    var generator = SeededGenerator(seed: 1, purpose: .test)
    var now = Instant(seconds: 0)
    var refused: [ReportRefusal] = []

    init(_ rules: RoundEngine.Rules) { engine = RoundEngine(rules: rules) }

    @discardableResult
    mutating func tell(_ event: RoundEvent) -> [RoundAction] {
        engine.handle(event, at: now, using: &generator)
    }

    /// Opens a round and returns its cohort.
    mutating func open(_ candidates: Candidates) -> [Int] {
        guard case .invite(let clients, _, _)? = tell(.open(candidates)).first else { return [] }
        return clients
    }

    /// Walks from the sum to the published model.
    @discardableResult
    mutating func publish() -> [RoundAction] {
        for event in [RoundEvent.summed, .charged, .noised, .settled] { tell(event) }
        return tell(.published)
    }
}

private func rules(
    rounds: Int = 3, cohort: Int = 4, target: Int? = nil, minimum: Int = 2, affordable: Int? = nil
) -> RoundEngine.Rules {
    RoundEngine.Rules(
        rounds: rounds, sampling: .fixedSize(cohort), target: target, minimumReports: minimum,
        deadlineSeconds: 10, abandonLimit: 2, affordableRounds: affordable)
}

@Suite struct RoundEngineTests {
    @Test func walksARoundInOrder() {
        var harness = Harness(rules())
        let cohort = harness.open(.roster(count: 10))
        #expect(cohort.count == 4 && Set(cohort).count == 4)
        for client in cohort.dropLast() {
            #expect(harness.tell(.reportOffered(client: client, round: 1)) == [.accept(client: client)])
        }
        let last = harness.tell(.reportOffered(client: cohort[3], round: 1))
        #expect(last == [.accept(client: cohort[3]), .requireSum(round: 1, survivors: cohort.sorted())])
        #expect(harness.tell(.summed) == [.requireCharge(round: 1)])
        #expect(harness.tell(.charged) == [.requireNoise(round: 1)])
        #expect(harness.tell(.noised) == [.requireSettlement(round: 1, survivors: 4)])
        #expect(harness.tell(.settled) == [.requirePublication(round: 1)])
        #expect(harness.tell(.published).isEmpty)
        #expect(harness.engine.phase == .idle && harness.engine.published == 1)
    }

    @Test(arguments: [RoundEvent.charged, .noised, .settled, .published, .tick])
    func nothingIsReleasedOutOfOrder(event: RoundEvent) {
        var harness = Harness(rules())
        let cohort = harness.open(.roster(count: 4))
        for client in cohort { harness.tell(.reportOffered(client: client, round: 1)) }
        #expect(harness.tell(event).isEmpty)
        #expect(harness.engine.phase == .summing)
    }

    @Test func refusesWhatIsNotExpected() {
        var harness = Harness(rules(cohort: 3))
        let cohort = harness.open(.present([2, 5, 9]))
        #expect(cohort == [2, 5, 9])
        #expect(harness.tell(.reportOffered(client: 3, round: 1)) == [.refuse(client: 3, .notInvited)])
        #expect(harness.tell(.reportOffered(client: 2, round: 7)) == [.refuse(client: 2, .wrongRound)])
        harness.tell(.reportOffered(client: 2, round: 1))
        #expect(harness.tell(.reportOffered(client: 2, round: 1)) == [.refuse(client: 2, .duplicate)])
        harness.tell(.gaveUp(client: 5, round: 1))
        #expect(harness.tell(.reportOffered(client: 5, round: 1)) == [.refuse(client: 5, .gaveUp)])
        harness.tell(.reportOffered(client: 9, round: 1))
        #expect(harness.engine.phase == .summing)
    }

    @Test func closesAtItsTarget() {
        var harness = Harness(rules(target: 2))
        let cohort = harness.open(.roster(count: 10))
        harness.tell(.reportOffered(client: cohort[0], round: 1))
        harness.tell(.reportOffered(client: cohort[1], round: 1))
        #expect(harness.engine.phase == .summing)
        #expect(
            harness.tell(.reportOffered(client: cohort[2], round: 1)) == [.refuse(client: cohort[2], .closed)]
        )
    }

    @Test func abandonsBelowItsMinimumAndNeverReusesTheNumber() {
        var harness = Harness(rules())
        let cohort = harness.open(.roster(count: 4))
        harness.tell(.reportOffered(client: cohort[0], round: 1))
        #expect(harness.tell(.tick).isEmpty)
        harness.now = Instant(seconds: 10)
        #expect(harness.tell(.tick) == [.abandoned(round: 1, .tooFewReports(received: 1, required: 2))])
        _ = harness.open(.roster(count: 4))
        #expect(harness.engine.round == 2)
    }

    @Test func endsAfterTooManyAbandonedRounds() {
        var harness = Harness(rules())
        harness.tell(.open(.roster(count: 1)))
        let actions = harness.tell(.open(.roster(count: 0)))
        #expect(actions.last == .finished(.abandonedTooOften))
    }

    @Test func aFailureAfterTheChargeKeepsTheCharge() {
        var harness = Harness(rules(affordable: 2))
        for round in 1...2 {
            let cohort = harness.open(.roster(count: 4))
            for client in cohort { harness.tell(.reportOffered(client: client, round: round)) }
            harness.tell(.summed)
            harness.tell(.charged)
            let actions = harness.tell(.failed("disk full"))
            #expect(actions.first == .abandoned(round: round, .failed("disk full")))
        }
        #expect(harness.engine.published == 0 && harness.engine.charged == 2)
        #expect(harness.engine.phase == .finished)
    }

    @Test func stopsAtTheBudgetAndOnRequest() {
        var harness = Harness(rules(rounds: 9, affordable: 1))
        let cohort = harness.open(.roster(count: 4))
        for client in cohort { harness.tell(.reportOffered(client: client, round: 1)) }
        #expect(harness.publish() == [.finished(.budget)])

        var stopped = Harness(rules())
        let invited = stopped.open(.roster(count: 4))
        stopped.tell(.stop(.stopped))
        for client in invited { stopped.tell(.reportOffered(client: client, round: 1)) }
        #expect(stopped.publish() == [.finished(.stopped)])
        #expect(stopped.tell(.open(.roster(count: 4))).isEmpty)
    }

    /// Plays a whole round and returns its cohort; nobody drops out.
    private func play(_ harness: inout Harness, _ candidates: Candidates) -> [Int] {
        let cohort = harness.open(candidates)
        for client in cohort { harness.tell(.reportOffered(client: client, round: harness.engine.round)) }
        harness.publish()
        return cohort
    }

    @Test(arguments: [Candidates.roster(count: 13), .present([1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233])])
    func nobodyIsInTwoSumsOfAParticipationWindow(candidates: Candidates) {
        var rules = rules(rounds: 9)
        rules.participationWindow = 3
        var harness = Harness(rules)
        for _ in 0..<3 {
            let cohorts = (0..<3).map { _ in play(&harness, candidates) }
            #expect(cohorts.allSatisfy { $0.count == 4 } && Set(cohorts.joined()).count == 12)
            // An engine that is made anew from what was kept goes on with the same bound.
            harness.engine = RoundEngine(
                rules: rules, round: harness.engine.round, published: harness.engine.published,
                charged: harness.engine.charged, participants: harness.engine.participants)
        }
    }

    @Test func aWindowCountsWhoWasInAChargedSumOnly() {
        var rules = rules(cohort: 3)
        rules.participationWindow = 2
        rules.abandonLimit = 9
        var harness = Harness(rules)
        // A round that is abandoned before its charge released nothing and uses nobody up.
        let first = harness.open(.roster(count: 6))
        harness.tell(.gaveUp(client: first[0], round: 1))
        harness.tell(.gaveUp(client: first[1], round: 1))
        harness.tell(.reportOffered(client: first[2], round: 1))
        #expect(first.allSatisfy(harness.engine.mayTakePart))
        // One whose charge was written does, even when it fails after that.
        let second = harness.open(.roster(count: 6))
        for client in second { harness.tell(.reportOffered(client: client, round: 2)) }
        for event in [RoundEvent.summed, .charged, .failed("disk full")] { harness.tell(event) }
        #expect(!second.contains(where: harness.engine.mayTakePart))
        let third = play(&harness, .roster(count: 6))
        #expect(Set(second).isDisjoint(with: third))
        #expect((0..<6).allSatisfy(harness.engine.mayTakePart))
    }

    @Test func anEmptyPoissonCohortReleasesNoiseAlone() {
        var harness = Harness(
            RoundEngine.Rules(
                rounds: 1, sampling: .poisson(probability: 0), target: nil, minimumReports: 0,
                deadlineSeconds: 1))
        let actions = harness.tell(.open(.roster(count: 5)))
        #expect(actions.last == .requireSum(round: 1, survivors: []))
    }

    /// Whatever arrives in whatever order: every accepted client is in the survivors exactly once, nobody else is.
    @Test(arguments: 0..<50)
    func survivorsAreExactlyTheAccepted(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed), purpose: .test)
        var harness = Harness(rules(cohort: 12, target: seed % 2 == 0 ? 7 : nil, minimum: 1))
        _ = harness.open(.roster(count: 20))
        var accepted: [Int] = []
        var survivors: [Int]?
        for _ in 0..<200 {
            let client = random.index(below: 22)
            harness.now = harness.now.advanced(bySeconds: 0.06)
            let event: RoundEvent =
                switch random.index(below: 8) {
                case 0: .gaveUp(client: client, round: 1)
                case 1: .tick
                default: .reportOffered(client: client, round: 1)
                }
            for action in harness.tell(event) {
                if case .accept(let client) = action { accepted.append(client) }
                if case .requireSum(_, let list) = action {
                    #expect(survivors == nil)
                    survivors = list
                }
            }
        }
        #expect(survivors == nil || survivors == accepted.sorted())
        #expect(Set(accepted).count == accepted.count)
    }
}

@Suite struct CohortSamplingTests {
    /// Floyd's algorithm draws every client equally often: 20,000 draws of 3 from 10; the count of each client is
    /// binomial with mean 6,000 and deviation 65; six deviations fail falsely with probability 2e-8.
    @Test func fixedSizeIsUniform() {
        var generator = SeededGenerator(seed: 3, purpose: .test)
        var counts = [Int](repeating: 0, count: 10)
        for _ in 0..<20_000 {
            let cohort = CohortSampling.fixedSize(3).draw(from: .roster(count: 10), using: &generator)
            #expect(cohort.count == 3 && Set(cohort).count == 3)
            for client in cohort { counts[client] += 1 }
        }
        #expect(counts.allSatisfy { abs($0 - 6_000) < 390 })
    }

    @Test func poissonIncludesEachWithItsProbability() {
        var generator = SeededGenerator(seed: 4, purpose: .test)
        var total = 0
        for _ in 0..<1_000 {
            total +=
                CohortSampling.poisson(probability: 0.3).draw(from: .roster(count: 100), using: &generator)
                .count
        }
        // Mean 30,000, deviation 145.
        #expect(abs(total - 30_000) < 900)
        #expect(
            CohortSampling.poisson(probability: 1).draw(from: .roster(count: 7), using: &generator).count == 7
        )
    }
}
