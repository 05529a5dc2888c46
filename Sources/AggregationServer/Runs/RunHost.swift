internal import Federation
internal import Ledger
internal import Operations
internal import Privacy

/// Hosts one run on one thread: takes its mail, turns its engine, and carries between its desks what none of them may
/// reach for. Event loops hand it mail; nobody else touches its desks, so that nothing needs a lock and no step can
/// overtake another.
final class RunHost: DeskObserver {
    /// Seconds that one turn may take; evaluating a large model on a large hold-out is the longest.
    private static let longestTurn = 600.0
    /// Seconds until a failed step is tried again.
    private static let retrySeconds = 5.0

    private let context: DeskContext
    private let desks: RunDesks
    private let mailbox: OwnerMailbox
    private let pulse: Pulse
    /// Nil where nobody wants to be told of agents that are gone.
    private let absences: AbsenceWatch?
    /// When to try a failed step again, seconds since 1970.
    private var retryAt = 0.0
    private var isShuttingDown = false
    /// Where the run's last model is written down; nil: nowhere.
    private let registry: ModelRegistry?
    private let submitter: String?

    private var log: Logger { context.log }
    private var rounds: RoundDesk { desks.rounds }
    private var books: BookDesk { desks.books }

    /// Takes the run of the setup's state directory up. Throws a `Failure` where that cannot be.
    init(
        setup: ServerSetup, mailbox: OwnerMailbox, board: RoundBoard, events: EventHub, pulse: Pulse,
        surroundings: RunService.Surroundings
    ) throws {
        self.mailbox = mailbox
        self.pulse = pulse
        (registry, submitter) = (surroundings.registry, surroundings.submitter)
        let clock = ServerClock()
        context = DeskContext(
            setup, board: board, metrics: surroundings.metrics, log: surroundings.log,
            agents: surroundings.agents, condition: surroundings.condition
        ) { clock.now }
        desks = try RunDesks(
            context, mailbox: mailbox, events: events, memory: surroundings.memory)
        let (folder, days) = (desks.state.path, setup.configuration.notices.agentGoneDays)
        absences = try surroundings.notices.map { _ in
            try AbsenceWatch(path: folder + "/seen.json", days: days)
        }
        context.observer = self
        context.notices = surroundings.notices
        try takeUp()
        board.change { $0.isReady = true }
    }

    /// Goes on where the process before ended.
    private func takeUp() throws {
        let recovery = RunRecovery(desks)
        try recovery.bind()
        try recovery.takeUpEnded()
        if let abandoned = try recovery.recover() { conclude(abandoned) }
        if !desks.stalls.isStalled, rounds.isStalled, !books.isFinished { desks.stalls.takeUp(books.history) }
        if let last = books.lastPublished { context.metrics.show(last) }
        if books.lacksEvaluation { considerEvaluation() }
        boardChanged()
        context.notifyOfEnd(books)
    }

    /// Where the run stands.
    var run: RunState { books.run }
    /// Rounds that the ledger has a charge of; nil where it cannot be read.
    var chargedRounds: Int? { desks.ledger.head()?.rounds }
    /// How the run stands, for whoever started the process.
    var end: RunEnd { books.end }

    func boardChanged() { desks.publishBoard() }
    func statusChanged() { desks.administration.announce() }

    // MARK: Turns

    /// Works until told to shut down, or until the run has finished where the configuration says so.
    func work() {
        while !isShuttingDown {
            pulse.promise(within: Self.longestTurn)
            for item in mailbox.take(waiting: secondsToNextWork()) { handle(item) }
            desks.reports.flushReceipts(onlyFiles: true)
            rounds.tick()
            desks.masked.drive()
            advance()
            desks.reports.flushGathered()
            desks.masked.expireHolds()
            keepBooks()
            desks.presence.expireHolds()
            considerOpening()
            // Whoever reported has left a place to another.
            if rounds.isBuffered { desks.presence.inviteHeld() }
            lookForAbsences()
            context.metrics.agentsKnown.set(Double(desks.roster.count))
            context.metrics.openReports.set(Double(rounds.file?.reports.count ?? 0))
            if books.isFinished, context.setup.configuration.exitWhenFinished, desks.presence.hasToldAll() {
                break
            }
        }
        desks.reports.flushReceipts()
        desks.evaluations.close()
        for case .evaluated(let result) in mailbox.take(waiting: 0) { take(result) }
        desks.presence.close()
        desks.masked.end()
        desks.unmasking?.close()
    }

