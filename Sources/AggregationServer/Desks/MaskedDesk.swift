internal import Encoding
internal import Federation
internal import HTTPWire
internal import Messages
internal import Notation
internal import Operations
internal import SecureAggregation
internal import Transport

/// Masked rounds: the steps of secure aggregation beside the engine's phases. The engine collects while members
/// exchange keys and shares and send their masked reports; its demand for the sum waits until members have signed
/// the survivors and given their shares.
///
/// All of it is in memory only: a server that is killed before the noisy sum is durable abandons the round, and what was
/// masked stays masked.
final class MaskedDesk {
    private let context: DeskContext
    private let rounds: RoundDesk
    private let books: BookDesk
    private let roster: RosterDesk
    private let verifier: () throws -> any MemberVerifier
    private let unmasks: (UnmaskingJob) -> Bool
    private let gone: @Sendable (UInt64) -> Void
    /// Secure aggregation of the open round, and what is remembered of the last.
    private var masking: MaskedRoundState?
    private var ended: EndedMaskedRound?
    private var nextHold: UInt64 = 0

    /// A desk without a masked round. `verifier` says whose keys count, as it stands when a round opens; `unmasks` removes
    /// masks on another thread, for ``take(_:)-(Unmasked)``, or says that it will not, as by default; `gone` is told,
    /// on any thread, of a held question whose client has left, for ``forget(_:)``.
    init(
        _ context: DeskContext, rounds: RoundDesk, books: BookDesk, roster: RosterDesk,
        verifier: @escaping () throws -> any MemberVerifier,
        unmasks: @escaping (UnmaskingJob) -> Bool = { _ in false },
        gone: @escaping @Sendable (UInt64) -> Void
    ) {
        self.context = context
        self.rounds = rounds
        self.books = books
        self.roster = roster
        self.verifier = verifier
        self.unmasks = unmasks
        self.gone = gone
    }

    // MARK: Questions, which change nothing

    /// Whether the open round is masked and under way.
    var isOpen: Bool { masking != nil }

    /// How the open round came out of the protocol; nil while it goes on, and where there is none.
    var outcome: MaskedRoundState.Outcome? { masking?.outcome }

    /// Members of the open round's roster; nil where it is not masked.
    var memberCount: Int? { masking?.groups.memberCount }

    /// Whether agents can still become members: whoever has no keys when that step ends cannot be in the round.
    var takesKeys: Bool { masking?.outcome == nil && masking?.groups.takes(.keys) == true }

    /// Whether masked reports are taken, and the protocol goes on.
    var takesReports: Bool { masking?.outcome == nil && masking?.groups.takes(.masked) == true }

    /// Whether the round waits for its members to sign and unmask.
    var waitsForShares: Bool {
        guard let masking else { return false }
        return masking.outcome == nil && masking.groups.step > .masked
    }

    /// When the step under way ends at the latest; nil where none is.
    var deadline: Instant? {
        guard let masking, masking.outcome == nil, !masking.isOpening else { return nil }
        return masking.groups.deadline
    }

    /// Names of those that may have business with a masked round: members of the open one, and those of the last that
    /// sent messages.
    var members: [RoundKey: Set<String>] {
        var members: [RoundKey: Set<String>] = [:]
        if let ended { members[ended.key] = Set(ended.taken.values.joined().map(\.key)) }
        if let masking { members[masking.key] = Set(masking.identities.keys) }
        return members
    }

    // MARK: Beginning and end

    /// Opens secure aggregation for a round whose file is durable; a round that cannot be masked is abandoned.
    func begin(_ file: RoundFile) {
        do {
            masking = try opened(file)
            context.boardChanged()
        } catch {
            context.log.error("the round cannot be masked", ["error": .text("\(error)")])
            rounds.fail("secure aggregation: \(error)")
        }
    }

    private func opened(_ file: RoundFile) throws -> MaskedRoundState {
        let (plan, run) = (context.plan, books.run)
        var identities: [String: MemberIdentity] = [:]
        var places: [MemberIdentity: Int] = [:]
        for client in file.invited {
            // Under a roster all are invited, also those that never came: their names are known.
            guard let name = roster.name(of: client) else {
                throw Failure(.internalFault, "client \(client) has no name")
            }
            let identity = try MemberIdentity(name: name)
            identities[name] = identity
            places[identity] = client
        }
        guard let model = Hexadecimal.bytes(of: run.modelSHA256, count: 32),
            let task = Hexadecimal.bytes(of: context.setup.taskDigest, count: 32)
        else { throw Failure(.internalFault, "a digest is not one") }
        let binding = try plan.binding(
            run: run.run, round: file.round, modelDigest: model,
            context: TaskPlan.maskingContext(taskDigest: task, population: run.population, seed: run.seed))
        let members = Dictionary(uniqueKeysWithValues: places.map { ($0.value, $0.key) })
        let groups = MaskedGroups(
            binding: binding, verifier: try verifier(),
            groups: GroupedRound(plan).groups(of: file.invited, seed: run.seed, round: file.round).map {
                $0.compactMap { members[$0] }
            }, opened: Instant(seconds: file.opened), collectionDeadline: Instant(seconds: file.deadline),
            isScheduled: plan.rules.schedule != nil)
        return MaskedRoundState(
            key: books.key(file.round), groups: groups, identities: identities, places: places)
    }

