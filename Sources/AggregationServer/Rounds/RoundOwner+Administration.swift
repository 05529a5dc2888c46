internal import Federation
internal import Foundation
internal import HTTPWire
internal import Operations
internal import Privacy
internal import Transport

/// What administrators see and order. Orders are in the ledger before they take effect.
extension RoundOwner {
    /// Answers a question or carries out an order.
    func administer(_ order: AdminOrder, _ responder: Responder) {
        do {
            let response = try answer(order)
            responder.respond(response)
        } catch {
            storageFailed("carry out an order", error)
            responder.respond(.refusal(503, "storage", "the server cannot write its state", retryAfter: 15))
        }
    }

    /// Tells the dashboards that something has changed.
    func announce() {
        guard events.hasListeners, let bytes = try? Self.json(status) else { return }
        events.send(ServerSentEvent(name: "status", data: String(decoding: bytes, as: UTF8.self)))
    }

    private func answer(_ order: AdminOrder) throws -> HTTPResponse {
        switch order {
        case .status: return .json(200, try Self.json(status))
        case .rounds(let limit):
            let files = history + [round].compactMap { $0 }
            return .json(200, try Self.json(files.suffix(limit).map(RoundView.init)))
        case .agents:
            return .json(
                200, try Self.json(roster.views))
        case .agent(let id):
            guard let agent = Int(id).flatMap(roster.view(of:)) else {
                return .refusal(404, "no_such_agent", "no agent of this id")
            }
            return .json(200, try Self.json(agent))
        case .ledger:
            guard let head = ledger.head() else {
                return .refusal(503, "storage", "the ledger cannot be read")
            }
            return .json(
                200,
                try Self.json(LedgerView(lines: head.sequence, head: head.hash, roundsCharged: head.rounds)))
        case .models:
            return .json(
                200,
                try Self.json(
                    state.modelRounds().filter { $0 <= run.modelRound }.map {
                        ModelView(round: $0, path: "/api/models/\($0)", bytes: state.modelLength($0))
                    }))
        case .pause(let actor): return try setPaused(true, actor)
        case .resume(let actor): return try setPaused(false, actor)
        case .stop(let actor): return try stop(actor)
        case .revoke(let id, let actor): return try revoke(id, actor)
        }
    }

    private func setPaused(_ isPaused: Bool, _ actor: String) throws -> HTTPResponse {
        guard !isFinished else { return .refusal(409, "finished", "the run has finished") }
        if run.isPaused != isPaused {
            try ledger.record(actor: actor, action: isPaused ? "pause" : "resume")
            var changed = run
            changed.isPaused = isPaused
            try keep(changed)
            run = changed
            log.info(isPaused ? "paused" : "resumed", ["actor": .text(actor)])
            announce()
        } else if !isPaused, stalls.isStalled {
            try ledger.record(actor: actor, action: "resume")
            log.info("resumed", ["actor": .text(actor)])
        }
        if !isPaused { stalls.tryAtOnce() }
        return .json(200, try Self.json(status))
    }

    private func stop(_ actor: String) throws -> HTTPResponse {
        if !isFinished, !run.isStopping {
            try ledger.record(actor: actor, action: "stop")
            var changed = run
            changed.isStopping = true
            changed.isPaused = false
            try keep(changed)
            run = changed
            log.info("stopping after the open round", ["actor": .text(actor)])
            announce()
        }
        return .json(200, try Self.json(status))
    }

    private func revoke(_ id: String, _ actor: String) throws -> HTTPResponse {
        guard let client = Int(id), roster.isKnown(client) else {
            return .refusal(404, "no_such_agent", "no agent of this id")
        }
        if !roster.isRevoked(client) {
            try ledger.record(actor: actor, action: ServerLedger.revocation(of: client))
            try roster.revoke(client)
            try keep(run)
            for (hold, waiting) in held where waiting.client == client {
                held[hold] = nil
                waiting.responder.respond(.refusal(403, "revoked", "an operator has shut this agent out"))
            }
            log.info("agent revoked", ["actor": .text(actor), "agent": .text(roster.name(of: client) ?? "")])
            publishBoard()
            announce()
        }
        return .json(200, try Self.json(roster.view(of: client)))
    }

    private var status: StatusView {
        let privacy = plan.privacy
        let last = history.last { $0.state == .published }
        let evaluated = history.last { $0.accuracy != nil || $0.loss != nil }
        let open = round.map {
            StatusView.OpenRound(
                round: $0.round, stage: engine.phase.rawValue, invited: $0.invited.count,
                reported: $0.reports.count, gaveUp: engine.gaveUpCount, deadline: $0.deadline)
        }
        let since = now - setup.configuration.presenceSeconds
        return StatusView(
            run: run.run, task: setup.configuration.task.name, taskSHA256: setup.taskDigest,
            state: runStateWord, trouble: stalls.trouble(history), stalledSince: stalls.since,
            nextAttempt: stalls.nextAttempt,
            finished: run.finished, stopping: run.isStopping, cohortSize: plan.configuration.cohortSize,
            minimumReports: plan.rules.minimumReports, roundsPlanned: plan.rules.rounds,
            roundsPublished: engine.published, lastRound: run.round, open: open,
            accuracy: evaluated?.accuracy,
            loss: evaluated?.loss, epsilon: last?.epsilon, epsilonServer: last?.epsilonServer,
            epsilonMembers: last?.epsilonMembers, epsilonExample: last?.epsilonExample,
            targetEpsilon: privacy?.configuration.targetEpsilon, delta: privacy?.configuration.targetDelta,
            adjacency: privacy?.configuration.adjacency.rawValue,
            privacyMode: plan.configuration.privacy.mode.rawValue, agentsKnown: roster.count,
            agentsPresent: roster.seen(since: since).count, checkInsHeld: held.count,
            modelSHA256: run.modelSHA256, healthy: board.read { $0.isHealthy },
            expiries: board.read { $0.expiries }.map { ExpiryView($0, at: Date()) },
            version: ProductVersion.current)
    }

    private static func json(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return Array(try encoder.encode(value))
    }
}
