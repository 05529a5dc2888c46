internal import Encoding
internal import Federation
internal import Ledger
internal import Operations
internal import Privacy

/// After a restart: the open round goes on where it stood, with the cohort that was drawn, the reports that were
/// accepted, and the noise that was drawn. To be used once, before any mail: ``bind()``, ``takeUpEnded()``,
/// ``recover()``.
struct RunRecovery {
    private let desks: RunDesks
    private var context: DeskContext { desks.context }
    private var state: StateDirectory { desks.state }
    private var ledger: ServerLedger { desks.ledger }
    private var books: BookDesk { desks.books }

    /// The recovery of a run whose desks were just made.
    init(_ desks: RunDesks) { self.desks = desks }

    // MARK: Binding

    /// Holds the files of the state directory against each other, takes up orders and gaps that the ledger announces,
    /// and binds `run.json` to ledger and registry. Throws a storage `Failure` for what a crash cannot have left.
    func bind() throws {
        let agreement = StateAgreement(
            state: state, run: books.run, ledger: ledger, roster: desks.roster, plan: context.plan)
        try agreement.check()
        if let digest = try agreement.treeNoiseDigest() { books.note { $0.treeNoiseSHA256 = digest } }
        try takeUpOrders()
        try desks.catchUp.takeUpGap()
        do {
            try books.write()
        } catch let failure as Failure where failure.exitCode == .storage && books.run.ledger != nil {
            // What is on disk is bound already, to an earlier line. A server on a full disk waits for room.
            context.storageFailed("bring run.json up to date", failure)
        }
        if let complaint = ledger.checkpointComplaint {
            context.log.warning(
                "all of the ledger was verified: its checkpoint is no use and is written anew",
                ["why": .text(complaint)])
        }
        warnOfMissingFiles()
    }

    /// Orders are in the ledger before they take effect: those that `run.json` does not have are carried out now, and
    /// whoever was shut out stays so, whatever became of the registry.
    private func takeUpOrders() throws {
        for action in ledger.orders where !books.isFinished {
            books.note { run in
                switch action {
                case "pause": run.isPaused = true
                case "resume": run.isPaused = false
                case "stop": (run.isStopping, run.isPaused) = (true, false)
                default: break
                }
            }
        }
        for client in ledger.revoked.sorted() { try desks.roster.revoke(client) }
    }

    private func warnOfMissingFiles() {
        guard let present = try? Set(state.roundNumbers()) else { return }
        guard let moved = try? state.archive.segments().last?.upperBound ?? 0, moved < books.run.round else {
            return
        }
        let missing = (moved + 1...books.run.round).filter {
            ledger.releasedRounds.contains($0) && !present.contains($0)
        }
        guard let first = missing.first else { return }
        context.log.warning(
            "files of released rounds are missing; nothing but the dashboard needs them",
            [
                "folder": .text("\(state.path)/rounds"), "missing": .integer(missing.count),
                "first": .integer(first),
            ])
    }

    /// A run that an earlier version ended because of its abandoned rounds is taken up again. Throws where that cannot be
    /// written.
    func takeUpEnded() throws {
        guard books.run.finished == FinishReason.abandonedTooOften.rawValue else { return }
        try books.change { $0.finished = nil }
        context.log.warning(
            "this run had ended because too many rounds were abandoned in a row; it goes on. Stop it to end it"
        )
    }

    // MARK: The open round

    /// Takes up what the state directory holds. Returns a round that is abandoned and not in the books, which the caller
    /// concludes. Throws a `Failure` where files are missing or damaged.
    func recover() throws -> RoundFile? {
        try books.readHistory()
        if desks.rounds.isBuffered { return try StepRecovery(desks).recover() }
        let run = books.run
        desks.rounds.restart(
            after: books, round: run.round, charged: run.charged, participants: try participants(),
            attendance: try attendance())
        desks.schedule.follow(books.history.last?.publication)
        desks.release.offerModel()
        try state.removeNoisySums(upTo: run.round)
        let number = run.round + 1
        guard !books.isFinished, let file = try state.round(number) else {
            try desks.reports.keepOnly(round: nil)
            return nil
        }
        context.log.info(
            "round taken up again", ["round": .integer(number), "state": .text(file.state.rawValue)])
        if file.state == .abandoned {
            try restart(afterAbandoned: file)
            try desks.reports.keepOnly(round: nil)
            return file
        }
        try desks.reports.keepOnly(round: number)
        return try resume(file)
    }

    /// Begins after a round that is abandoned and not in the books.
    private func restart(afterAbandoned file: RoundFile) throws {
        let run = books.run
        var (participants, attendance) = (try participants(), try attendance())
        let isCharged = ledger.isCharged(file.round)
        if isCharged {
            participants.formUnion(file.survivors)
            attendance.note(file.survivors, charge: run.charged + 1)
        }
        desks.rounds.restart(
            after: books, round: file.round, charged: run.charged + (isCharged ? 1 : 0), abandoned: 1,
            participants: participants, attendance: attendance)
    }

