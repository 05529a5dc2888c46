internal import Federation
internal import Transport

/// The desks of one run, each made with those that it speaks to: state goes down this list, never up.
struct RunDesks {
    /// What all of them share.
    let context: DeskContext
    /// The run's files.
    let state: StateDirectory
    /// What the run spent.
    let ledger: ServerLedger
    /// Who the agents are.
    let roster: RosterDesk
    /// `run.json`, and the rounds that have ended.
    let books: BookDesk
    /// The open round, and the engine that decides about it.
    let rounds: RoundDesk
    /// When rounds open and models are shown, where that follows a clock.
    let schedule: ScheduleDesk
    /// Pauses of a run that publishes nothing.
    let stalls: StallDesk
    /// Published models that are evaluated.
    let evaluations: EvaluationDesk
    /// Reports and their sum.
    let reports: ReportDesk
    /// Secure aggregation of the open round.
    let masked: MaskedDesk
    /// Where its masks are removed; nil where nothing is masked.
    let unmasking: UnmaskingThread?
    /// What the last steps of a round do on disk and in the ledger, and the newest model.
    let release: ReleaseDesk
    /// The last steps of a round, in the engine's order.
    let completion: CompletionDesk
    /// Rounds that agents served and this server does not know.
    let catchUp: CatchUpDesk
    /// Check-ins and invitations.
    let presence: PresenceDesk
    /// When a round opens.
    let opening: OpeningDesk
    /// What administrators see and order.
    let administration: AdministrationDesk

    /// Opens the state directory of a run, a new one where it is empty. Mail of what desks hold and send away goes to
    /// `mailbox`; updates wait for the disk in `memory`. Throws a `Failure` where the folder holds something else, or what
    /// no crash can have left.
    init(_ context: DeskContext, mailbox: OwnerMailbox, events: EventHub, memory: UpdateMemory) throws {
        let (setup, plan, now) = (context.setup, context.plan, context.now)
        let state = try StateDirectory(setup.configuration.stateDirectory)
        try Spool(state).removeIncoming()
        let budget = try RosterBudget(setup)
        if try state.run() == nil { try budget?.check() }
        let opened = try RunOpening(setup, state, now: now)
        try budget?.admit(opened.run.run, charged: opened.run.charged)
        context.board.change { $0.frozen = opened.frozen }
        let ledger = try ServerLedger(
            path: state.ledger, run: opened.run, taskDigest: setup.taskDigest, plan: plan)
        let roster = try RosterDesk(
            AgentRegistry(
                path: state.agents, capacity: setup.configuration.population,
                roster: setup.configuration.roster, now: now, run: opened.run))
        let books = BookDesk(context, run: opened.run, state: state, ledger: ledger, roster: roster)
        let rounds = try RoundDesk(context)
        let reports = ReportDesk(
            context, state: state, memory: memory, rounds: rounds, books: books, roster: roster)
        let unmasking = plan.masksReports ? try UnmaskingThread(mailbox: mailbox) : nil
        self.unmasking = unmasking
        let masked = MaskedDesk(
            context, rounds: rounds, books: books, roster: roster,
            verifier: { try MemberTrust.verifier(setup.configuration.tls) },
            unmasks: { unmasking?.add($0) ?? false },
            gone: { mailbox.post(.questionGone($0)) })
        let schedule = ScheduleDesk(context, schedule: plan.rules.schedule)
        let stalls = StallDesk(context)
        let release = ReleaseDesk(
            context, opened, state: state, ledger: ledger, rounds: rounds, books: books, reports: reports,
            masked: masked, schedule: schedule)
        let completion = CompletionDesk(
            context, rounds: rounds, masked: masked, schedule: schedule, release: release)
        let presence = try PresenceDesk(
            context, rounds: rounds, books: books, roster: roster,
            start: { release.start }, keep: { try state.write($0) },
            admits: { !plan.masksReports || masked.takesKeys }, gone: { mailbox.post(.checkInGone($0)) })
        let evaluator = try setup.holdout.map {
            try EvaluationThread(setup, holdout: $0, mailbox: mailbox)
        }
        self.context = context
        self.state = state
        self.ledger = ledger
        self.roster = roster
        self.books = books
        self.rounds = rounds
        self.schedule = schedule
        self.stalls = stalls
        self.reports = reports
        self.masked = masked
        self.release = release
        self.completion = completion
        self.presence = presence
        evaluations = EvaluationDesk(context, evaluator: evaluator)
        catchUp = CatchUpDesk(
            context, state: state, ledger: ledger, rounds: rounds, books: books, roster: roster)
        opening = OpeningDesk(
            context, state: state, rounds: rounds, books: books, roster: roster, presence: presence,
            schedule: schedule, stalls: stalls, modelBytes: { release.model.buffer.count })
        administration = AdministrationDesk(
            context, events: events, state: state, ledger: ledger, rounds: rounds, books: books,
            roster: roster, presence: presence, stalls: stalls)
    }

