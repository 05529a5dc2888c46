import Compute
import Federation
import Privacy
import Testing

/// Steps an engine over a clock of its own.
private struct Harness {
    var engine: RoundEngine
    var generator = SeededGenerator(seed: 1, purpose: .test)
    var now = Instant(seconds: 0)

    init(_ rules: RoundEngine.Rules) { engine = RoundEngine(rules: rules) }

    /// Opens a round and returns its cohort; empty where none opened.
    mutating func open(_ candidates: Candidates) -> [Int] {
        guard case .invited(let invitation, _) = verdict(candidates) else { return [] }
        return invitation.clients
    }

    mutating func verdict(_ candidates: Candidates) -> OpeningVerdict {
        engine.open(candidates, at: now, using: &generator)
    }

    /// A report of the open round.
    mutating func offer(_ client: Int, round: Int? = nil) -> ReportVerdict {
        engine.offer(client: client, round: round ?? engine.round, at: now)
    }

    mutating func giveUp(_ client: Int, round: Int? = nil) -> FailureVerdict {
        engine.giveUp(client: client, round: round ?? engine.round, at: now)
    }

    /// Reports of all of them; the actions of the last.
    mutating func offer(all clients: [Int]) -> [RoundAction] {
        var last: [RoundAction] = []
        for client in clients {
            guard case .accepted(let then) = offer(client) else { continue }
            last = then
        }
        return last
    }

    /// Walks from the sum to the published model.
    mutating func publish() -> [RoundAction] {
        for event in [RoundEvent.summed, .charged, .noised, .settled] { _ = engine.handle(event) }
        return engine.handle(.published)
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
        for client in cohort.dropLast() { #expect(harness.offer(client) == .accepted(then: [])) }
        let last = harness.offer(cohort[3])
        #expect(last == .accepted(then: [.requireSum(round: 1, survivors: cohort.sorted())]))
        #expect(harness.engine.handle(.summed) == [.requireCharge(round: 1)])
        #expect(harness.engine.handle(.charged) == [.requireNoise(round: 1)])
        #expect(harness.engine.handle(.noised) == [.requireSettlement(round: 1, survivors: 4)])
        #expect(harness.engine.handle(.settled) == [.requirePublication(round: 1)])
        #expect(harness.engine.handle(.published).isEmpty)
        #expect(harness.engine.phase == .idle && harness.engine.published == 1)
    }

    @Test(arguments: [RoundEvent.charged, .noised, .settled, .published])
    func nothingIsReleasedOutOfOrder(event: RoundEvent) {
        var harness = Harness(rules())
        let cohort = harness.open(.roster(count: 4))
        #expect(!harness.offer(all: cohort).isEmpty)
        #expect(harness.engine.handle(event).isEmpty)
        harness.now = Instant(seconds: 99)
        #expect(harness.engine.tick(at: harness.now).isEmpty)
        #expect(harness.engine.phase == .summing)
    }

    /// Each refusal is what the question said before, and leaves the engine as it was.
    @Test func refusesWhatIsNotExpected() {
        var harness = Harness(rules(cohort: 3))
        #expect(harness.open(.present([2, 5, 9])) == [2, 5, 9])
        func refuses(_ client: Int, round: Int = 1, _ reason: ReportRefusal, _ line: Int = #line) {
            let before = (harness.engine.acceptedCount, harness.engine.gaveUpCount, harness.engine.phase)
            #expect(
                harness.engine.refusal(client: client, round: round, at: harness.now) == reason, "\(line)")
            #expect(harness.offer(client, round: round) == .refused(reason), "\(line)")
            #expect(harness.giveUp(client, round: round) == .refused(reason), "\(line)")
            let after = (harness.engine.acceptedCount, harness.engine.gaveUpCount, harness.engine.phase)
            #expect(before == after, "\(line)")
        }
        refuses(3, .notInvited)
        refuses(2, round: 7, .wrongRound)
        refuses(2, round: 0, .wrongRound)
        #expect(harness.offer(2) == .accepted(then: []))
        refuses(2, .duplicate)
        #expect(harness.giveUp(5) == .noted(then: []))
        refuses(5, .gaveUp)
        // From the deadline on nothing counts, whether or not the engine has been told that it has come.
        harness.now = Instant(seconds: 10)
        refuses(9, .closed)
        harness.now = Instant(seconds: 9)
        #expect(harness.offer(9) == .accepted(then: [.requireSum(round: 1, survivors: [2, 9])]))
        refuses(2, .duplicate)
    }

