internal import Compute
internal import Encoding
internal import Federation
internal import Foundation
internal import Glibc
internal import Messages
internal import Operations
internal import Privacy
internal import Transport

/// Owns the round engine and everything that changes with it, on one thread. Event loops hand it mail; nobody
/// else touches its state, so that nothing needs a lock and no step can overtake another.
final class RoundOwner {
    /// A check-in that waits for an assignment.
    struct HeldCheckIn {
        let client: Int
        let lastRound: Int
        let responder: Responder
        let expires: Double
    }

    /// Seconds that one turn may take; evaluating a large model on a large hold-out is the longest.
    static let longestTurn = 600.0

    let setup: ServerSetup
    let plan: TaskPlan
    let state: StateDirectory
    let spool: Spool
    let ledger: ServerLedger
    let mailbox: OwnerMailbox
    let board: RoundBoard
    let metrics: ServerMetrics
    let events: EventHub
    let pulse: Pulse
    let log: Logger
    /// Where updates wait for the disk; given back between rounds.
    let uploadMemory: UpdateMemory

    var run: RunState
    /// What all desks share.
    let context: DeskContext
    let roster: RosterDesk
    let schedule: ScheduleDesk
    let stalls: StallDesk
    let evaluations: EvaluationDesk
    var engine: RoundEngine
    var cohortGenerator: SecureCohortGenerator
    /// The newest model, and how the next comes from it.
    var model: StoredModel
    var movement: ModelMovement
    /// File of the open round, or nil between rounds.
    var round: RoundFile?
    /// Rounds that have ended, the newest last; the dashboard's window.
    var history: [RoundFile] = []
    var aggregation: Aggregation
    /// Answers that wait for the spool's folder to be synced.
    var pendingReceipts: [(responder: Responder, receipt: UpdateReceipt)] = []
    /// Steps of the closed round that are due, and when to try the first (again).
    var pending: [RoundAction] = []
    var retryAt = 0.0
    /// A concluded round that is not in `run.json` yet; no other opens before it is.
    var unbooked: RoundFile?
    /// Secure aggregation of the open round, and what is remembered of the last.
    var masking: MaskedRoundState?
    var endedMasking: EndedMaskedRound?
    /// The open round's noisy sum, once it is durable.
    var noisySum: (sum: RingVector, weight: Int)?
    /// The open round's model, once it is durable, until it is shown.
    var prepared: PreparedModel?
    /// The last round whose collection was logged as closed.
    private var closedRound = 0
    /// What agents say of the rounds that they served.
    var ahead = AgentsAhead()
    var held: [UInt64: HeldCheckIn] = [:]
    var nextHold: UInt64 = 0
    /// Since when enough agents for a round have been here; nil while there are too few.
    var enoughSince: Double?
    var isShuttingDown = false
    /// ε of one round against released models and against the server.
    let roundEpsilons: (released: Double, server: Double?)
    /// Agents that were said to be ahead.
    var warnedAhead: Set<Int> = []
    /// Since when the run has been finished here, and the agents that have been told.
    private var finishedAt: Double?
    var toldFinished: Set<Int> = []
    private let clock: ServerClock

    init(
        setup: ServerSetup, mailbox: OwnerMailbox, board: RoundBoard, metrics: ServerMetrics,
        events: EventHub, pulse: Pulse,
        memory: UpdateMemory, log: Logger
    ) throws {
        self.setup = setup
        plan = setup.plan
        self.mailbox = mailbox
        self.board = board
        self.metrics = metrics
        self.events = events
        self.pulse = pulse
        self.log = log
        uploadMemory = memory
        let clock = ServerClock()
        self.clock = clock
        context = DeskContext(setup, board: board, metrics: metrics, log: log) { clock.now }
        state = try StateDirectory(setup.configuration.stateDirectory)
        spool = Spool(state)
        try spool.removeIncoming()
        let opened = try RunOpening(setup, state, now: clock.now)
        run = opened.run
        model = opened.model
        movement = opened.movement
        ledger = try ServerLedger(
            path: state.ledger, run: run, taskDigest: setup.taskDigest, plan: setup.plan)
        roster = try RosterDesk(
            AgentRegistry(
                path: state.agents, capacity: setup.configuration.population,
                roster: setup.configuration.roster, now: clock.now, run: run))
        schedule = ScheduleDesk(context, schedule: setup.plan.rules.schedule)
        stalls = StallDesk(context)
        engine = RoundEngine(
            rules: Self.rules(setup.plan), round: run.round, published: run.published, charged: run.charged)
        cohortGenerator = try SecureCohortGenerator()
        aggregation = Aggregation(count: setup.plan.reportDimension, bits: setup.plan.codec.bits)
        evaluations = EvaluationDesk(
            context,
            evaluator: try setup.holdout.map { try EvaluationThread(setup, holdout: $0, mailbox: mailbox) })
        roundEpsilons = (
            try setup.plan.privacy?.epsilonQuickly(rounds: 1) ?? .infinity,
            try setup.plan.privacy?.spentAgainstServer(rounds: 1, accountant: .rdp)?.epsilon
        )
        context.observer = self
        try bindState()
        try takeUpEnded()
        try recover()
        if !stalls.isStalled, engine.isStalled, !isFinished { stalls.takeUp(history) }
        if let last = history.last(where: { $0.state == .published }) { metrics.show(last) }
        evaluateAgain()
        publishBoard()
        board.change { $0.isReady = true }
    }

