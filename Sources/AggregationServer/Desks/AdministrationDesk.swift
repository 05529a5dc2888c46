internal import Ledger
internal import Federation
internal import Foundation
internal import HTTPWire
internal import Operations
internal import Privacy
internal import Transport

/// What administrators see and order. Orders are in the ledger before they take effect.
final class AdministrationDesk {
    private let context: DeskContext
    private let events: EventHub
    private let state: StateDirectory
    private let ledger: ServerLedger
    private let rounds: RoundDesk
    private let books: BookDesk
    private let roster: RosterDesk
    private let presence: PresenceDesk
    private let stalls: StallDesk

    /// A desk that speaks for these.
    init(
        _ context: DeskContext, events: EventHub, state: StateDirectory, ledger: ServerLedger,
        rounds: RoundDesk, books: BookDesk, roster: RosterDesk, presence: PresenceDesk, stalls: StallDesk
    ) {
        self.context = context
        self.events = events
        self.state = state
        self.ledger = ledger
        self.rounds = rounds
        self.books = books
        self.roster = roster
        self.presence = presence
        self.stalls = stalls
    }

    /// Answers a question or carries out an order.
    func administer(_ order: AdminOrder, _ responder: Responder) {
        do {
            let response = try answer(order)
            responder.respond(response)
        } catch {
            context.storageFailed("carry out an order", error)
            responder.respond(.refusal(503, "storage", "the server cannot write its state", retryAfter: 15))
        }
    }

    /// Carries out an order that nobody waits for.
    func carryOut(_ order: AdminOrder) {
        do {
            _ = try answer(order)
        } catch {
            context.storageFailed("carry out an order", error)
        }
    }

    /// Tells the dashboards how the run stands.
    func announce() {
        guard events.hasListeners, let bytes = try? AdminJSON.bytes(of: status) else { return }
        events.send(ServerSentEvent(name: "status", data: String(decoding: bytes, as: UTF8.self)))
    }

    private func answer(_ order: AdminOrder) throws -> HTTPResponse {
        switch order {
        case .dashboard: return .json(200, try AdminJSON.bytes(of: dashboard()))
        case .status: return .json(200, try AdminJSON.bytes(of: status))
        case .rounds(let question, let older):
            return .json(200, try AdminJSON.bytes(of: roundViews(question, older)))
        case .agents: return .json(200, try AdminJSON.bytes(of: roster.views))
        case .agent(let id):
            guard let agent = Int(id).flatMap(roster.view(of:)) else { return Self.noSuchAgent }
            return .json(200, try AdminJSON.bytes(of: agent))
        case .ledger:
            guard let view = ledgerView else {
                return .refusal(503, "storage", "the ledger cannot be read")
            }
            return .json(200, try AdminJSON.bytes(of: view))
        case .models: return .json(200, try AdminJSON.bytes(of: modelViews()))
        case .pause(let actor): return try setPaused(true, actor)
        case .resume(let actor): return try setPaused(false, actor)
        case .stop(let actor): return try stop(actor)
        case .revoke(let id, let actor): return try revoke(id, actor)
        }
    }

    /// The rounds that are asked for; `older` were read from disk, those that are remembered are newer than a file of theirs.
    private func roundViews(_ question: RoundQuestion, _ older: [RoundFile] = []) -> [RoundView] {
        let known = books.history + [rounds.file].compactMap { $0 }
        let first = known.first?.round ?? .max
        return question.answer(older.filter { $0.round < first } + known).map(RoundView.init)
    }

    private var ledgerView: LedgerView? {
        ledger.head().map { LedgerView(lines: $0.sequence, head: $0.hash, roundsCharged: $0.rounds) }
    }

    private func modelViews() throws -> [ModelView] {
        try state.modelRounds().filter { $0 <= books.run.modelRound }.map {
            ModelView(round: $0, path: "/api/models/\($0)", bytes: state.modelLength($0))
        }
    }

    /// All panels at once, by the run's own thread: no step of a round lies between two of them.
    private func dashboard() throws -> DashboardView {
        let agents = roster.views.sorted { ($0.lastSeen ?? 0, $1.id) > ($1.lastSeen ?? 0, $0.id) }
        return DashboardView(
            at: context.now, plan: PlanView(context.plan), status: status,
            rounds: RoundQuestion(limit: DashboardView.mostRounds).map { roundViews($0) } ?? [],
            agents: Array(agents.prefix(DashboardView.mostAgents)), ledger: ledgerView,
            models: try modelViews(),
            events: events.recent.newestFirst)
    }