    /// Ends secure aggregation: its secrets go, and nobody waits any more.
    func end() {
        guard let masking else { return }
        for case .message(let message) in masking.postponed { message.responder.respond(Self.roundClosed) }
        self.masking = nil
        ended = EndedMaskedRound(key: masking.key, taken: masking.taken)
        for hold in masking.holds.values { hold.question.responder.respond(Self.roundClosed) }
    }

    private static var roundClosed: HTTPResponse {
        .refusal(409, "round_closed", ReportRefusal.closed.rawValue)
    }

    // MARK: Messages

    /// Takes a member's message; the same bytes again are answered 200 and change nothing.
    func take(_ message: MaskedMessage) {
        let name = message.agent.name
        let known =
            masking?.key == message.key
            ? masking?.taken[message.step]?[name]
            : ended?.key == message.key ? ended?.taken[message.step]?[name] : nil
        if let known {
            message.responder.respond(
                known == message.digest
                    ? receipt(200, message)
                    : .refusal(409, "duplicate", "another message of this step was accepted before"))
            return
        }
        guard let identity = masking?.identities[name], masking?.key == message.key,
            masking?.outcome == nil
        else {
            message.responder.respond(Self.roundClosed)
            return
        }
        if masking?.isOpening == true {
            masking?.postpone(message) { $0.responder.respond(Self.roundClosed) }
            return
        }
        do {
            switch message.content {
            case .step(let step, let bytes):
                try masking?.groups.receive(step, bytes, from: identity, at: context.instant)
            case .report(let report): try add(report, of: identity, message)
            }
        } catch {
            let refusal = Self.refusal(error)
            context.log.info(
                "message refused",
                [
                    "agent": .text(name), "step": .text(message.step.rawValue), "error": .text("\(error)"),
                ])
            message.responder.respond(refusal)
            return
        }
        masking?.taken[message.step, default: [:]][name] = message.digest
        rounds.noteBytes(up: message.bytes)
        context.metrics.bytesUp.increment(by: Double(message.bytes))
        context.log.debug(
            "message taken",
            [
                "round": .integer(message.key.round), "step": .text(message.step.rawValue),
                "agent": .text(name),
            ])
        message.responder.respond(receipt(202, message))
    }

    /// Adds a masked report to the sum, if the engine would have it: what is in the masked sum can never be taken out.
    private func add(_ report: RingVector, of identity: MemberIdentity, _ message: MaskedMessage) throws {
        guard let client = masking?.places[identity] else { throw SecureAggregationError.unknownMember }
        let (moment, number) = (context.instant, message.key.round)
        if let refusal = rounds.refusal(of: client, round: number, at: moment) { throw Self.error(refusal) }
        try masking?.groups.receive(report: report, from: identity)
        if let reason = rounds.offer(client, round: number, at: moment) {
            // It was asked a moment ago; should it refuse all the same, the sum is not what it counts.
            lose("a report is in the sum that does not count")
            throw Self.error(reason)
        }
        rounds.noteReport(of: client, digest: message.digest)
        roster.noteReport(of: client, at: context.now)
        context.metrics.reports.increment(labels: ["accepted"])
        context.statusChanged()
    }

    private static func error(_ refusal: ReportRefusal) -> SecureAggregationError {
        switch refusal {
        case .duplicate: .repeatedMessage
        case .notInvited, .wrongRound, .closed, .gaveUp, .tooStale: .unknownMember
        }
    }

    private func receipt(_ status: Int, _ message: MaskedMessage) -> HTTPResponse {
        let receipt = UpdateReceipt(
            run: books.run.run, round: message.key.round, sha256: message.digest)
        return .json(status, (try? receipt.encoded()) ?? [])
    }

    private static func refusal(_ error: any Error) -> HTTPResponse {
        switch error as? SecureAggregationError {
        case .wrongStep: .refusal(409, "wrong_step", "\(error)")
        case .unknownMember: .refusal(409, "not_in_step", "this agent is not in this step of the round")
        case .repeatedMessage: .refusal(409, "duplicate", "\(error)")
        default: .refusal(422, "refused", "\(error)")
        }
    }

    /// Answers a question now, or keeps it until its step comes.
    func ask(_ question: MaskedQuestion) {
        guard let identity = masking?.identities[question.agent.name], masking?.key == question.key else {
            question.responder.respond(Self.roundClosed)
            return
        }
        if answer(question, identity) { return }
        guard question.waitSeconds > 0 else {
            question.responder.respond(HTTPResponse(204))
            return
        }
        nextHold += 1
        let hold = nextHold
        masking?.holds[hold] = .init(
            question: question, identity: identity, expires: context.now + Double(question.waitSeconds))
        question.responder.onDisconnect { [gone] in gone(hold) }
    }

