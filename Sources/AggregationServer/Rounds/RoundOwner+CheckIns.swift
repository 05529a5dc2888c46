internal import Encoding
internal import Federation
internal import Foundation
internal import HTTPWire
internal import Messages
internal import Operations
internal import Privacy
internal import SecureAggregation
internal import Transport

/// Check-ins: who may work, who waits, and when the others come back.
extension RoundOwner {
    /// Answers a check-in, or keeps it until there is work or its time is over.
    func checkIn(_ agent: AgentIdentity, _ request: CheckInRequest, _ responder: Responder) {
        guard request.protocolVersion == AgentProtocol.version else {
            responder.respond(
                .refusal(409, "protocol_mismatch", "this server speaks version \(AgentProtocol.version)"))
            return
        }
        if let theirs = request.run, theirs != run.run, !request.acceptsOtherRun {
            responder.respond(.refusal(409, "run_mismatch", "this server runs \(run.run)"))
            return
        }
        guard let client = admit(agent, request, responder) else { return }
        metrics.checkIns.increment()
        let lastRound = request.run == run.run ? request.lastRound : 0
        note(client, lastRound: lastRound)
        if let plan = assignment(client, lastRound: lastRound) {
            assign(plan, to: responder)
            return
        }
        guard !isFinished, request.waitSeconds > 0, held.count < setup.configuration.limits.heldCheckIns
        else {
            comeBack(client, responder)
            return
        }
        nextHold += 1
        let hold = nextHold
        held[hold] = HeldCheckIn(
            client: client, lastRound: lastRound, responder: responder,
            expires: now + Double(request.waitSeconds))
        responder.onDisconnect { [mailbox] in mailbox.post(.gone(hold: hold)) }
        metrics.heldCheckIns.set(Double(held.count))
    }

    /// The agent's place in the roster; nil when it was turned away.
    private func admit(_ agent: AgentIdentity, _ request: CheckInRequest, _ responder: Responder) -> Int? {
        do {
            switch try roster.admit(agent, software: request.software, at: now) {
            case .admitted(let client): return client
            case .revoked:
                responder.respond(.refusal(403, "revoked", "an operator has shut this agent out"))
                return nil
            }
        } catch let refusal as AgentRegistry.Refusal {
            let detail =
                refusal == .full
                ? "the task is planned for no more clients" : "the roster does not name this agent"
            log.warning(
                "agent turned away",
                [
                    "agent": .text(agent.name), "reason": .text(refusal.rawValue),
                    "request": .text("\(responder.request)"),
                ])
            responder.respond(.refusal(403, refusal.rawValue, detail))
        } catch {
            storageFailed("register an agent", error)
            responder.respond(.refusal(503, "storage", "the server cannot write its state", retryAfter: 15))
        }
        return nil
    }

    /// The plan that the client is to serve now; nil when it is not its turn.
    private func assignment(_ client: Int, lastRound: Int) -> RoundPlan? {
        // Whoever has no keys in a masked round when that step ends cannot be in it any more.
        if plan.masksReports {
            guard let masking, masking.collection.step == .keys, masking.outcome == nil else { return nil }
        }
        guard engine.phase == .collecting, let round, lastRound < round.round,
            engine.standing(of: client) == .invited
        else { return nil }
        return RoundPlan(
            run: run.run, round: round.round, client: client, seed: run.seed, population: run.population,
            task: setup.taskText, taskSHA256: setup.taskDigest, schemaSHA256: setup.schemaDigest,
            model: .init(round: run.modelRound, sha256: run.modelSHA256, bytes: model.buffer.count),
            privacy: facts,
            report: ReportShape(
                count: plan.reportDimension, bits: plan.codec.bits, scale: plan.codec.scale),
            deadlineSeconds: max(0, round.deadline - now))
    }

    /// What the round's privacy is, for the policies of agents.
    private var facts: PrivacyFacts? {
        guard let privacy = plan.privacy else { return nil }
        let configuration = privacy.configuration
        return PrivacyFacts(
            mode: configuration.mode.rawValue, clippingNorm: movement.clippingNorm,
            noiseMultiplier: privacy.noiseMultiplier, adjacency: configuration.adjacency.rawValue,
            mechanism: privacy.mechanismName, sampling: configuration.sampling.rawValue,
            targetDelta: configuration.targetDelta, targetEpsilon: configuration.targetEpsilon,
            roundEpsilon: roundEpsilons.released, roundServerEpsilon: roundEpsilons.server,
            encodedNorm: Double(privacy.squaredNormBound).squareRoot(),
            minimumReports: plan.rules.minimumReports, cohortSize: plan.configuration.cohortSize)
    }

    private func assign(_ plan: RoundPlan, to responder: Responder) {
        do {
            var response = HTTPResponse.json(200, try plan.encoded())
            response.headers[AgentProtocol.runStateHeader] = runStateWord
            if responder.respond(response) {
                metrics.assignments.increment()
                round?.bytesDown += model.buffer.count
            }
        } catch {
            log.error("an assignment cannot be written", ["error": .text("\(error)")])
            responder.respond(.refusal(500, "internal", "the assignment cannot be written"))
        }
    }

    /// Gives the open round to all of its cohort who wait.
    func inviteHeld() {
        for (hold, waiting) in held.sorted(by: { $0.key < $1.key }) {
            guard let plan = assignment(waiting.client, lastRound: waiting.lastRound) else { continue }
            held[hold] = nil
            assign(plan, to: waiting.responder)
        }
        metrics.heldCheckIns.set(Double(held.count))
    }

    /// Sends those away whose time is over; all of them once the run has finished.
    func expireHolds() {
        let now = now
        for (hold, waiting) in held where isFinished || waiting.expires <= now {
            held[hold] = nil
            comeBack(waiting.client, waiting.responder)
        }
        metrics.heldCheckIns.set(Double(held.count))
    }

    /// `active`, `stalled`, `paused` or `finished`. Agents heed only the last; what else they do not know is harmless.
    var runStateWord: String {
        isFinished ? "finished" : run.isPaused ? "paused" : engine.isStalled ? "stalled" : "active"
    }

    /// 204 with a `Retry-After` that spreads the agents so that they come at the wanted rate.
    private func comeBack(_ client: Int, _ responder: Responder) {
        let known = Double(roster.count)
        let spread = known / setup.configuration.limits.checkInsPerSecond
        let least = isFinished ? 300.0 : run.isPaused ? 30.0 : 1.0
        let seconds = Int((least + Double.random(in: 0...max(spread, least))).rounded(.up))
        let isHeard = responder.respond(
            HTTPResponse(
                204, headers: ["Retry-After": String(seconds), AgentProtocol.runStateHeader: runStateWord]))
        if isFinished, isHeard { toldFinished.insert(client) }
    }
}

extension HTTPResponse {
    /// An error body.
    static func refusal(_ status: Int, _ error: String, _ detail: String, retryAfter: Int? = nil)
        -> HTTPResponse
    {
        let plain = String(
            detail.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : Character($0) })
        let answer = ErrorAnswer(error: error, detail: String(plain.prefix(200)))
        var response = HTTPResponse.json(status, (try? answer.encoded()) ?? Array("{}".utf8))
        if let retryAfter { response.headers["Retry-After"] = String(retryAfter) }
        return response
    }
}
