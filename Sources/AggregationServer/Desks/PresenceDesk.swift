internal import Encoding
internal import Federation
internal import HTTPWire
internal import Ledger
internal import Messages
internal import Operations
internal import Privacy
internal import Transport

/// Check-ins: who may work, who waits, and when the others come back.
final class PresenceDesk {
    /// What an invited agent is to start from.
    struct Start {
        /// Bytes of the newest model's file.
        let bytes: Int
        /// L2 bound of its update, in model units.
        let clippingNorm: Double
        /// What the strategy remembers with it, where agents are given that.
        var state: RoundOffer.StateReference?
    }

    /// A check-in that waits for an assignment.
    private struct HeldCheckIn {
        let client: Int
        let lastRound: Int
        let responder: CheckInTicket
        /// Seconds since 1970.
        let expires: Double
    }

    private let context: DeskContext
    private let rounds: RoundDesk
    private let books: BookDesk
    private let roster: RosterDesk
    private let start: () -> Start
    /// Writes the open round's file.
    private let keep: (RoundFile) throws -> Void
    private let admits: () -> Bool
    private let gone: @Sendable (UInt64) -> Void
    /// ε of one round against released models and against the server.
    private let roundEpsilons: (released: Double, server: Double?)
    private var held: [UInt64: HeldCheckIn] = [:]
    private var nextHold: UInt64 = 0
    /// Each agent's newest check-in that was held, and how often another was held still when it came.
    private var newest: [Int: (hold: UInt64, doubled: Int)] = [:]
    /// Since when the run has been finished here, and the agents that have been told.
    private var finishedAt: Double?
    private var toldFinished: Set<Int> = []

    /// A desk at which nobody waits. `start` says what agents start from, `keep` writes the open round's file durably, `admits`
    /// says whether the open round still takes agents that have not begun; `gone` is told, on any thread, of a held check-in whose client has left, for
    /// ``forget(_:)``. Throws where the plan's ε cannot be computed.
    init(
        _ context: DeskContext, rounds: RoundDesk, books: BookDesk, roster: RosterDesk,
        start: @escaping () -> Start, keep: @escaping (RoundFile) throws -> Void,
        admits: @escaping () -> Bool, gone: @escaping @Sendable (UInt64) -> Void
    ) throws {
        self.context = context
        self.rounds = rounds
        self.books = books
        self.roster = roster
        self.start = start
        self.keep = keep
        self.admits = admits
        self.gone = gone
        let privacy = context.plan.privacy
        roundEpsilons = (
            try privacy?.epsilonQuickly(rounds: 1) ?? .infinity,
            try privacy?.spentAgainstServer(rounds: 1, accountant: .rdp)?.epsilon
        )
    }

    // MARK: Questions, which change nothing

    /// Check-ins that wait.
    var heldCount: Int { held.count }

    /// `active`, `stalled`, `paused` or `finished`. Agents heed only the last; what else they do not know is harmless.
    var runStateWord: String {
        books.isFinished
            ? "finished" : books.run.isPaused ? "paused" : rounds.isStalled ? "stalled" : "active"
    }

    /// Agents that could serve a round: those that wait or were seen of late, ascending.
    var present: [Int] {
        let since = context.now - context.setup.configuration.presenceSeconds
        let elsewhere = context.takenElsewhere
        return Set(held.values.map(\.client)).union(roster.seen(since: since)).filter { client in
            roster.isKnown(client) && !roster.isRevoked(client) && rounds.mayTakePart(client)
                && (elsewhere.isEmpty || roster.name(of: client).map { !elsewhere.contains($0) } ?? false)
        }.sorted()
    }

    // MARK: Check-ins

    /// Gives an agent its place and takes down that it was here. Nil where it was turned away, and has its answer.
    func admit(_ agent: AgentIdentity, _ request: CheckInRequest, _ responder: CheckInTicket) -> Int? {
        guard request.protocolVersion == AgentProtocol.version else {
            responder.respond(
                .refusal(409, "protocol_mismatch", "this server speaks version \(AgentProtocol.version)"))
            return nil
        }
        if let theirs = request.run, theirs != books.run.run, !request.acceptsOtherRun {
            responder.respond(.refusal(409, "run_mismatch", "this server runs \(books.run.run)"))
            return nil
        }
        if context.plan.masksReports, AgentSoftware(request.software).isOfFirstVersion {
            responder.respond(Self.otherMasks)
            return nil
        }
        guard let client = place(agent, request, responder) else { return nil }
        context.metrics.checkIns.increment()
        return client
    }

    /// The last round that an agent says it served in this run.
    func lastRound(_ request: CheckInRequest) -> Int { request.lastRound(of: books.run.run) }

