import Cryptography
import Encoding
import Federation
import Messages
import Notation
import SecureAggregation
import Synchronization
import Testing
import Transport

@testable import AggregationServer

/// Masked rounds without a server: members' messages go straight to the desk.
@Suite struct MaskedDeskTests {
    /// A member by name with a bare key, and its side of the round.
    private final class Member: RoundMember, Sendable {
        let key: Signature.PrivateKey
        let identity: MemberIdentity

        init(_ name: String) throws {
            key = try Signature.PrivateKey()
            identity = try MemberIdentity(name: name)
        }

        var credential: [UInt8] { key.publicKey.bytes }
        func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] { try key.sign(message) }
    }

    /// Believes the members' keys.
    private struct KnownKeys: MemberVerifier {
        let identities: [[UInt8]: MemberIdentity]

        func identity(provenBy credential: [UInt8], signature: [UInt8], message: [UInt8]) -> MemberIdentity? {
            guard let identity = identities[credential],
                let key = try? Signature.PublicKey(bytes: credential), key.isValid(signature, for: message)
            else { return nil }
            return identity
        }
    }

    private static let changes = [
        "task.privacy={mode:'distributed',clipping_norm:1,noise_multiplier:1}", "task.min_reports=3",
        "task.cohort_size=4",
        "task.secure_aggregation={estimated_dropout_rate:0.3,adversarial_client_rate:0.1}",
    ]

    /// The other thread: takes rounds where it is there, and does nothing with them.
    private final class OtherThread: Sendable {
        let isThere = Atomic<Bool>(false)
        let jobs = Mutex<[UnmaskingJob]>([])

        func take(_ job: UnmaskingJob) -> Bool {
            guard isThere.load(ordering: .relaxed) else { return false }
            jobs.withLock { $0.append(job) }
            return true
        }
    }

    private let run: DeskRun
    private let desk: MaskedDesk
    private let thread = OtherThread()
    private let members: [Member]
    private let verifier: KnownKeys

    init() throws {
        run = try DeskRun(Self.changes, agents: 4)
        members = try (0..<4).map { try Member("agent-\($0)") }
        let known = KnownKeys(
            identities: Dictionary(uniqueKeysWithValues: members.map { ($0.credential, $0.identity) }))
        verifier = known
        desk = MaskedDesk(
            run.context, rounds: run.rounds, books: run.books, roster: run.roster, verifier: { known },
            unmasks: { [thread] in thread.take($0) }, gone: { _ in })
    }

    private func begin() throws { desk.begin(try run.open([0, 1, 2, 3])) }

    /// A member's side of the open round.
    private func session(_ member: Member) throws -> MaskedMember {
        let (plan, state) = (run.context.plan, run.books.run)
        let binding = try plan.binding(
            run: state.run, round: 1,
            modelDigest: #require(Hexadecimal.bytes(of: state.modelSHA256, count: 32)),
            context: TaskPlan.maskingContext(
                taskDigest: #require(Hexadecimal.bytes(of: run.context.setup.taskDigest, count: 32)),
                population: state.population, seed: state.seed))
        var record = ParticipationRecord()
        return try MaskedMember(
            binding: binding,
            policy: AggregationPolicy(minimalSurvivors: 2, assumptions: binding.assumptions),
            member: member, verifier: verifier, participation: &record)
    }

    private func put(_ client: Int, _ content: MaskedMessage.Content, digest: String? = nil) throws
        -> OpenRequest
    {
        let request = try OpenRequest()
        let message = MaskedMessage(
            agent: DeskRun.agent(client), key: run.books.key(1), content: content,
            digest: digest ?? "digest-\(client)", bytes: 10, responder: request.responder)
        desk.take(message)
        return request
    }

    private func ask(_ client: Int, _ step: ProtocolStep, wait: Int = 0) throws -> OpenRequest {
        let request = try OpenRequest()
        desk.ask(
            MaskedQuestion(
                agent: DeskRun.agent(client), key: run.books.key(1), step: step, waitSeconds: wait,
                responder: request.responder))
        return request
    }

    /// Each member fetches what a step needs and answers it.
    private func play(_ step: ProtocolStep, _ sessions: [Int: MaskedMember]) throws {
        for (client, session) in sessions.sorted(by: { $0.key < $1.key }) {
            let needed = step == .keys ? [] : try ask(client, step).body
            if step == .masked {
                var report = run.vector(client)
                try session.mask(&report, delivery: needed)
                #expect(try put(client, .report(report)).status == 202)
            } else {
                let answer = try put(client, .step(step, session.answer(step, to: needed)))
                #expect(answer.status == 202, "\(client) \(step): \(answer.word ?? "")")
            }
        }
        desk.drive()
    }

    /// All that are in the masked sum, one of whom never shares, come out as their plain sum.
    @Test func theMaskedSumIsThePlainSum() throws {
        #expect(!desk.isOpen && desk.deadline == nil && desk.memberCount == nil)
        try begin()
        #expect(desk.isOpen && desk.takesKeys && !desk.takesReports && run.fixture.boardChanges == 1)
        #expect(desk.members == [run.books.key(1): ["agent-0", "agent-1", "agent-2", "agent-3"]])
        var sessions: [Int: MaskedMember] = [:]
        for (client, member) in members.enumerated() { sessions[client] = try session(member) }
        try play(.keys, sessions)
        #expect(!desk.takesKeys && desk.memberCount == 4)
        try play(.shares, sessions)
        #expect(desk.takesReports)
        try play(.masked, sessions)
        #expect(run.rounds.file?.reports.count == 4 && run.rounds.file?.bytesUp == 120)
        try #require(run.rounds.nextStep == .requireCharge(round: 1))
        run.rounds.finishStep(.charged)
        #expect(run.rounds.nextStep == .requireSum(round: 1, survivors: [0, 1, 2, 3]))
        desk.closeReports()
        #expect(desk.waitsForShares && desk.outcome == nil)
        try play(.consistency, sessions)
        sessions[3] = nil
        try play(.unmask, sessions)
        guard case .sums(let sums, survivors: 4)? = desk.outcome, let sum = sums.first else {
            Issue.record("no sum: \(String(describing: desk.outcome))")
            return
        }
        var plain = run.vector(0)
        for client in 1...3 { plain.add(run.vector(client)) }
        #expect(sum == plain && !desk.waitsForShares && desk.deadline == nil)
    }

    /// Masks are removed elsewhere: what comes meanwhile is heard afterwards, and nothing is opened twice.
    @Test(arguments: [true, false]) func membersAreHeardAfterMasksAreRemoved(_ isEnded: Bool) throws {
        thread.isThere.store(true, ordering: .relaxed)
        try begin()
        var sessions: [Int: MaskedMember] = [:]
        for (client, member) in members.enumerated() { sessions[client] = try session(member) }
        for step in [ProtocolStep.keys, .shares, .masked] { try play(step, sessions) }
        run.rounds.finishStep(.charged)
        desk.closeReports()
        try play(.consistency, sessions)
        let late = try #require(sessions[3])
        sessions[3] = nil
        try play(.unmask, sessions)
        let job = try #require(thread.jobs.withLock { $0.first })
        #expect(desk.outcome == nil && desk.waitsForShares && desk.deadline == nil)
        let needed = try ask(3, .unmask)
        #expect(needed.status == 200)
        let answer = try put(3, .step(.unmask, late.answer(.unmask, to: needed.body)))
        #expect(answer.status == nil)
        #expect(desk.leave(DeskRun.agent(2), run.books.key(1)))
        run.clock.now += 1000
        desk.drive()
        #expect(thread.jobs.withLock { $0.count } == 1)
        if isEnded {
            desk.end()
            #expect(answer.word == "round_closed")
            desk.take(job.run())
            #expect(desk.outcome == nil && !desk.isOpen)
            return
        }
        desk.take(job.run())
        guard case .sums(let sums, survivors: 4)? = desk.outcome, let sum = sums.first else {
            Issue.record("no sum: \(String(describing: desk.outcome))")
            return
        }
        var plain = run.vector(0)
        for client in 1...3 { plain.add(run.vector(client)) }
        #expect(sum == plain && answer.status != nil)
    }

    @Test func aMessageCountsOnce() throws {
        try begin()
        let session = try session(members[0])
        let keys = try session.answer(.keys, to: [])
        #expect(try put(0, .step(.keys, keys)).status == 202)
        #expect(try put(0, .step(.keys, keys)).status == 200)
        #expect(try put(0, .step(.keys, keys), digest: "other").word == "duplicate")
        #expect(try put(1, .step(.shares, [])).word == "wrong_step")
        #expect(try put(1, .step(.keys, [1, 2, 3])).word == "refused")
        desk.end()
        #expect(try put(0, .step(.keys, keys)).status == 200, "remembered for who missed the answer")
        #expect(try put(1, .step(.keys, keys)).word == "round_closed")
        #expect(desk.members == [run.books.key(1): ["agent-0"]])
    }

    @Test func questionsWaitForTheirStep() throws {
        try begin()
        #expect(try ask(0, .shares).status == 204)
        let (short, long) = (try ask(0, .shares, wait: 2), try ask(1, .shares, wait: 50))
        run.clock.now += 2
        desk.expireHolds()
        #expect(short.status == 204 && long.status == nil)
        desk.end()
        #expect(long.status == 409 && long.word == "round_closed")
        #expect(try ask(0, .shares).word == "round_closed")
    }

    @Test func membersThatNeverCameAreDropOuts() throws {
        try begin()
        for client in 0...2 {
            _ = try put(client, .step(.keys, session(members[client]).answer(.keys, to: [])))
        }
        desk.drive()
        #expect(desk.takesKeys)
        run.clock.now += 15
        desk.drive()
        #expect(!desk.takesKeys && desk.memberCount == 3)
        #expect(run.rounds.gaveUpCount == 1 && run.rounds.file?.failures == ["dropped": 1])
        #expect(run.roster.view(of: 3)?.lastOutcome == "dropped")
    }

    /// A member that is gone costs a step no more than a quarter of its time once the others are there.
    @Test func aStepDoesNotWaitForItsDeadlineForOneThatIsGone() throws {
        try begin()
        var sessions: [Int: MaskedMember] = [:]
        for (client, member) in members.enumerated() { sessions[client] = try session(member) }
        try play(.keys, sessions)
        let whole = try #require(desk.deadline)
        sessions[3] = nil
        try play(.shares, sessions)
        let soon = try #require(desk.deadline)
        #expect(soon < whole && soon > run.context.instant && !desk.takesReports)
        run.clock.now = soon.seconds + 0.001
        desk.drive()
        #expect(desk.takesReports && run.rounds.file?.failures == ["dropped": 1])
    }

    @Test func aMemberThatLeavesIsNotWaitedFor() throws {
        try begin()
        #expect(desk.leave(DeskRun.agent(3), run.books.key(1)))
        #expect(!desk.leave(DeskRun.agent(3), run.books.key(2)))
        #expect(!desk.leave(DeskRun.agent(9), run.books.key(1)))
        for client in 0...2 {
            _ = try put(client, .step(.keys, session(members[client]).answer(.keys, to: [])))
        }
        desk.drive()
        #expect(desk.memberCount == 3)
    }

    @Test func tooFewMembersLoseTheRound() throws {
        try begin()
        _ = try put(0, .step(.keys, session(members[0]).answer(.keys, to: [])))
        run.clock.now += 15
        desk.drive()
        guard case .lost? = desk.outcome, case .abandoned(1, .failed(let reason))? = run.rounds.nextStep
        else {
            Issue.record("\(String(describing: desk.outcome)), \(String(describing: run.rounds.nextStep))")
            return
        }
        #expect(reason.hasPrefix("secure aggregation: "))
        #expect(desk.deadline == nil && !desk.takesKeys)
    }

    @Test func aRoundThatCannotBeMaskedIsAbandoned() throws {
        struct NoFiles: Error {}
        let desk = MaskedDesk(
            run.context, rounds: run.rounds, books: run.books, roster: run.roster,
            verifier: { throw NoFiles() }, gone: { _ in })
        desk.begin(try run.open([0, 1, 2, 3]))
        #expect(!desk.isOpen)
        guard case .abandoned? = run.rounds.nextStep else {
            Issue.record("\(String(describing: run.rounds.nextStep))")
            return
        }
        #expect(try run.fixture.messages.contains("the round cannot be masked"))
    }
}
