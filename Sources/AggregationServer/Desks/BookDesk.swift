internal import Federation

/// The books of a run: `run.json`, bound to ledger and registry whenever it is written, and the rounds that have ended.
final class BookDesk {
    /// Rounds that are read back for the dashboard.
    private static let readBack = 500
    /// Rounds that the dashboard can see.
    private static let longestHistory = 1000

    private let context: DeskContext
    private let state: StateDirectory
    private let ledger: ServerLedger
    private let roster: RosterDesk
    /// A concluded round that is not in `run.json` yet.
    private var unbooked: RoundFile?
    /// No round before this number has a file of its own.
    private var oldestFile = 1

    /// Where the run stands: as `run.json` says, and beyond it while a round is completed.
    private(set) var run: RunState
    /// Rounds that have ended, the newest last.
    private(set) var history: [RoundFile] = []

    /// The books of a run as they were opened.
    init(
        _ context: DeskContext, run: RunState, state: StateDirectory, ledger: ServerLedger, roster: RosterDesk
    ) {
        self.context = context
        self.run = run
        self.state = state
        self.ledger = ledger
        self.roster = roster
    }

    // MARK: Questions

    /// Whether the run has ended for good.
    var isFinished: Bool { run.finished != nil }

    /// How the run stands, for whoever started the process.
    var end: RunEnd {
        guard isFinished else { return .unfinished }
        let isBudget = run.finished == FinishReason.budget.rawValue
        return run.published > 0 ? .finished : .nothingPublished(isBudget: isBudget)
    }

    /// What messages about a round of this run name.
    func key(_ round: Int) -> RoundKey { RoundKey(run: run.run, round: round) }

    /// Whether a concluded round is not booked yet; no other opens before it is.
    var isBehind: Bool { unbooked != nil }

    /// The last published round of the window.
    var lastPublished: RoundFile? { history.last { $0.state == .published } }

    /// The last round of the window that was evaluated.
    var lastEvaluated: RoundFile? { history.last { $0.accuracy != nil || $0.loss != nil } }

    /// Rounds of the window that were abandoned since the last that was published.
    var abandonedInARow: Int { history.reversed().prefix { $0.state == .abandoned }.count }

    /// Whether the newest model is a published round's that has no figures: the last process ended before it had.
    var lacksEvaluation: Bool {
        guard let file = lastPublished else { return false }
        return file.round == run.modelRound && file.accuracy == nil && file.loss == nil
    }

    /// Digest of what the client reported in a round that has ended; nil where it did not, or nobody knows.
    func digest(of client: Int, round: Int) -> String? {
        history.last { $0.round == round }?.reports[String(client)]
    }

    // MARK: run.json

    /// Changes where the run stands, durably: where that throws, nothing has changed.
    func change(_ body: (inout RunState) -> Void) throws {
        var changed = run
        body(&changed)
        try write(changed)
        run = changed
    }

    /// Changes where the run stands for whoever asks; it is durable with the next write.
    func note(_ body: (inout RunState) -> Void) { body(&run) }

    /// Writes `run.json`, bound to ledger and registry as they are now. Throws a storage `Failure`, or what the ledger
    /// throws.
    func write() throws { try write(run) }

    private func write(_ changed: RunState) throws {
        var bound = changed
        bound.version = RunState.currentVersion
        bound.ledger = try ledger.binding()
        bound.registry = roster.count
        bound.registrySHA256 = roster.digest
        try state.write(bound)
        ledger.isBound(by: bound)
    }

    // MARK: Rounds

    /// Reads the rounds that have ended. To be called once. Throws where a file is damaged.
    func readHistory() throws {
        try state.archive.eachRound(through: run.round) { file in
            history.append(file)
            return history.count < Self.readBack
        }
        history.reverse()
        showMemory()
        oldestFile = try state.roundNumbers().first ?? run.round + 1
    }

    private func showMemory() {
        let first = history.first?.round ?? .max
        context.board.change { $0.firstRemembered = first }
    }

    /// Moves the oldest rounds out of their files once they are beyond what is kept so. Where that fails the files stay,
    /// and it is tried again after the next round.
    private func moveOldRounds() {
        let bounds = RoundArchive.segment(of: oldestFile)
        guard run.round - bounds.upperBound >= context.setup.configuration.roundsKept else { return }
        do {
            try state.archive.moveIntoSegment(bounds)
            oldestFile = bounds.upperBound + 1
        } catch {
            context.storageFailed("move old rounds into one file", error)
        }
    }

    /// A round has ended, with so many published and charged before and with it. It is durable once ``book()`` was.
    func conclude(_ file: RoundFile, published: Int, charged: Int) {
        history.append(file)
        if history.count > Self.longestHistory { history.removeFirst() }
        showMemory()
        run.round = file.round
        run.published = published
        run.charged = charged
        if file.state == .published { run.restoredThrough = nil }
        unbooked = file
    }

    /// Writes `run.json` after a concluded round, and only then drops the noisy sum that a replay would need. Does
    /// nothing where all is booked. Throws where a write failed; it can be tried again.
    func book() throws {
        guard let file = unbooked else { return }
        try state.write(file)
        try write(run)
        try state.removeNoisySum(file.round)
        try state.keepModels(context.setup.configuration.modelsKept)
        unbooked = nil
        moveOldRounds()
        context.board.change { $0.isHealthy = true }
    }

    /// Puts the figures of an evaluation into its round's file, which is returned; nil where the round is out of sight.
    func record(_ result: EvaluationResult) -> RoundFile? {
        guard let place = history.lastIndex(where: { $0.round == result.round }) else { return nil }
        var file = history[place]
        file.accuracy = result.accuracy
        func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }
        file.loss = finite(result.loss)
        (file.mae, file.rmse, file.r2) = (finite(result.mae), finite(result.rmse), finite(result.r2))
        file.evaluationSeconds = result.seconds
        history[place] = file
        if unbooked?.round == file.round { unbooked = file }
        do {
            try state.write(file, syncsFolder: false)
        } catch {
            // The figures stay on the dashboard; they are no part of what a restart needs.
            context.storageFailed("keep the evaluation of round \(file.round)", error)
        }
        return file
    }
}