    /// Seconds since 1970, never going back while the process lives.
    var now: Double { clock.now }
    var instant: Instant { Instant(seconds: now) }
    var isFinished: Bool { run.finished != nil }
    /// How the run stands, for whoever started the process.
    var end: RunEnd {
        guard isFinished else { return .unfinished }
        let isBudget = run.finished == FinishReason.budget.rawValue
        return run.published > 0 ? .finished : .nothingPublished(isBudget: isBudget)
    }

    /// Works until told to shut down, or until the run has finished where the configuration says so.
    func work() {
        while !isShuttingDown {
            pulse.promise(within: Self.longestTurn)
            for item in mailbox.take(waiting: secondsToNextWork()) { handle(item) }
            flushReceipts()
            dispatch(engine.tick(at: instant))
            noteClosing()
            driveMasking()
            advance()
            expireMaskedHolds()
            keepBooks()
            expireHolds()
            considerOpening()
            metrics.agentsKnown.set(Double(roster.count))
            metrics.openReports.set(Double(round?.reports.count ?? 0))
            if isFinished, setup.configuration.exitWhenFinished, hasToldAll { break }
        }
        flushReceipts()
        evaluations.close()
        for case .evaluated(let result) in mailbox.take(waiting: 0) { take(result) }
        for hold in held.values {
            hold.responder.respond(.refusal(503, "shutting_down", "the server is going down", retryAfter: 10))
        }
        held = [:]
        endMasking()
    }

    private func handle(_ item: OwnerMail) {
        switch item {
        case .checkIn(let agent, let request, let responder): checkIn(agent, request, responder)
        case .gone(let hold):
            held[hold] = nil
            masking?.holds[hold] = nil
        case .masked(let message): take(message)
        case .maskedQuestion(let question): ask(question)
        case .report(let report): take(report)
        case .failure(let agent, let key, let report, let responder):
            giveUp(agent, key, report, responder)
        case .administration(let order, let responder): administer(order, responder)
        case .evaluated(let result): take(result)
        case .storageFailed(let code):
            storageFailed(
                "keep reports", Failure(.storage, "\(spool.path): \(String(cString: strerror(code)))"))
        case .shutDown: isShuttingDown = true
        }
    }

    private func secondsToNextWork() -> Double {
        var next = 1.0
        if engine.phase == .collecting { next = min(next, engine.currentDeadline.seconds - now) }
        if let deadline = masking?.collection.deadline, masking?.outcome == nil {
            next = min(next, deadline.seconds - now)
        }
        if isStepDue && !isWaitingForMembers {
            next = min(next, max(retryAt, scheduledStep?.seconds ?? 0) - now)
        }
        if unbooked != nil { next = min(next, retryAt - now) }
        if let opening = secondsToOpening { next = min(next, opening) }
        if let attempt = stalls.nextAttempt, attempt > now { next = min(next, attempt - now) }
        if enoughSince != nil { next = min(next, max(0.02, setup.configuration.gatherSeconds / 4)) }
        return max(0.001, next)
    }

    /// Notes what the engine wants; ``advance()`` carries it out.
    func dispatch(_ actions: [RoundAction]) { pending += actions }

    /// Says that a round takes no more reports, and how long after its deadline that was found out.
    private func noteClosing() {
        guard let file = round, engine.phase != .collecting, closedRound < file.round else { return }
        closedRound = file.round
        log.info(
            "collection closed",
            [
                "round": .integer(file.round), "reports": .integer(engine.acceptedCount),
                "invited": .integer(engine.invitedCount), "gave_up": .integer(engine.gaveUpCount),
                "seconds": .number(now - file.opened),
            ])
    }

    /// Whether a step may be taken: the end of the run waits for the evaluations.
    var isStepDue: Bool {
        guard let first = pending.first else { return false }
        if case .finished = first { return evaluations.isIdle }
        return true
    }

    /// Whether all agents know that the run has finished, or have had the time to come and hear it.
    private var hasToldAll: Bool {
        let since = finishedAt ?? now
        finishedAt = since
        let isKnown = roster.allActive(toldFinished.contains)
        return isKnown || now - since >= setup.configuration.lingerSeconds
    }

    // MARK: Opening

