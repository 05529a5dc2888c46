internal import Encoding
internal import Federation
internal import Foundation
internal import Messages
internal import Operations
internal import SecureAggregation
internal import Transport

/// After a restart: the open round goes on where it stood, with the cohort that was drawn, the reports that were
/// accepted, and the noise that was drawn.
extension RoundOwner {
    /// Rounds that are read back for the dashboard.
    private static let remembered = 500

    /// Takes up what the state directory holds. Called once, before any mail.
    func recover() throws {
        for number in try state.roundNumbers().filter({ $0 <= run.round }).suffix(Self.remembered) {
            if let file = try state.round(number) { history.append(file) }
        }
        engine = engine(
            round: run.round, charged: run.charged, participants: try participants(),
            isFinished: isFinished)
        schedule.follow(history.last?.publication)
        offer(model)
        try state.removeNoisySums(upTo: run.round)
        let number = run.round + 1
        guard run.finished == nil, let file = try state.round(number) else {
            try spool.keepOnly(round: nil)
            return
        }
        log.info(
            "round taken up again", ["round": .integer(number), "state": .text(file.state.rawValue)])
        if file.state == .abandoned {
            let isCharged = ledger.isCharged(number)
            engine = engine(
                round: number, charged: run.charged + (isCharged ? 1 : 0), abandoned: 1,
                participants: try participants().union(isCharged ? file.survivors : []))
            try spool.keepOnly(round: nil)
            round = file
            concludeAgain(file)
            return
        }
        try spool.keepOnly(round: number)
        try resume(file)
    }

    /// Who is in the sums of the charged rounds of the present participation window, from their files.
    private func participants() throws -> Set<Int> {
        guard let window = plan.rules.participationWindow else { return [] }
        var missing = run.charged % window
        var participants: Set<Int> = []
        for number in try state.roundNumbers().filter({ $0 <= run.round }).sorted(by: >) {
            guard missing > 0 else { break }
            guard ledger.isCharged(number) else { continue }
            guard let file = try state.round(number) else { break }
            participants.formUnion(file.survivors)
            missing -= 1
        }
        guard missing == 0 else {
            throw Failure(
                .storage,
                "\(state.path)/rounds: files of charged rounds are missing, without which nobody knows who took "
                    + "part in this tree of noise; restore them from a backup")
        }
        return participants
    }

    /// A round that was open, closed or even published, but is not in the books: replayed to the same end. Where
    /// its noisy sum exists nothing else is needed; else the kept reports give the same sum again.
    private func resume(_ file: RoundFile) throws {
        var file = file
        let isNoisy = try state.hasNoisySum(
            file.round, count: plan.reportDimension, bits: plan.codec.bits)
        if plan.masksReports, !isNoisy, file.state != .published {
            try abandonMasked(file)
            return
        }
        guard isNoisy || file.state != .published else {
            throw Failure(
                .storage,
                "\(state.noisySumPath(file.round)): missing, though round \(file.round) was published: run.json is "
                    + "the older; \(ServerLedger.wayOn(state.ledger))")
        }
        let isOpen = file.state == .open
        // What was not invited was never accepted, whoever put it there.
        let clients = (isOpen ? try spool.clients(round: file.round) : file.survivors)
            .filter(Set(file.invited).contains)
        file.deadline = min(file.deadline, now + plan.rules.deadlineSeconds)
        file.publication = schedule.bounded(file.publication)
        begin(file)
        for client in clients {
            if !isNoisy { try add(client, round: file.round) }
            if isOpen { try note(client, in: &file) }
        }
        round = file
        let invitation = Invitation(
            clients: file.invited, round: file.round, opened: Instant(seconds: file.opened),
            deadline: Instant(seconds: file.deadline),
            publication: file.publication.map { Instant(seconds: $0) })
        dispatch(engine.resume(ResumedRound(invitation, accepted: clients, isClosed: !isOpen)))
        publishBoard()
    }

    /// The engine after a concluded round: `abandoned` more rounds than the files tell of were abandoned at last.
    func engine(
        round: Int, charged: Int, abandoned: Int = 0, participants: Set<Int> = [], isFinished: Bool = false
    ) -> RoundEngine {
        let last = history.reversed().prefix { $0.state == .abandoned }.count
        return RoundEngine(
            rules: Self.rules(plan), round: round, published: run.published, charged: charged,
            participants: participants, abandonedInARow: last + abandoned, isFinished: isFinished)
    }

    /// A run that an earlier version ended because of its abandoned rounds is taken up again.
    func takeUpEnded() throws {
        guard run.finished == FinishReason.abandonedTooOften.rawValue else { return }
        var changed = run
        changed.finished = nil
        try keep(changed)
        run = changed
        log.warning(
            "this run had ended because too many rounds were abandoned in a row; it goes on. Stop it to end it"
        )
    }

    /// A deployed run may heal while it waits: it never ends because rounds were abandoned.
    static func rules(_ plan: TaskPlan) -> RoundEngine.Rules {
        var rules = plan.rules
        rules.stalls = true
        return rules
    }

    /// Reads the digest of a kept report back.
    private func note(_ client: Int, in file: inout RoundFile) throws {
        let path = spool.reportPath(round: file.round, client: client)
        guard let report = try state.map(path) else { throw StateDirectory.missing(path) }
        file.reports[String(client)] = try Hash.text(of: report)
        file.bytesUp += report.count
    }
}