    private func lookForAbsences() {
        guard let absences, !books.isFinished else { return }
        do {
            context.notifyOfAbsence(try absences.look(at: context.now) { desks.roster.sightings })
        } catch {
            context.storageFailed("keep when agents came", error)
        }
    }

    private func handle(_ item: OwnerMail) {
        switch item {
        case .checkIn(let agent, let request, let ticket):
            guard let client = desks.presence.admit(agent, request, ticket) else { return }
            desks.catchUp.note(client, lastRound: desks.presence.lastRound(request))
            desks.presence.serve(client, request, ticket)
        case .shutOut(let name, let actor): desks.administration.shutOut(name, by: actor)
        case .checkInGone(let hold): desks.presence.forget(hold)
        case .questionGone(let hold): desks.masked.forget(hold)
        case .masked(let message): desks.masked.take(message)
        case .maskedQuestion(let question): desks.masked.ask(question)
        case .unmasked(let unmasked): desks.masked.take(unmasked)
        case .report(let report): desks.reports.take(report)
        case .failure(let agent, let key, let report, let responder):
            let wasMember = desks.masked.leave(agent, key)
            desks.reports.giveUp(agent, key, report, responder, wasMember: wasMember)
        case .administration(let order, let responder): desks.administration.administer(order, responder)
        case .order(let order): desks.administration.carryOut(order)
        case .evaluated(let result): take(result)
        case .storageFailed(let code): desks.reports.writingFailed(code: code)
        case .shutDown: isShuttingDown = true
        }
    }

    private func secondsToNextWork() -> Double {
        let now = context.now
        var next = 1.0
        if rounds.phase == .collecting { next = min(next, rounds.deadline.seconds - now) }
        if let deadline = desks.masked.deadline { next = min(next, deadline.seconds - now) }
        if let step = dueStep, !isWaitingForMembers(step) {
            let instant = desks.completion.instant(of: step)
            next = min(next, max(retryAt, instant?.seconds ?? 0) - now)
        }
        if let gathered = desks.reports.secondsToNextWork { next = min(next, gathered) }
        if books.isBehind { next = min(next, retryAt - now) }
        if let opening = desks.opening.secondsToNextWork { next = min(next, opening) }
        return max(0.001, next)
    }

    // MARK: Steps of a round

    /// The step that may be taken; nil where there is none. The end of the run waits for the evaluations.
    private var dueStep: RoundAction? {
        if case .finished? = rounds.nextStep, !desks.evaluations.isIdle { return nil }
        return rounds.nextStep
    }

    private func isWaitingForMembers(_ step: RoundAction) -> Bool {
        if case .requireSum = step { desks.masked.waitsForShares } else { false }
    }

    /// Carries out the steps that are due, until none is left or one fails and has to be tried again.
    private func advance() {
        while let step = dueStep, context.now >= retryAt {
            do {
                guard try !desks.completion.mustWait(for: step) else { return }
                let event = try carryOut(step)
                rounds.finishStep(event)
                if event == .published { concludePublished() }
            } catch let error as LedgerError where !Self.isStorage(error) {
                log.error("the ledger refuses; the round is abandoned", ["error": .text("\(error)")])
                rounds.dropSteps(because: "\(error)")
            } catch {
                context.storageFailed("complete round \(rounds.number)", error)
                retryAt = context.now + Self.retrySeconds
            }
        }
    }

    /// A ledger that could not be written is opened again; one that says no is obeyed.
    private static func isStorage(_ error: LedgerError) -> Bool {
        if case .failedBefore = error { true } else { false }
    }

    private func carryOut(_ step: RoundAction) throws -> RoundEvent? {
        switch step {
        case .abandoned(let number, let reason): try abandon(number, reason)
        case .finished(let reason): try finish(reason)
        case .requireSum, .requireCharge, .requireNoise, .requireSettlement, .requirePublication: break
        }
        return try desks.completion.carryOut(step)
    }

    // MARK: The end of a round

    /// Keeps the books after a published round and has its model evaluated.
    private func concludePublished() {
        guard let file = rounds.file else { return }
        log.info(
            "round published",
            [
                "round": .integer(file.round), "reports": .integer(file.reports.count),
                "epsilon": .number(file.epsilon ?? .infinity),
            ])
        context.metrics.published(file)
        context.notifyOfBudget(spent: file.epsilon)
        conclude(file)
        considerEvaluation()
    }