    /// Answers an agent that was admitted, or keeps its check-in until there is work or its time is over.
    func serve(_ client: Int, _ request: CheckInRequest, _ responder: CheckInTicket) {
        let lastRound = lastRound(request)
        if assign(client, lastRound: lastRound, to: responder) { return }
        guard !books.isFinished, request.waitSeconds > 0,
            held.count < context.setup.configuration.limits.heldCheckIns
        else {
            comeBack(client, responder)
            return
        }
        nextHold += 1
        let hold = nextHold
        noteDouble(client, hold)
        held[hold] = HeldCheckIn(
            client: client, lastRound: lastRound, responder: responder,
            expires: context.now + Double(request.waitSeconds))
        responder.onDisconnect { [gone] in gone(hold) }
        showHeld()
    }

    /// Says once when check-ins of one agent wait beside each other again and again. A line that broke leaves one behind
    /// for a while; two hosts with one certificate do so for good.
    private func noteDouble(_ client: Int, _ hold: UInt64) {
        let before = newest[client]
        let isDoubled = before.map { held[$0.hold] != nil } ?? false
        let doubled = (before?.doubled ?? 0) + (isDoubled ? 1 : 0)
        newest[client] = (hold, doubled)
        guard isDoubled, doubled == Self.doublesSaid else { return }
        context.log.warning(
            "an agent checks in twice at a time: is its certificate on two hosts? Each round then counts one of them only;"
                + " give every host a certificate of its own",
            ["agent": .text(roster.name(of: client) ?? "\(client)")])
    }

    /// Doubled check-ins after which it is said.
    private static let doublesSaid = 3

    /// The agent's place in the roster; nil when it was turned away.
    private func place(_ agent: AgentIdentity, _ request: CheckInRequest, _ responder: CheckInTicket) -> Int?
    {
        let isNew = !roster.hasCome(agent.name)
        do {
            switch try roster.admit(agent, software: request.software, at: context.now) {
            case .admitted(let client):
                if isNew { context.log.info("agent joined", ["agent": .text(agent.name)]) }
                return client
            case .revoked: responder.respond(Self.revoked)
            }
        } catch let refusal as AgentRegistry.Refusal {
            let detail =
                refusal == .full
                ? "the task is planned for no more clients" : "the roster does not name this agent"
            context.log.warning(
                "agent turned away",
                [
                    "agent": .text(agent.name), "reason": .text(refusal.rawValue),
                    "request": .text("\(responder.request)"),
                ])
            responder.respond(.refusal(403, refusal.rawValue, detail))
        } catch {
            context.storageFailed("register an agent", error)
            responder.respond(.refusal(503, "storage", "the server cannot write its state", retryAfter: 15))
        }
        return nil
    }

    private static var otherMasks: HTTPResponse {
        .refusal(
            409, "agent_too_old",
            "this task masks updates in a way that agents of version 0.1 do not know; install a later sordino-agent on this host"
        )
    }

    private static var revoked: HTTPResponse {
        .refusal(403, "revoked", "an operator has shut this agent out")
    }

    /// The client of a held check-in has gone.
    func forget(_ hold: UInt64) { held[hold] = nil }

    /// Turns an agent's held check-ins away that was just shut out.
    func turnAway(_ client: Int) {
        for (hold, waiting) in held where waiting.client == client {
            held[hold] = nil
            waiting.responder.respond(Self.revoked)
        }
    }

    /// Sends those away whose time is over; all of them once the run has finished.
    func expireHolds() {
        let now = context.now
        for (hold, waiting) in held where books.isFinished || waiting.expires <= now {
            held[hold] = nil
            comeBack(waiting.client, waiting.responder)
        }
        showHeld()
    }

    /// The server goes down: nobody waits any more.
    func close() {
        for hold in held.values {
            hold.responder.respond(
                .refusal(503, "shutting_down", "the server is going down", retryAfter: 10))
        }
        held = [:]
    }

    private func showHeld() { context.metrics.heldCheckIns.set(Double(held.count)) }

    // MARK: Assignments

    /// Gives the open round to all of its cohort who wait.
    func inviteHeld() {
        for (hold, waiting) in held.sorted(by: { $0.key < $1.key }) {
            guard waiting.responder.isWaiting else {
                held[hold] = nil
                continue
            }
            if assign(waiting.client, lastRound: waiting.lastRound, to: waiting.responder) {
                held[hold] = nil
            }
        }
        showHeld()
    }

    /// Gives a client that asks what it is to serve now.
    /// - Returns: false where it is not its turn, or another run has work for it.
    private func assign(_ client: Int, lastRound: Int, to ticket: CheckInTicket) -> Bool {
        guard mayHaveWork(client, lastRound: lastRound), ticket.reserve() else { return false }
        guard let plan = assignment(client, lastRound: lastRound) else {
            ticket.release()
            return false
        }
        if let name = roster.name(of: client) { context.noteAssignment(name, run: plan.run) }
        assign(plan, to: ticket)
        return true
    }