    /// The client of a held question has gone.
    func forget(_ hold: UInt64) { masking?.holds[hold] = nil }

    /// Whether the question has its answer.
    private func answer(_ question: MaskedQuestion, _ identity: MemberIdentity) -> Bool {
        do {
            guard let bytes = try masking?.groups.message(question.step, for: identity) else {
                return false
            }
            rounds.noteBytes(down: bytes.count)
            question.responder.respond(
                HTTPResponse(
                    200, headers: ["Content-Type": "application/octet-stream", "Cache-Control": "no-store"],
                    body: .bytes(bytes)))
        } catch {
            question.responder.respond(Self.refusal(error))
        }
        return true
    }

    private func answerHolds() {
        guard let holds = masking?.holds else { return }
        for (hold, waiting) in holds where answer(waiting.question, waiting.identity) {
            masking?.holds[hold] = nil
        }
    }

    /// Sends those away who have waited long enough; they ask again.
    func expireHolds() {
        let now = context.now
        for (hold, waiting) in masking?.holds ?? [:] where waiting.expires <= now {
            masking?.holds[hold] = nil
            waiting.question.responder.respond(HTTPResponse(204))
        }
    }

    /// A member gives up: no step waits for it any more. Returns whether it was in a masked round.
    func leave(_ agent: AgentIdentity, _ key: RoundKey) -> Bool {
        guard let identity = masking?.identities[agent.name], masking?.key == key else { return false }
        if masking?.isOpening == true {
            masking?.postponed.append(.leaving(identity))
        } else {
            masking?.groups.leave(identity)
        }
        return true
    }

    // MARK: Steps

    /// Ends steps that are complete or late, and opens the sum when it can be opened.
    func drive() {
        guard masking?.isOpening != true else { return }
        while masking?.outcome == nil, masking?.groups.isDue(at: context.instant) == true {
            do {
                guard let step = masking?.groups.step,
                    let missing = try masking?.groups.closeSteps(at: context.instant)
                else { return }
                noteStep(step, missing: missing.count)
                if rounds.phase == .collecting { giveUp(missing) }
                answerHolds()
            } catch {
                lose("\(error)")
            }
        }
        guard masking?.outcome == nil, masking?.groups.canOpen(at: context.instant) == true else {
            return
        }
        guard let masking else { return }
        let job = UnmaskingJob(key: masking.key, groups: masking.groups, moment: context.instant)
        if unmasks(job) {
            self.masking?.isOpening = true
        } else {
            take(job.run())
        }
    }

    /// Ends the step of masked reports: whose are in the sum has survived, durably.
    func closeReports() {
        do throws(SecureAggregationError) {
            try masking?.groups.closeMasked(at: context.instant)
            noteStep(.masked, missing: rounds.gaveUpCount)
            answerHolds()
        } catch {
            lose("\(error)")
        }
    }

    private func noteStep(_ step: ProtocolStep, missing: Int) {
        let parameters = masking?.groups.parameters
        context.log.info(
            "step done",
            [
                "round": .integer(masking?.key.round ?? 0), "step": .text(step.rawValue),
                "missing": .integer(missing), "degree": .integer(parameters?.degree ?? 0),
                "threshold": .integer(parameters?.threshold ?? 0),
            ])
    }

    /// Members whose message of a step never came are drop-outs to the engine too.
    private func giveUp(_ missing: Set<MemberIdentity>) {
        let clients = missing.compactMap { masking?.places[$0] }.sorted()
        for client in clients where rounds.giveUp(client, round: rounds.number, at: context.instant) == nil {
            rounds.noteFailure("dropped")
            roster.noteFailure(of: client, outcome: "dropped")
        }
    }

    /// Masks have been removed, or cannot be; what members sent meanwhile is heard now.
    func take(_ unmasked: Unmasked) {
        guard masking?.key == unmasked.key, masking?.outcome == nil else { return }
        masking?.isOpening = false
        switch unmasked.result {
        case .success(let groups): masking?.groups = groups
        case .failure(let error): lose("\(error)")
        }
        finishSums()
        let postponed = masking?.postponed ?? []
        masking?.postponed = []
        for item in postponed {
            switch item {
            case .message(let message): take(message)
            case .leaving(let identity): masking?.groups.leave(identity)
            }
        }
    }

    private func finishSums() {
        guard masking?.outcome == nil, let groups = masking?.groups, groups.isFinished else { return }
        if groups.lostCount > 0 {
            context.log.warning("groups left out", ["groups": .integer(groups.lostCount)])
        }
        masking?.outcome = .sums(groups.sums.vectors, survivors: groups.sums.survivors)
        noteStep(.unmask, missing: 0)
    }

    /// The round releases nothing: told to the engine at once while it collects, else when it asks for the sum.
    private func lose(_ reason: String) {
        context.log.warning("secure aggregation failed", ["reason": .text(reason)])
        masking?.outcome = .lost(reason)
        if rounds.phase == .collecting { rounds.fail("secure aggregation: \(reason)") }
    }
}