    private func abandon(_ number: Int, _ reason: AbandonReason) throws {
        let now = context.now
        let open =
            rounds.file
            ?? RoundFile(
                run: books.run.run, round: number, state: .abandoned, opened: now, deadline: now, invited: [])
        let file = try desks.release.abandon(open, because: reason.text)
        try desks.reports.removeReports(of: number)
        log.warning("round abandoned", ["round": .integer(number), "reason": .text(reason.text)])
        context.metrics.rounds.increment(labels: ["abandoned"])
        conclude(file)
    }

    /// Puts a concluded round into the books.
    private func conclude(_ file: RoundFile) {
        retryAt = 0
        desks.conclude(file)
        keepBooks()
        statusChanged()
    }

    /// Writes what the books do not have yet, if it is time to try.
    private func keepBooks() {
        guard books.isBehind, context.now >= retryAt else { return }
        do {
            try books.book()
        } catch {
            context.storageFailed("keep the books of round \(books.run.round)", error)
            retryAt = context.now + Self.retrySeconds
        }
    }

    private func finish(_ reason: FinishReason) throws {
        try registerModel()
        try books.change { run in
            run.finished = reason.rawValue
            run.isStopping = false
        }
        let run = books.run
        log.info("run finished", ["reason": .text(reason.rawValue), "published": .integer(run.published)])
        if run.published == 0 {
            let trouble = desks.stalls.trouble(books.history)
            log.error("the run published nothing", ["why": .text(trouble ?? reason.rawValue)])
        }
        context.notifyOfEnd(books)
        boardChanged()
        statusChanged()
    }

    /// Writes down the model that the run ends with as its task's next version; the same one again is no other.
    private func registerModel() throws {
        guard let registry, let last = books.lastPublished, last.round == books.run.modelRound,
            context.plan.configuration.statistics == nil
        else { return }
        let figures: [(String, Double?)] = [
            ("accuracy", last.accuracy), ("loss", last.loss), ("mae", last.mae), ("rmse", last.rmse),
            ("r2", last.r2), ("epsilon_server", last.epsilonServer), ("epsilon_example", last.epsilonExample),
        ]
        try registry.note(
            ModelRegistry.Publication(
                task: context.setup.configuration.task.name, run: books.run.run, round: last.round,
                submitter: submitter, modelDigest: books.run.modelSHA256, epsilon: last.epsilon,
                delta: context.plan.privacy?.configuration.targetDelta,
                ledger: desks.ledger.head().map { LedgerHead(sequence: $0.sequence, hash: $0.hash) },
                figures: Dictionary(
                    uniqueKeysWithValues: figures.compactMap { name, value in value.map { (name, $0) } })))
    }

    // MARK: Evaluation

    /// Has the newest model evaluated if it is its turn.
    private func considerEvaluation() {
        desks.evaluations.consider(
            desks.release.model, published: rounds.published,
            isLast: rounds.phase == .finished || books.run.isStopping)
    }

    /// Puts a result where it belongs.
    private func take(_ result: EvaluationResult) {
        desks.evaluations.noteResult()
        guard let file = books.record(result) else { return }
        desks.evaluations.announce(result, in: file)
        desks.stalls.note(result)
        statusChanged()
        if desks.evaluations.reachesTarget(file), rounds.phase == .idle { rounds.stop(.targetReached) }
    }

    // MARK: Opening

    /// Opens a round if it is time for one.
    private func considerOpening() {
        guard rounds.phase == .idle, rounds.nextStep == nil, !books.isBehind,
            !books.run.isPaused || books.run.isStopping, !books.isFinished, !isShuttingDown,
            !desks.evaluations.delaysNextRound
        else { return }
        if books.run.isStopping {
            rounds.stop(.stopped)
            return
        }
        if desks.catchUp.passesOverServedRounds() { return }
        guard let opening = desks.opening.consider() else { return }
        let file = opening.file
        desks.begin(file)
        if context.plan.masksReports { desks.masked.begin(file) }
        log.info(
            "round opened", ["round": .integer(file.round), "invited": .integer(file.invited.count)])
        desks.presence.inviteHeld()
        rounds.note(opening.then)
    }
}
