internal import Custody
internal import Encoding
internal import Federation
internal import Ledger
internal import Operations
internal import Privacy

/// The files of the state directory, held against each other before anything follows from one of them: what a
/// crash cannot have left is refused, with the name of the file and the way on.
struct StateAgreement {
    private let state: StateDirectory
    private let run: RunState
    private let ledger: ServerLedger
    private let roster: RosterDesk
    private let plan: TaskPlan

    /// What is to be compared: `run` as `run.json` says.
    init(
        state: StateDirectory, run: RunState, ledger: ServerLedger, roster: RosterDesk, plan: TaskPlan
    ) {
        self.state = state
        self.run = run
        self.ledger = ledger
        self.roster = roster
        self.plan = plan
    }

    /// Throws a storage `Failure` where rounds, models, ledger and registry do not agree with the run.
    func check() throws {
        try checkNumbers()
        try checkNextRound()
    }

    /// What commits to the key, and matrix, that noise over rounds is taken out again with, those that it was drawn with; nil where there is
    /// none to remember. Throws a storage `Failure` where it is another, or missing.
    func treeNoiseDigest() throws -> String? {
        guard let leaves = plan.privacy?.roundsPerEvent else { return nil }
        let path = state.treeNoisePath
        let design = plan.privacy?.matrix?.fingerprint
        let digest = try state.treeNoiseKey.read().map { try RunKeyFile.digest(of: $0, design: design) }
        guard let expected = run.treeNoiseSHA256 ?? digest else {
            guard run.charged % leaves == 0 || run.restoredThrough != nil else {
                throw Failure(
                    .storage,
                    "\(path): missing, and the noise of earlier rounds with it; restore it from a backup")
            }
            return nil
        }
        guard digest == expected else {
            let what = digest == nil ? "missing" : "not the key that this run drew noise with"
            let matrix =
                design == nil || digest == nil
                ? "" : ", or the matrix of its noise is another: go on with the program that began the run"
            throw Failure(.storage, "\(path): \(what)\(matrix); restore it from a backup")
        }
        return expected
    }

    /// Nothing lies beyond the round that may have been open.
    private func checkNumbers() throws {
        let files = try state.roundNumbers().last.map { ($0, state.roundPath($0)) }
        let models = try state.modelRounds().last.map { ($0, state.modelPath($0)) }
        let next = run.round + 1
        for (number, path) in [files, models].compactMap(\.self) where number > next {
            throw Failure(
                .storage,
                "\(path): run.json ends at round \(run.round): run.json is the older; "
                    + ServerLedger.wayOn(state.ledger))
        }
    }

    /// The round after the last concluded one is as far as the ledger says, or one step behind it.
    private func checkNextRound() throws {
        let number = run.round + 1
        let path = state.roundPath(number)
        guard let file = try state.round(number) else {
            guard !ledger.isCharged(number) || ledger.gap?.rounds.contains(number) == true else {
                throw Failure(
                    .storage,
                    "\(path): missing, though the ledger has a charge of this round; \(ServerLedger.wayOn(state.ledger))"
                )
            }
            return
        }
        func refuse(_ why: String) -> Failure {
            Failure(.storage, "\(path): \(why); \(ServerLedger.wayOn(state.ledger))")
        }
        guard file.run == run.run else { throw refuse("is of another run") }
        let places = file.survivors + file.reports.keys.compactMap { Int($0) }
        guard roster.count >= file.registered ?? 0, places.allSatisfy(roster.isKnown) else {
            throw Failure(
                .storage,
                "\(state.agents): has \(roster.count) agents, fewer than round \(number); "
                    + "restore it from a backup")
        }
        guard file.invited.allSatisfy({ $0 < run.population }) else { throw StateDirectory.damaged(path) }
        switch file.state {
        case .open:
            // A masked round is closed by its file, and any other by its noisy sum; the settlement comes after.
            let isStored = try StoredFile.size(at: state.noisySumPath(number)) != nil
            let closed =
                try plan.masksReports
                ? nil : state.closedRound(number, count: plan.report.count, bits: plan.codec.bits)
            guard !isStored && !ledger.isSettled(number) || closed != nil else {
                throw refuse("says open, though the round's noisy sum exists: it is the older")
            }
            let fits = closed.map { closed in
                closed.run == file.run && closed.invited == file.invited
                    && closed.survivors.allSatisfy(roster.isKnown)
            }
            guard fits ?? true else {
                throw refuse("is of another round than its noisy sum")
            }
        case .closed: break
        case .published:
            guard let released = ledger.released(number), released == file.modelSHA256 else {
                throw refuse("says published, the ledger does not: the ledger is the older")
            }
        case .abandoned:
            guard ledger.released(number) == nil else {
                throw refuse("says abandoned, the ledger says released")
            }
            guard file.isCharged != true || ledger.isCharged(number) else {
                throw refuse("says charged, the ledger does not: the ledger is the older")
            }
        }
    }
}