    // MARK: A round from its file to its end

    /// Takes up a round whose file is durable.
    func begin(_ file: RoundFile) {
        rounds.begin(file)
        completion.forget()
        masked.end()
        reports.release()
        context.boardChanged()
        context.statusChanged()
    }

    /// A round has ended, and its file is durable: it goes to the books, which are still to be written.
    func conclude(_ file: RoundFile) {
        masked.end()
        reports.release()
        completion.forget()
        reports.trimMemory()
        rounds.end()
        schedule.follow(file.publication)
        books.conclude(file, published: rounds.published, charged: rounds.charged)
        stalls.conclude(file, isStalled: rounds.isStalled, history: books.history)
        if context.agents.areShared {
            context.agents.reservations.release(run: file.run, round: file.round)
            context.agents.shares.note(
                file.run, agents: file.invited.count, seconds: context.now - file.opened)
        }
        context.boardChanged()
    }

    // MARK: What event loops may know

    /// Steps that are looked at for reports that are sent again.
    private static let stepsShown = 16

    /// Who may report in an asynchronous task, by the round that they began in, and who has; none where rounds have cohorts.
    private func shownSteps() -> [RoundKey: RoundBoard.Round] {
        guard rounds.isBuffered else { return [:] }
        var agents: [Int: [(Int, String?)]] = [:]
        for file in books.history.suffix(Self.stepsShown) + [rounds.file].compactMap(\.self) {
            for (place, digest) in file.reports {
                if let client = Int(place) {
                    agents[file.origin(of: client), default: []].append((client, digest))
                }
            }
        }
        for (client, round) in rounds.inFlight { agents[round, default: []].append((client, nil)) }
        return Dictionary(
            uniqueKeysWithValues: agents.map { round, clients in
                (books.key(round), RoundBoard.Round(isCollecting: true, invited: roster.named(clients)))
            })
    }

    /// Tells event loops where the rounds stand.
    func publishBoard() {
        var shown = shownSteps()
        for file in books.history.suffix(2) + [rounds.file].compactMap(\.self) where !rounds.isBuffered {
            let isOpen = file.round == rounds.file?.round && rounds.phase == .collecting
            let clients = isOpen ? file.invited : file.reports.keys.compactMap { Int($0) }
            shown[books.key(file.round)] = RoundBoard.Round(
                isCollecting: isOpen, invited: roster.named(clients.map { ($0, file.reports[String($0)]) }))
        }
        for (key, members) in masked.members { shown[key, default: .init()].members = members }
        // Anybody may ask for readiness: the agents' reasons are for those who may see the status.
        let stalled =
            rounds.isStalled
            ? "\(rounds.abandonedInARow) rounds abandoned in a row; status and log say why" : nil
        let (run, revoked, isOver) = (books.run.run, roster.revokedNames, books.isFinished)
        context.board.change { board in
            board.run = run
            board.rounds = shown
            board.stalled = stalled
            board.revoked = revoked
            board.isHealthy = true
            board.isOver = isOver
        }
    }
}