    @Test func closesAtItsTarget() {
        var harness = Harness(rules(target: 2))
        let cohort = harness.open(.roster(count: 10))
        #expect(!harness.offer(all: Array(cohort[..<2])).isEmpty)
        #expect(harness.engine.phase == .summing)
        #expect(harness.offer(cohort[2]) == .refused(.closed))
    }

    @Test func abandonsBelowItsMinimumAndNeverReusesTheNumber() {
        var harness = Harness(rules())
        let cohort = harness.open(.roster(count: 4))
        #expect(harness.offer(cohort[0]) == .accepted(then: []))
        #expect(harness.engine.tick(at: harness.now).isEmpty)
        harness.now = Instant(seconds: 10)
        #expect(
            harness.engine.tick(at: harness.now)
                == [.abandoned(round: 1, .tooFewReports(received: 1, required: 2))])
        #expect(!harness.open(.roster(count: 4)).isEmpty)
        #expect(harness.engine.round == 2)
    }

    @Test func endsAfterTooManyAbandonedRounds() {
        var harness = Harness(rules())
        #expect(harness.open(.roster(count: 1)).isEmpty)
        guard case .declined(let then) = harness.verdict(.roster(count: 0)) else {
            Issue.record("a round of nobody was opened")
            return
        }
        #expect(then.last == .finished(.abandonedTooOften))
    }

    /// A deployed run does not end then: it is stalled until a round is published.
    @Test func stallsInsteadWhereItMayHeal() {
        var rules = rules()
        rules.stalls = true
        var harness = Harness(rules)
        for attempt in 1...5 {
            #expect(harness.open(.roster(count: 1)).isEmpty)
            #expect(harness.engine.isStalled == (attempt >= 2))
            #expect(harness.engine.phase == .idle && harness.engine.abandonedInARow == attempt)
        }
        #expect(!harness.offer(all: harness.open(.roster(count: 4))).isEmpty)
        #expect(harness.engine.isStalled)
        #expect(harness.publish().isEmpty)
        #expect(!harness.engine.isStalled && harness.engine.abandonedInARow == 0)
    }

    @Test func aFailureAfterTheChargeKeepsTheCharge() {
        var harness = Harness(rules(affordable: 2))
        for round in 1...2 {
            #expect(!harness.offer(all: harness.open(.roster(count: 4))).isEmpty)
            for event in [RoundEvent.summed, .charged] { _ = harness.engine.handle(event) }
            let actions = harness.engine.handle(.failed("disk full"))
            #expect(actions.first == .abandoned(round: round, .failed("disk full")))
        }
        #expect(harness.engine.published == 0 && harness.engine.charged == 2)
        #expect(harness.engine.phase == .finished)
    }

    @Test func stopsAtTheBudgetAndOnRequest() {
        var harness = Harness(rules(rounds: 9, affordable: 1))
        #expect(!harness.offer(all: harness.open(.roster(count: 4))).isEmpty)
        #expect(harness.publish() == [.finished(.budget)])

        var stopped = Harness(rules())
        let invited = stopped.open(.roster(count: 4))
        #expect(stopped.engine.handle(.stop(.stopped)).isEmpty)
        #expect(!stopped.offer(all: invited).isEmpty)
        #expect(stopped.publish() == [.finished(.stopped)])
        #expect(stopped.verdict(.roster(count: 4)) == .declined(then: []))
    }

    /// Plays a whole round and returns its cohort; nobody drops out.
    private func play(_ harness: inout Harness, _ candidates: Candidates) -> [Int] {
        let cohort = harness.open(candidates)
        #expect(!harness.offer(all: cohort).isEmpty)
        _ = harness.publish()
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

    /// Over any number of rounds, restarts and rounds that fail nobody is in two sums that are too near, or in too many.
    @Test(arguments: [(1, nil), (3, nil), (3, 4), (2, 5)] as [(Int, Int?)])
    func aPatternHoldsOverTheWholeRun(separation: Int, most: Int?) {
        var rules = rules(rounds: 12)
        rules.pattern = ParticipationPattern(rounds: 12, separation: separation, participations: most)
        rules.affordableRounds = 12
        rules.abandonLimit = 100
        let pattern = rules.pattern ?? ParticipationPattern(rounds: 1, separation: 1)
        var harness = Harness(rules)
        var sums: [[Int]] = []
        for attempt in 1...30 where sums.count < 12 {
            let cohort = harness.open(.roster(count: 16))
            #expect(cohort.allSatisfy(harness.engine.mayTakePart))
            guard !cohort.isEmpty else { continue }
            #expect(!harness.offer(all: cohort).isEmpty)
            switch attempt % 5 {
            case 1:
                // Abandoned before its charge: nobody was in it.
                _ = harness.engine.handle(.failed("disk full"))
            case 3:
                for event in [RoundEvent.summed, .charged, .failed("disk full")] {
                    _ = harness.engine.handle(event)
                }
                sums.append(cohort)
            default:
                _ = harness.publish()
                sums.append(cohort)
            }
            harness.engine = RoundEngine(
                rules: rules, round: harness.engine.round, published: harness.engine.published,
                charged: harness.engine.charged, attendance: harness.engine.attendance)
        }
        #expect(sums.count == 12 && harness.engine.charged == 12)
        for client in 0..<16 {
            let rounds = sums.indices.filter { sums[$0].contains(client) }
            #expect(rounds.count <= pattern.participations)
            #expect(zip(rounds, rounds.dropFirst()).allSatisfy { $1 - $0 >= separation })
        }
        // Nothing opens beyond the rounds that noise is for.
        #expect(harness.open(.roster(count: 16)).isEmpty)
        #expect((0..<16).allSatisfy { !harness.engine.mayTakePart($0) })
    }

    @Test func aWindowCountsWhoWasInAChargedSumOnly() {
        var rules = rules(cohort: 3)
        rules.participationWindow = 2
        rules.abandonLimit = 9
        var harness = Harness(rules)
        // A round that is abandoned before its charge released nothing and uses nobody up.
        let first = harness.open(.roster(count: 6))
        for client in first[..<2] { #expect(harness.giveUp(client) == .noted(then: [])) }
        #expect(!harness.offer(all: [first[2]]).isEmpty)
        #expect(first.allSatisfy(harness.engine.mayTakePart))
        // One whose charge was written does, even when it fails after that.
        let second = harness.open(.roster(count: 6))
        #expect(!harness.offer(all: second).isEmpty)
        for event in [RoundEvent.summed, .charged, .failed("disk full")] { _ = harness.engine.handle(event) }
        #expect(!second.contains(where: harness.engine.mayTakePart))
        let third = play(&harness, .roster(count: 6))
        #expect(Set(second).isDisjoint(with: third))
        #expect((0..<6).allSatisfy(harness.engine.mayTakePart))
    }

    /// Where nothing is claimed of sampling nobody need wait.
    @Test func anEmptyPoissonCohortReleasesNoiseAlone() {
        var harness = Harness(
            RoundEngine.Rules(
                rounds: 1, sampling: .poisson(probability: 0), target: nil, minimumReports: 0,
                deadlineSeconds: 1))
        guard case .invited(let invitation, let then) = harness.verdict(.roster(count: 5)) else {
            Issue.record("no round was opened")
            return
        }
        #expect(invitation.clients.isEmpty && invitation.publication == nil)
        #expect(then == [.requireSum(round: 1, survivors: [])])
    }

    /// A round that is taken up again has the reports that were accepted, and of those only the invited.
    @Test(arguments: [false, true]) func aResumedRoundGoesOn(isClosed: Bool) {
        var harness = Harness(rules())
        let invitation = Invitation(
            clients: [1, 2, 3, 4], round: 7, opened: Instant(seconds: 0), deadline: Instant(seconds: 10),
            publication: nil)
        harness.now = Instant(seconds: 20)
        let actions = harness.engine.resume(
            ResumedRound(invitation, accepted: [4, 1, 9], isClosed: isClosed))
        let sum = [RoundAction.requireSum(round: 7, survivors: [1, 4])]
        #expect(actions == (isClosed ? sum : []))
        #expect(harness.engine.round == 7 && harness.engine.acceptedCount == 2)
        #expect(harness.offer(2) == .refused(.closed))
        #expect(harness.engine.tick(at: harness.now) == (isClosed ? [] : sum))
    }

    /// Whatever arrives in whatever order: every accepted client is in the survivors exactly once, nobody else is.
    @Test(arguments: 0..<50)
    func survivorsAreExactlyTheAccepted(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed), purpose: .test)
        var harness = Harness(rules(cohort: 12, target: seed % 2 == 0 ? 7 : nil, minimum: 1))
        if seed % 3 == 0 { harness.engine = RoundEngine(rules: scheduled(minimum: 1, cohort: 12)) }
        _ = harness.open(.roster(count: 20))
        var accepted: [Int] = []
        var survivors: [Int]?
        for _ in 0..<200 {
            let client = random.index(below: 22)
            harness.now = harness.now.advanced(bySeconds: 0.06)
            var actions: [RoundAction] = []
            switch random.index(below: 8) {
            case 0:
                if case .noted(let then) = harness.giveUp(client) { actions = then }
            case 1: actions = harness.engine.tick(at: harness.now)
            default:
                let expected = harness.engine.refusal(client: client, round: 1, at: harness.now)
                switch harness.offer(client) {
                case .accepted(let then):
                    #expect(expected == nil)
                    accepted.append(client)
                    actions = then
                case .refused(let reason): #expect(reason == expected)
                }
            }
            for case .requireSum(_, let list) in actions {
                #expect(survivors == nil)
                survivors = list
            }
        }
        #expect(survivors == nil || survivors == accepted.sorted())
        #expect(Set(accepted).count == accepted.count)
        #expect(harness.engine.phase != .collecting, "the deadline is over")
    }
}

