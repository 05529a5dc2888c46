internal import Federation
internal import Foundation
internal import Operations
internal import Privacy

/// The files of the state directory are held against each other before anything follows from one of them: what a
/// crash cannot have left is refused, with the name of the file and the way on.
extension RoundOwner {
    /// Holds them against each other, takes up orders and gaps that the ledger announces, and binds `run.json` to
    /// ledger and registry. Called once, before ``recover()``.
    func bindState() throws {
        try checkNumbers()
        try checkNextRound()
        try checkTreeNoise()
        try takeUpOrders()
        try takeUpGap()
        try keep(run)
        warnOfMissingFiles()
    }

    /// Writes `run.json`, bound to ledger and registry as they are now. Throws a storage `Failure`.
    func keep(_ changed: RunState) throws {
        var bound = changed
        bound.version = RunState.currentVersion
        bound.ledger = try ledger.binding()
        bound.registry = roster.count
        bound.registrySHA256 = roster.digest
        try state.write(bound)
        ledger.isBound(by: bound)
    }

    // MARK: What a crash cannot have left

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
        guard roster.count >= file.registered ?? 0,
            places.allSatisfy(roster.isKnown)
        else {
            throw Failure(
                .storage,
                "\(state.agents): has \(roster.count) agents, fewer than round \(number); "
                    + "restore it from a backup")
        }
        guard file.invited.allSatisfy({ $0 < run.population }) else { throw StateDirectory.damaged(path) }
        switch file.state {
        case .open:
            // The noisy sum and its settlement come after the file that closes the round.
            guard !ledger.isSettled(number), try StoredFile.size(at: state.noisySumPath(number)) == nil else {
                throw refuse("says open, though the round's noisy sum exists: it is the older")
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

    /// Noise in trees is taken out again with the key that it was drawn with.
    private func checkTreeNoise() throws {
        guard let leaves = plan.privacy?.tree?.leaves else { return }
        let path = state.treeNoisePath
        let digest = try state.treeNoiseKey().map { try Hash.text($0) }
        guard let expected = run.treeNoiseSHA256 ?? digest else {
            guard run.charged % leaves == 0 || run.restoredThrough != nil else {
                throw Failure(
                    .storage,
                    "\(path): missing, and the noise of earlier rounds with it; restore it from a backup")
            }
            return
        }
        guard digest == expected else {
            let what = digest == nil ? "missing" : "not the key that this run drew noise with"
            throw Failure(.storage, "\(path): \(what); restore it from a backup")
        }
        run.treeNoiseSHA256 = expected
    }

    // MARK: What the ledger announces

    /// Orders are in the ledger before they take effect: those that `run.json` does not have are carried out now, and
    /// whoever was shut out stays so, whatever became of the registry.
    private func takeUpOrders() throws {
        for action in ledger.orders where !isFinished {
            switch action {
            case "pause": run.isPaused = true
            case "resume": run.isPaused = false
            case "stop": (run.isStopping, run.isPaused) = (true, false)
            default: break
            }
        }
        for client in ledger.revoked.sorted() { try roster.revoke(client) }
    }

    /// Ends what a process before began: a gap whose rounds are not all charged, or a restored state whose rounds may
    /// have been released before it was lost.
    private func takeUpGap() throws {
        guard !isFinished else { return }
        if let gap = ledger.gap, gap.rounds.lowerBound == run.round + 1 {
            try passOver(gap, why: "")
            return
        }
        guard let through = run.restoredThrough else { return }
        let isTreeOpen = run.charged % (plan.rules.participationWindow ?? 1) != 0
        guard through > run.round || isTreeOpen else { return }
        try passOver(
            through: max(through, run.round),
            why: "they may have been released before this state was restored")
    }

    private func warnOfMissingFiles() {
        guard let present = try? Set(state.roundNumbers()) else { return }
        let missing = ledger.releasedRounds.filter { $0 <= run.round && !present.contains($0) }
        guard let first = missing.first else { return }
        log.warning(
            "files of released rounds are missing; nothing but the dashboard needs them",
            [
                "folder": .text("\(state.path)/rounds"), "missing": .integer(missing.count),
                "first": .integer(first),
            ])
    }

    // MARK: Passing over rounds

    /// Never uses the numbers up to `last`, and charges them: their models were, or may have been, released. In trees
    /// of noise the rest of the tree is passed over as well: nobody knows who took part in it.
    func passOver(through last: Int, why: String) throws {
        var end = last
        if let window = plan.rules.participationWindow {
            end += (window - (run.charged + last - run.round) % window) % window
        }
        guard end > run.round, let gap = LedgerGap(run.round + 1, end) else {
            throw Failure(.internalFault, "there is no gap up to round \(end)")
        }
        try passOver(gap, why: why)
    }

    private func passOver(_ gap: LedgerGap, why: String) throws {
        try ledger.charge(gap, after: run.charged, why: why.isEmpty ? "passed over" : why)
        var changed = run
        changed.round = gap.rounds.upperBound
        changed.charged += gap.rounds.count
        changed.treeNoiseSHA256 = nil
        try keep(changed)
        run = changed
        // A new tree has a new key: the old one's noise may be in models elsewhere.
        try AtomicFile.remove(state.treeNoisePath)
        engine = engine(round: run.round, charged: run.charged)
        log.warning(
            "round numbers are passed over, and charged",
            [
                "first": .integer(gap.rounds.lowerBound), "last": .integer(gap.rounds.upperBound),
                "why": .text(why),
            ])
    }
}