    /// Opens a round when enough agents are here, or those who are have waited long enough for more.
    private func considerOpening() {
        guard engine.phase == .idle, pending.isEmpty, unbooked == nil, !run.isPaused, !isFinished,
            !isShuttingDown, !evaluations.delaysNextRound
        else {
            return
        }
        if run.isStopping {
            dispatch(engine.handle(.stop(.stopped)))
            return
        }
        if passesOverServedRounds() { return }
        if engine.published >= plan.rules.rounds || engine.charged >= plan.rules.affordableRounds ?? .max {
            // Nobody is needed for the engine to say that it is done.
            open(.present([]), at: instant)
            return
        }
        if let attempt = stalls.nextAttempt, now < attempt { return }
        let present = presentClients()
        metrics.agentsPresent.set(Double(present.count))
        if schedule.isInForce, run.round > 0 {
            // Who is here tells who is not: once the run has begun, its rounds open by the clock.
            guard let opening = schedule.opening(), hasRoomForRound() else { return }
            if present.isEmpty { schedule.warnOfAbsence() }
            open(.roster(count: setup.configuration.population), at: opening)
            return
        }
        guard present.count >= max(1, plan.rules.minimumReports) else {
            enoughSince = nil
            return
        }
        let since = enoughSince ?? now
        enoughSince = since
        let candidates: Candidates
        if plan.rules.schedule != nil {
            candidates = .roster(count: setup.configuration.population)
        } else {
            // A Poisson draw without privacy claims nothing: it is made among those who are here.
            let wanted =
                if case .fixedSize(let size) = plan.rules.sampling { size } else {
                    setup.configuration.task.cohortSize
                }
            guard present.count >= wanted || now - since >= setup.configuration.gatherSeconds else {
                return
            }
            candidates = .present(present)
        }
        guard hasRoomForRound() else { return }
        open(candidates, at: instant)
    }

    private func presentClients() -> [Int] {
        let since = now - setup.configuration.presenceSeconds
        var present = Set(held.values.map(\.client))
        present.formUnion(roster.seen(since: since))
        return present.filter { client in
            roster.isKnown(client) && !roster.isRevoked(client) && engine.mayTakePart(client)
        }.sorted()
    }

    private func open(_ candidates: Candidates, at opening: Instant) {
        // The draw works on copies: only a cohort that is durable exists.
        var (attempt, generator) = (engine, cohortGenerator)
        let verdict = attempt.open(candidates, at: opening, using: &generator)
        guard !generator.hasFailed else {
            log.error("no randomness for a cohort; no round is opened")
            return
        }
        switch verdict {
        case .declined(let then):
            engine = attempt
            dispatch(then)
        case .invited(let invitation, let then):
            var file = RoundFile(
                run: run.run, round: invitation.round, state: .open, opened: invitation.opened.seconds,
                deadline: invitation.deadline.seconds, publication: invitation.publication?.seconds,
                invited: invitation.clients)
            file.registered = roster.count
            do {
                try state.write(file)
            } catch {
                storageFailed("open round \(file.round)", error)
                enoughSince = now
                return
            }
            (engine, cohortGenerator) = (attempt, generator)
            enoughSince = nil
            begin(file)
            if plan.masksReports { beginMasking(file) }
            log.info(
                "round opened",
                ["round": .integer(file.round), "invited": .integer(invitation.clients.count)])
            inviteHeld()
            dispatch(then)
        }
    }

    /// Takes up a round whose file is durable.
    func begin(_ file: RoundFile) {
        round = file
        noisySum = nil
        prepared = nil
        endMasking()
        aggregation.release()
        publishBoard()
        announce()
    }

    /// Tells event loops where the round stands.
    func publishBoard() {
        var rounds: [RoundKey: RoundBoard.Round] = [:]
        for file in history.suffix(2) + [round].compactMap(\.self) {
            let isOpen = file.round == round?.round && engine.phase == .collecting
            let clients =
                isOpen ? file.invited : file.reports.keys.compactMap { Int($0) }
            rounds[RoundKey(run: run.run, round: file.round)] = RoundBoard.Round(
                isCollecting: isOpen, invited: roster.named(clients.map { ($0, file.reports[String($0)]) }))
        }
        if let endedMasking {
            rounds[endedMasking.key, default: .init()].members = Set(
                endedMasking.taken.values.joined().map(\.key))
        }
        if let masking { rounds[masking.key, default: .init()].members = Set(masking.identities.keys) }
        // Anybody may ask for readiness: the agents' reasons are for those who may see the status.
        let stalled =
            engine.isStalled
            ? "\(engine.abandonedInARow) rounds abandoned in a row; status and log say why" : nil
        board.change { board in
            board.run = run.run
            board.rounds = rounds
            board.stalled = stalled
            board.revoked = roster.revokedNames
            board.isHealthy = true
        }
    }
}

extension RoundOwner: DeskObserver {
    func boardChanged() { publishBoard() }
    func statusChanged() { announce() }
}