    /// Who is in the sums of the charged rounds of the present participation window, from their files.
    private func participants() throws -> Set<Int> {
        guard let window = context.plan.rules.participationWindow else { return [] }
        return try Self.participants(window: window, of: books.run, ledger, state)
    }

    /// The same for a window of so many charged rounds. Throws a storage `Failure` where the file of one of them is missing:
    /// an older round's must not stand in for it, or somebody would take part in a tree twice.
    static func participants(
        window: Int, of run: RunState, _ ledger: ServerLedger, _ state: StateDirectory
    ) throws -> Set<Int> {
        try survivors(ofLast: run.charged % window, of: run, ledger, state).values
            .reduce(into: []) { $0.formUnion($1) }
    }

    /// Who was in which charged rounds, as far as the pattern of matrix noise asks for it.
    private func attendance() throws -> Attendance {
        guard let pattern = context.plan.rules.pattern else { return Attendance() }
        return try Self.attendance(pattern, of: books.run, ledger, state)
    }

    /// The same for a pattern. Throws as ``participants(window:of:_:_:)`` does.
    static func attendance(
        _ pattern: ParticipationPattern, of run: RunState, _ ledger: ServerLedger, _ state: StateDirectory
    ) throws -> Attendance {
        var attendance = Attendance()
        // Beyond the pattern's rounds none is opened: those may be passed over, and without files.
        guard run.charged < pattern.rounds else { return attendance }
        let countsAll = pattern.participations < pattern.room
        let count = countsAll ? run.charged : min(run.charged, pattern.separation - 1)
        let sums = try survivors(ofLast: count, of: run, ledger, state)
        for (place, round) in sums.keys.sorted().enumerated() {
            attendance.note(sums[round] ?? [], charge: run.charged - count + place + 1)
        }
        return attendance
    }

    /// Who is in the sums of the last charged rounds, by their numbers.
    private static func survivors(
        ofLast count: Int, of run: RunState, _ ledger: ServerLedger, _ state: StateDirectory
    ) throws -> [Int: [Int]] {
        var missing = ledger.lastCharged(count, through: run.round)
        let isWhole = missing.count == count
        var survivors: [Int: [Int]] = [:]
        try state.archive.eachRound(through: run.round) { file in
            if missing.remove(file.round) != nil { survivors[file.round] = file.survivors }
            return !missing.isEmpty
        }
        guard isWhole, missing.isEmpty else {
            throw Failure(
                .storage,
                "\(state.path)/rounds: files of charged rounds are missing, without which nobody knows who took "
                    + "part in what the noise covers; restore them from a backup")
        }
        return survivors
    }

    /// A round that was open, closed or even published, but is not in the books: replayed to the same end. Where
    /// its noisy sum exists nothing else is needed; else the kept reports give the same sum again.
    private func resume(_ file: RoundFile) throws -> RoundFile? {
        let plan = context.plan
        var file = file
        if file.state == .open, !plan.masksReports,
            let closed = try state.closedRound(
                file.round, count: plan.report.count, bits: plan.codec.bits)
        {
            file = closed
        }
        let isNoisy = try state.hasNoisySum(
            file.round, count: plan.report.count, bits: plan.codec.bits)
        if plan.masksReports, !isNoisy, file.state != .published { return try abandonMasked(file) }
        guard isNoisy || file.state != .published else {
            throw Failure(
                .storage,
                "\(state.noisySumPath(file.round)): missing, though round \(file.round) was published: run.json is "
                    + "the older; \(ServerLedger.wayOn(state.ledger))")
        }
        let isOpen = file.state == .open
        // What was not invited was never accepted, whoever put it there.
        let clients = (isOpen ? try desks.reports.clients(of: file.round) : file.survivors)
            .filter(Set(file.invited).contains)
        file.deadline = min(file.deadline, context.now + plan.rules.deadlineSeconds)
        file.publication = desks.schedule.bounded(file.publication)
        desks.begin(file)
        for client in clients {
            if !isNoisy { try desks.reports.add(client, round: file.round) }
            if isOpen { try desks.reports.note(client, in: &file) }
        }
        desks.rounds.keep(file)
        let invitation = Invitation(
            clients: file.invited, round: file.round, opened: Instant(seconds: file.opened),
            deadline: Instant(seconds: file.deadline),
            publication: file.publication.map { Instant(seconds: $0) })
        desks.rounds.resume(ResumedRound(invitation, accepted: clients, isClosed: !isOpen))
        context.boardChanged()
        return nil
    }

    /// Masks live in memory, so that a round whose noisy sum is not durable cannot go on. It keeps its charge, and its
    /// number is never used again.
    private func abandonMasked(_ file: RoundFile) throws -> RoundFile {
        let reason = "the server was restarted before the masked sum was opened"
        let ended = try desks.release.abandon(file, because: reason)
        try restart(afterAbandoned: ended)
        context.log.warning(
            "round abandoned", ["round": .integer(file.round), "reason": .text(reason)])
        return ended
    }
}