private func scheduled(minimum: Int = 2, cohort: Int = 4, masks: Bool = false) -> RoundEngine.Rules {
    var rules = rules(rounds: 9, cohort: cohort, minimum: minimum)
    rules.schedule = RoundSchedule(reportDeadline: 10, masksReports: masks)
    return rules
}

/// Where amplification by sampling is claimed, nothing that members do moves a round in time.
@Suite struct RoundScheduleTests {
    /// What a cohort may do to be fast, slow or lost.
    enum Behaviour: CaseIterable { case prompt, givesUp, silent, lost }

    @Test(arguments: Behaviour.allCases) func aRoundClosesAtItsDeadlineOnly(behaviour: Behaviour) {
        var harness = Harness(scheduled())
        harness.now = Instant(seconds: 3)
        guard case .invited(let invitation, let then) = harness.verdict(.roster(count: 9)) else {
            Issue.record("no round was opened")
            return
        }
        #expect(then.isEmpty && invitation.publication == Instant(seconds: 15.5))
        for client in invitation.clients {
            switch behaviour {
            case .prompt: #expect(harness.offer(client) == .accepted(then: []))
            case .givesUp: #expect(harness.giveUp(client) == .noted(then: []))
            case .silent: break
            case .lost: #expect(harness.engine.handle(.failed("a step")).isEmpty)
            }
        }
        harness.now = Instant(seconds: 12.999)
        #expect(harness.engine.tick(at: harness.now).isEmpty)
        harness.now = Instant(seconds: 13)
        let actions = harness.engine.tick(at: harness.now)
        switch behaviour {
        case .prompt: #expect(actions == [.requireSum(round: 1, survivors: invitation.clients)])
        case .lost: #expect(actions == [.abandoned(round: 1, .failed("a step"))])
        case .givesUp, .silent:
            #expect(actions == [.abandoned(round: 1, .tooFewReports(received: 0, required: 2))])
        }
    }

