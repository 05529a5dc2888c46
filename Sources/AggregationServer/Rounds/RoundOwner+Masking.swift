internal import Encoding
internal import Federation
internal import Foundation
internal import HTTPWire
internal import Messages
internal import Operations
internal import SecureAggregation
internal import Transport

/// Masked rounds: the steps of secure aggregation beside the engine's phases. The engine collects while members
/// exchange keys and shares and send their masked reports; its demand for the sum waits until members have signed
/// the survivors and given their shares.
extension RoundOwner {
    // MARK: Beginning and end

    /// Opens secure aggregation for a round whose file is durable; a round that cannot be masked is abandoned.
    func beginMasking(_ file: RoundFile) {
        do {
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
            guard let model = RunIdentity.digest(run.modelSHA256),
                let task = RunIdentity.digest(setup.taskDigest)
            else { throw Failure(.internalFault, "a digest is not one") }
            let binding = try plan.binding(
                run: run.run, round: file.round, modelDigest: model,
                context: TaskPlan.maskingContext(
                    taskDigest: task, population: run.population, seed: run.seed))
            let collection = MaskedCollection(
                binding: binding, verifier: try MemberTrust.verifier(setup.configuration.tls),
                invited: Array(places.keys), opened: Instant(seconds: file.opened),
                collectionDeadline: Instant(seconds: file.deadline),
                isScheduled: plan.rules.schedule != nil)
            masking = MaskedRoundState(
                key: RoundKey(run: run.run, round: file.round), collection: collection,
                identities: identities, places: places)
            publishBoard()
        } catch {
            log.error("the round cannot be masked", ["error": .text("\(error)")])
            dispatch(engine.handle(.failed("secure aggregation: \(error)")))
        }
    }

    /// Ends secure aggregation: its secrets go, and nobody waits any more.
    func endMasking() {
        guard let ended = masking else { return }
        masking = nil
        endedMasking = EndedMaskedRound(key: ended.key, taken: ended.taken)
        for hold in ended.holds.values { hold.question.responder.respond(Self.roundClosed) }
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
            : endedMasking?.key == message.key ? endedMasking?.taken[message.step]?[name] : nil
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
        do {
            switch message.content {
            case .step(let step, let bytes):
                try masking?.collection.receive(step, bytes, from: identity)
            case .report(let report): try add(report, of: identity, message)
            }
        } catch {
            let refusal = Self.refusal(error)
            log.info(
                "message refused",
                [
                    "agent": .text(name), "step": .text(message.step.rawValue), "error": .text("\(error)"),
                ])
            message.responder.respond(refusal)
            return
        }
        masking?.taken[message.step, default: [:]][name] = message.digest
        round?.bytesUp += message.bytes
        metrics.bytesUp.increment(by: Double(message.bytes))
        log.debug(
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
        let (moment, number) = (instant, message.key.round)
        if let refusal = engine.refusal(client: client, round: number, at: moment) {
            throw Self.error(refusal)
        }
        try masking?.collection.receive(report: report, from: identity)
        let then: [RoundAction]
        switch engine.offer(client: client, round: number, at: moment) {
        case .accepted(let actions): then = actions
        case .refused(let reason):
            // It was asked a moment ago; should it refuse all the same, the sum is not what it counts.
            loseMasking("a report is in the sum that does not count")
            throw Self.error(reason)
        }
        round?.reports[String(client)] = message.digest
        roster.noteReport(of: client, at: now)
        metrics.reports.increment(labels: ["accepted"])
        announce()
        dispatch(then)
    }

    private static func error(_ refusal: ReportRefusal) -> SecureAggregationError {
        switch refusal {
        case .duplicate: .repeatedMessage
        case .notInvited, .wrongRound, .closed, .gaveUp: .unknownMember
        }
    }

    private func receipt(_ status: Int, _ message: MaskedMessage) -> HTTPResponse {
        let receipt = UpdateReceipt(run: run.run, round: message.key.round, sha256: message.digest)
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
            question: question, identity: identity, expires: now + Double(question.waitSeconds))
        question.responder.onDisconnect { [mailbox] in mailbox.post(.gone(hold: hold)) }
    }