    private static var noSuchAgent: HTTPResponse {
        .refusal(404, "no_such_agent", "no agent of this id")
    }

    // MARK: Orders

    private func setPaused(_ isPaused: Bool, _ actor: String) throws -> HTTPResponse {
        guard !books.isFinished else { return .refusal(409, "finished", "the run has finished") }
        if books.run.isPaused != isPaused {
            try ledger.record(actor: actor, action: isPaused ? "pause" : "resume")
            try books.change { $0.isPaused = isPaused }
            context.log.info(isPaused ? "paused" : "resumed", ["actor": .text(actor)])
            context.statusChanged()
        } else if !isPaused, stalls.isStalled {
            try ledger.record(actor: actor, action: "resume")
            context.log.info("resumed", ["actor": .text(actor)])
        }
        if !isPaused { stalls.tryAtOnce() }
        return .json(200, try AdminJSON.bytes(of: status))
    }

    private func stop(_ actor: String) throws -> HTTPResponse {
        if !books.isFinished, !books.run.isStopping {
            try ledger.record(actor: actor, action: "stop")
            try books.change { ($0.isStopping, $0.isPaused) = (true, false) }
            context.log.info("stopping after the open round", ["actor": .text(actor)])
            context.statusChanged()
        }
        return .json(200, try AdminJSON.bytes(of: status))
    }

    private func revoke(_ id: String, _ actor: String) throws -> HTTPResponse {
        guard let client = Int(id), let name = roster.name(of: client) else { return Self.noSuchAgent }
        // Again too: what could not be written down for all runs may be now.
        if roster.isRevoked(client) { try context.agents.noteShutOut(name, by: actor) }
        if !roster.isRevoked(client) {
            try ledger.record(actor: actor, action: LedgerRevocation(of: client).action)
            try roster.revoke(client)
            try books.write()
            presence.turnAway(client)
            context.log.info("agent revoked", ["actor": .text(actor), "agent": .text(name)])
            try context.agents.noteShutOut(name, by: actor)
            context.boardChanged()
            context.statusChanged()
        }
        return .json(200, try AdminJSON.bytes(of: roster.view(of: client)))
    }

    /// Shuts an agent out that was shut out elsewhere, or leaves. Does nothing for one that never came.
    func shutOut(_ name: String, by actor: String) {
        guard let client = roster.client(named: name) else { return }
        do {
            _ = try revoke(String(client), actor)
        } catch {
            context.storageFailed("shut an agent out", error)
        }
    }

    // MARK: Status

    private var status: StatusView {
        let (setup, plan, run) = (context.setup, context.plan, books.run)
        let privacy = plan.privacy
        let (last, evaluated) = (books.lastPublished, books.lastEvaluated)
        let open = rounds.file.map {
            StatusView.OpenRound(
                round: $0.round, stage: rounds.phase.rawValue, invited: $0.invited.count,
                reported: $0.reports.count, gaveUp: rounds.gaveUpCount, deadline: $0.deadline)
        }
        let since = context.now - setup.configuration.presenceSeconds
        return StatusView(
            run: run.run, task: setup.configuration.task.name, taskSHA256: setup.taskDigest,
            state: presence.runStateWord, trouble: stalls.trouble(books.history), stalledSince: stalls.since,
            nextAttempt: stalls.nextAttempt,
            finished: run.finished, stopping: run.isStopping, cohortSize: plan.configuration.cohortSize,
            minimumReports: plan.rules.minimumReports, roundsPlanned: plan.rules.rounds,
            roundsPublished: rounds.published, lastRound: run.round, open: open,
            accuracy: evaluated?.accuracy,
            loss: evaluated?.loss, mae: evaluated?.mae, rmse: evaluated?.rmse, r2: evaluated?.r2,
            epsilon: last?.epsilon, epsilonServer: last?.epsilonServer,
            epsilonMembers: last?.epsilonMembers, epsilonExample: last?.epsilonExample,
            targetEpsilon: privacy?.configuration.targetEpsilon, delta: privacy?.configuration.targetDelta,
            adjacency: privacy?.configuration.adjacency.rawValue,
            privacyMode: plan.configuration.privacy.mode.rawValue, agentsKnown: roster.count,
            agentsPresent: roster.seen(since: since).count, checkInsHeld: presence.heldCount,
            modelSHA256: run.modelSHA256, healthy: context.board.read { $0.isHealthy },
            expiries: context.condition.expiries.map { ExpiryView($0, at: Date()) },
            version: ProductVersion.current)
    }
}