    /// A draw that is empty, or too small to release anything, is waited for like others.
    @Test(arguments: [0, 3]) func anEmptyCohortWaitsLikeOthers(minimum: Int) {
        var rules = scheduled(minimum: minimum)
        rules.sampling = .poisson(probability: 0)
        var harness = Harness(rules)
        #expect(harness.open(.roster(count: 9)).isEmpty)
        #expect(harness.engine.phase == .collecting)
        #expect(harness.engine.tick(at: Instant(seconds: 9.9)).isEmpty)
        let actions = harness.engine.tick(at: Instant(seconds: 10))
        #expect(
            actions
                == (minimum == 0
                    ? [.requireSum(round: 1, survivors: [])]
                    : [.abandoned(round: 1, .tooFewReports(received: 0, required: 3))]))
    }

    /// Times of damaged files and of absurd plans neither trap nor wrap.
    @Test func timesBeyondReasonStayInOrder() {
        for seconds in [1e30, Double.greatestFiniteMagnitude, .infinity] {
            let late = Instant(seconds: seconds)
            #expect(late > Instant(seconds: 2e9) && late.advanced(bySeconds: seconds) >= late)
            #expect(Instant(seconds: -seconds) < Instant(seconds: 0))
        }
        #expect(Instant(nanoseconds: .max).advanced(bySeconds: 1) == Instant(nanoseconds: .max))
        #expect(Instant(seconds: 1.5).advanced(bySeconds: -0.5) == Instant(seconds: 1))
    }

    @Test func whatIsLateMovesOnByWholeQuanta() {
        let schedule = RoundSchedule(reportDeadline: 8, masksReports: false)
        #expect(schedule.publicationSeconds == 10 && schedule.quantum == 2)
        #expect(RoundSchedule(reportDeadline: 8, masksReports: true).publicationSeconds == 14)
        #expect(RoundSchedule(reportDeadline: 2, masksReports: true).publicationSeconds == 4)
        let planned = Instant(seconds: 100)
        for (now, expected) in [(0.0, 100.0), (100, 100), (100.001, 102), (102, 102), (109.5, 110)] {
            #expect(
                schedule.instant(planned, notBefore: Instant(seconds: now)) == Instant(seconds: expected))
        }
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
