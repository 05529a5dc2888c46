internal import Federation
internal import Glibc
internal import Ledger
internal import Operations
internal import Privacy

/// Going on, on purpose, with ledgers that do not agree with `progress.json`: `sordino-agent ledger-accept`.
///
/// Rounds that `progress.json` remembers and a ledger lacks are charged anew at what the run's rounds cost; where nobody
/// knows that, without bound. ε never becomes smaller than the state remembers.
package struct AgentLedgerAcceptance {
    /// What was done about one run.
    package struct Outcome: Equatable, Sendable {
        package var run: String
        /// What did not agree.
        package var finding: String
        /// Rounds charged anew.
        package var chargedAnew: Int
        /// ε of those against the server, alone; infinite where nothing bounds it.
        package var epsilon: Double
        /// Where a ledger that cannot be trusted was moved.
        package var movedAside: String?
    }

    private let state: StateDirectory
    private var progress: RoundProgress
    private let key: LedgerKey
    private var bindings: [String: LedgerBinding] = [:]

    /// Accepts every ledger of a state directory that no agent uses. Throws a storage ``Failure``, also where there is
    /// nothing to accept.
    package static func accept(stateDirectory: String, reason: String?) throws -> [Outcome] {
        let state = try StateDirectory(stateDirectory)
        let progress = try readProgress(state)
        let runs = try AgentLedgers.runs(in: state, progress)
        let keyPath = state.file("ledger.key")
        // A key that is lost or damaged cannot come back: the ledgers get a new one.
        if (try? StoredFile.size(at: keyPath)) == nil || (try? LedgerKey(path: keyPath)) == nil {
            try moveAside(keyPath)
        }
        var acceptance = AgentLedgerAcceptance(
            state: state, progress: progress, key: try LedgerKey(path: keyPath))
        var outcomes: [Outcome] = []
        for run in runs {
            let ledger = try StoredLedger(run, in: state, key: acceptance.key, progress: progress)
            if let complaint = ledger.complaint {
                outcomes.append(try acceptance.accept(ledger, complaint, reason))
            } else if let verdict = ledger.verdict {
                acceptance.bindings[run] = AgentLedgers.binding(verdict.head, verdict.state)
            }
        }
        guard !outcomes.isEmpty else {
            throw Failure(
                .storage, "\(state.path): the ledgers agree with progress.json; there is nothing to accept")
        }
        try acceptance.progress.bind(acceptance.bindings)
        return outcomes
    }

    /// `progress.json`, or nothing where it is damaged: it is then moved aside.
    private static func readProgress(_ state: StateDirectory) throws -> RoundProgress {
        let path = state.file("progress.json")
        do {
            return try RoundProgress(path: path)
        } catch {
            // One of a later version is sound: it must not be put aside by an earlier program.
            guard !RoundProgress.isOfLaterVersion(path: path) else { throw error }
            try moveAside(path)
            return try RoundProgress(path: path)
        }
    }

    private mutating func accept(
        _ ledger: StoredLedger, _ finding: String, _ reason: String?
    ) throws -> Outcome {
        let isForked = ledger.isTrusted && ledger.binding.standing(of: ledger.verdict?.lines ?? []) == .forked
        let written = ledger.verdict?.lines.count { if case .charge = $0.entry { true } else { false } } ?? 0
        // Without a binding the number of the round begun last bounds how many there were.
        let known = ledger.binding == .nothing && written == 0 ? ledger.begun : ledger.binding.rounds
        let (present, last) = ledger.isTrusted ? (ledger.charged, ledger.lastCharged) : (0, 0)
        let missing =
            ledger.isTrusted
            ? (isForked ? max(known, 1) : max(0, known - present))
            : max(known, written, ledger.begun > 0 ? 1 : 0)
        let moved = ledger.isTrusted ? nil : try Self.moveAside(ledger.path)
        let costs = try costs(ledger)
        var file = try open(ledger)
        let first = max(last + 1, ledger.begun - missing + 1, 1)
        let epsilon = try Self.epsilon(costs, rounds: missing, delta: file.state.opening?.delta ?? 1e-5)
        let action =
            "accept: \(finding); \(missing) rounds charged anew, epsilon \(epsilon) of theirs alone"
            + (reason.map { "; \($0)" } ?? "")
        try file.recordAdministration(actor: "owner", action: action, time: AgentLedgers.now)
        for round in first..<first + missing {
            try file.charge(
                round: round, costs: costs, within: PrivacyBudget(epsilon: .infinity, delta: 0.5),
                time: AgentLedgers.now, epsilon: { _, _ in .infinity })
        }
        progress.end(run: ledger.run, round: max(last, first + missing - 1))
        bindings[ledger.run] = AgentLedgers.binding(file.head, file.state)
        return Outcome(
            run: ledger.run, finding: finding, chargedAnew: missing, epsilon: epsilon, movedAside: moved)
    }

    /// What a round of the run costs, by the state or the ledger; without bound where neither knows.
    private func costs(_ ledger: StoredLedger) throws -> LedgerEntry.RoundCosts {
        if let costs = ledger.binding.costs(charge: 1) { return costs }
        if let costs = ledger.verdict?.state.rounds.last?.charge { return costs }
        let event = PrivacyPlan.unprotected(.addOrRemoveOne)
        return LedgerEntry.RoundCosts(released: [], server: [try AgentLedgers.ledgerEvent(event)])
    }

    private func open(_ ledger: StoredLedger) throws -> PrivacyLedger {
        let folder = try OutputDirectory(state.file("runs/\(ledger.run)"), mode: 0o700)
        let opening =
            ledger.verdict?.state.opening ?? ledger.binding.openingEntry
            ?? LedgerEntry.Opening(
                taskDigest: "", adjacency: .addOrRemoveOne, delta: 1e-5, epsilonLimit: .infinity,
                serverEpsilonLimit: .infinity)
        do {
            return try PrivacyLedger(
                run: ledger.run, opening: opening, time: AgentLedgers.now, hash: LedgerDigest(), signer: key,
                verifier: key, store: LedgerFile(path: folder.file("ledger.jsonl")))
        } catch let error as LedgerError {
            throw Failure(.storage, "\(ledger.path): \(error)")
        }
    }

    private static func epsilon(
        _ costs: LedgerEntry.RoundCosts, rounds: Int, delta: Double
    ) throws -> Double {
        let events = try costs.server.map { try AgentLedgers.event($0) }
        return try AgentLedgers.epsilon(
            of: (0..<rounds).flatMap { _ in events }, delta: delta)
    }

    @discardableResult
    private static func moveAside(_ path: String) throws -> String? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        for number in 1...1000 {
            let aside = "\(path).refused-\(number)"
            guard lstat(aside, &status) != 0 else { continue }
            guard rename(path, aside) == 0 else { break }
            return aside
        }
        throw Failure(.storage, "cannot move \(path) aside")
    }
}