    /// Whether it may be the client's turn: what can be told without changing anything.
    private func mayHaveWork(_ client: Int, lastRound: Int) -> Bool {
        guard admits(), rounds.phase == .collecting, let file = rounds.file, lastRound < file.round else {
            return false
        }
        return rounds.awaits(client) || rounds.isBuffered
    }

    /// The plan that the client is to serve now; nil when it is not its turn.
    private func assignment(_ client: Int, lastRound: Int) -> RoundOffer? {
        guard admits(), rounds.phase == .collecting, let file = rounds.file, lastRound < file.round,
            rounds.awaits(client) || begins(client)
        else { return nil }
        let (run, setup, plan, start) = (books.run, context.setup, context.plan, start())
        let offer = RoundOffer(
            run: run.run, round: file.round, client: client, seed: run.seed, population: run.population,
            task: setup.taskText, taskSHA256: setup.taskDigest, schemaSHA256: setup.schemaDigest,
            model: .init(round: run.modelRound, sha256: run.modelSHA256, bytes: start.bytes),
            state: start.state, privacy: facts(clippingNorm: start.clippingNorm),
            report: ReportShape(
                count: plan.report.count, bits: plan.codec.bits, scale: plan.codec.scale),
            ledger: run.ledger.map { .init(lines: $0.lines, head: $0.head) },
            hasRunPaths: context.agents.areShared ? true : nil,
            deadlineSeconds: max(0, (rounds.deadline(of: client) ?? file.deadline) - context.now))
        return roster.isOfFirstVersion(client) ? offer.inFirstVersion : offer
    }

    /// Whether an agent that asks may begin at once, because nobody waits for a cohort.
    private func begins(_ client: Int) -> Bool {
        guard rounds.isBuffered, !books.run.isPaused, !roster.isRevoked(client),
            let name = roster.name(of: client), !context.takenElsewhere.contains(name)
        else { return false }
        do {
            guard try rounds.begin(client, keep: keep) else { return false }
        } catch {
            context.storageFailed("note who begins", error)
            return false
        }
        context.reserve([name], run: books.run.run, round: rounds.number, until: rounds.deadline(of: client))
        context.boardChanged()
        return true
    }

    /// What the round's privacy is, for the policies of agents.
    private func facts(clippingNorm: Double) -> PrivacyFacts? {
        let plan = context.plan
        guard let privacy = plan.privacy else { return nil }
        let configuration = privacy.configuration
        return PrivacyFacts(
            mode: configuration.mode.rawValue, clippingNorm: clippingNorm,
            noiseMultiplier: privacy.noiseMultiplier, adjacency: configuration.adjacency.rawValue,
            mechanism: privacy.mechanismName, sampling: configuration.sampling.rawValue,
            targetDelta: configuration.targetDelta, targetEpsilon: configuration.targetEpsilon,
            roundEpsilon: roundEpsilons.released, roundServerEpsilon: roundEpsilons.server,
            encodedNorm: Double(privacy.squaredNormBound).squareRoot(),
            minimumReports: plan.rules.minimumReports, cohortSize: plan.configuration.cohortSize)
    }

    private func assign(_ plan: RoundOffer, to responder: CheckInTicket) {
        do {
            var response = HTTPResponse.json(200, try plan.encoded())
            response.headers[AgentProtocol.runStateHeader] = runStateWord
            if responder.respond(response) {
                context.metrics.assignments.increment()
                rounds.noteBytes(down: plan.model.bytes + (plan.state?.bytes ?? 0))
            }
        } catch {
            context.log.error("an assignment cannot be written", ["error": .text("\(error)")])
            responder.respond(.refusal(500, "internal", "the assignment cannot be written"))
        }
    }

    // MARK: Coming back

    /// 204 with a `Retry-After` that spreads the agents so that they come at the wanted rate.
    private func comeBack(_ client: Int, _ responder: CheckInTicket) {
        let spread = Double(roster.count) / context.setup.configuration.limits.checkInsPerSecond
        // Where other runs may follow, the end of one is not the end of all.
        let isLast = books.isFinished && !context.agents.areShared
        let least = isLast ? 300.0 : books.isFinished ? 15.0 : books.run.isPaused ? 30.0 : 1.0
        let seconds = Int((least + Double.random(in: 0...max(spread, least))).rounded(.up))
        let isHeard = responder.respond(
            HTTPResponse(
                204,
                headers: [
                    "Retry-After": String(seconds),
                    AgentProtocol.runStateHeader: books.isFinished && !isLast ? "active" : runStateWord,
                ]))
        if books.isFinished, isHeard { toldFinished.insert(client) }
    }

    /// Whether all agents know that the run has finished, or have had the time to come and hear it. That time begins
    /// when this is asked first.
    func hasToldAll() -> Bool {
        let now = context.now
        let since = finishedAt ?? now
        finishedAt = since
        return roster.allActive(toldFinished.contains)
            || now - since >= context.setup.configuration.lingerSeconds
    }
}