    /// Whether the question has its answer.
    private func answer(_ question: MaskedQuestion, _ identity: MemberIdentity) -> Bool {
        do {
            guard let bytes = try masking?.collection.message(question.step, for: identity) else {
                return false
            }
            round?.bytesDown += bytes.count
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
    func expireMaskedHolds() {
        let now = now
        for (hold, waiting) in masking?.holds ?? [:] where waiting.expires <= now {
            masking?.holds[hold] = nil
            waiting.question.responder.respond(HTTPResponse(204))
        }
    }

    /// A member gives up: no step waits for it any more. Returns whether it was in a masked round.
    func leaveMasking(_ agent: AgentIdentity, _ key: RoundKey) -> Bool {
        guard let identity = masking?.identities[agent.name], masking?.key == key else { return false }
        masking?.collection.leave(identity)
        return true
    }

    // MARK: Steps

    /// Ends steps that are complete or late, and opens the sum when it can be opened.
    func driveMasking() {
        while masking?.outcome == nil, masking?.collection.isDue(at: instant) == true {
            do {
                guard let step = masking?.collection.step,
                    let missing = try masking?.collection.closeStep(at: instant)
                else { return }
                noteStep(step, missing: missing.count)
                if engine.phase == .collecting { giveUp(missing) }
                answerHolds()
            } catch {
                loseMasking("\(error)")
            }
        }
        guard masking?.outcome == nil, masking?.collection.canOpen(at: instant) == true else { return }
        openSum()
    }

    private func noteStep(_ step: ProtocolStep, missing: Int) {
        let parameters = masking?.collection.parameters
        log.info(
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
        for client in clients {
            switch engine.giveUp(client: client, round: engine.round, at: instant) {
            case .noted(let then):
                round?.failures["dropped", default: 0] += 1
                roster.noteFailure(of: client, outcome: "dropped")
                dispatch(then)
            case .refused: break
            }
        }
    }

    private func openSum() {
        do {
            let threads = ProcessInfo.processInfo.activeProcessorCount
            guard let sum = try masking?.collection.open(threads: threads) else { return }
            masking?.outcome = .sum(sum)
            noteStep(.unmask, missing: 0)
        } catch {
            // False shares may be among those that came; more may still mend it.
            if masking?.collection.isLast(at: instant) == true { loseMasking("\(error)") }
        }
    }

    /// The round releases nothing: told to the engine at once while it collects, else when it asks for the sum.
    private func loseMasking(_ reason: String) {
        log.warning("secure aggregation failed", ["reason": .text(reason)])
        masking?.outcome = .lost(reason)
        if engine.phase == .collecting {
            dispatch(engine.handle(.failed("secure aggregation: \(reason)")))
        }
    }

    // MARK: The engine's demand for the sum

    /// Whether the round waits for its members to sign and unmask.
    var isWaitingForMembers: Bool {
        guard case .requireSum? = pending.first, let masking else { return false }
        return masking.outcome == nil && masking.collection.step > .masked
    }

    /// Whether an action has to wait for members. The survivors are durable before any member sees them.
    func waitsForMembers(_ action: RoundAction) throws -> Bool {
        guard case .requireSum(let number, let survivors) = action, masking != nil else { return false }
        if masking?.outcome == nil, masking?.collection.step == .masked {
            try close(number, survivors)
            do throws(SecureAggregationError) {
                try masking?.collection.closeMasked(at: instant)
                noteStep(.masked, missing: engine.gaveUpCount)
                answerHolds()
            } catch {
                loseMasking("\(error)")
            }
        }
        return masking?.outcome == nil
    }

    /// The masked round's answer to the engine's demand: its sum, or that there is none.
    func concludeMasking(_ number: Int, _ survivors: [Int]) throws -> RoundEvent {
        switch masking?.outcome {
        case .sum(let sum)?:
            aggregation.adopt(sum, weight: survivors.count)
            return .summed
        case .lost(let reason)?: return .failed("secure aggregation: \(reason)")
        case nil:
            // After a restart: the noisy sum is on disk, or the round would have been abandoned.
            guard try state.hasNoisySum(number, count: plan.reportDimension, bits: plan.codec.bits) else {
                return .failed("the server was restarted")
            }
            try close(number, survivors)
            return .summed
        }
    }

    /// After a restart: masks live in memory, so that a round whose noisy sum is not durable cannot go on. It keeps
    /// its charge, and its number is never used again.
    func abandonMasked(_ file: RoundFile) throws {
        var file = file
        let reason = "the server was restarted before the masked sum was opened"
        try ledger.abandon(round: file.round, reason: reason)
        file.state = .abandoned
        file.abandoned = reason
        file.isCharged = ledger.isCharged(file.round)
        file.seconds = schedule.seconds(of: file, until: file.publication)
        try state.write(file)
        let charged = run.charged + (ledger.isCharged(file.round) ? 1 : 0)
        engine = engine(round: file.round, charged: charged, abandoned: 1)
        log.warning("round abandoned", ["round": .integer(file.round), "reason": .text(reason)])
        round = file
        concludeAgain(file)
    }
}
