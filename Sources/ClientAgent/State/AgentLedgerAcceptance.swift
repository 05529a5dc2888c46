internal import Custody
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
        let keyFile = AgentLedgers.keyFile(in: state)
        // A key that is lost or damaged cannot come back: the ledgers get a new one.
        let kept = try? keyFile.read()
        if kept == nil { try moveAside(keyFile.path) }
        var acceptance = AgentLedgerAcceptance(
            state: state, progress: progress, key: try kept ?? keyFile.make())
        var outcomes: [Outcome] = []
        for run in runs {
            let ledger = try StoredLedger(
                run, in: state, key: acceptance.key, progress: progress, isWhole: true)
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
        let isForked = ledger.isTrusted && ledger.standing == .forked
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
        let file = try open(ledger)
        let first = max(last + 1, ledger.begun - missing + 1, 1)
        let epsilon = try Self.epsilon(costs, rounds: missing, delta: file.state?.opening?.delta ?? 1e-5)
        let action =
            "accept: \(finding); \(missing) rounds charged anew, epsilon \(epsilon) of theirs alone"
            + (reason.map { "; \($0)" } ?? "")
        try file.record(actor: "owner", action: action)
        for round in first..<first + missing {
            try file.chargeAnew(round: round, costs: costs, abandonedFor: nil)
        }
        progress.end(run: ledger.run, round: max(last, first + missing - 1))
        bindings[ledger.run] = try AgentLedgers.binding(file)
        return Outcome(
            run: ledger.run, finding: finding, chargedAnew: missing, epsilon: epsilon, movedAside: moved)
    }

    /// What a round of the run costs, by the state or the ledger; without bound where neither knows.
    private func costs(_ ledger: StoredLedger) throws -> LedgerEntry.RoundCosts {
        if let costs = ledger.binding.costs(charge: 1) { return costs }
        if let costs = ledger.verdict?.state.lastCharge { return costs }
        let event = PrivacyPlan.unprotected(.addOrRemoveOne)
        return LedgerEntry.RoundCosts(released: [], server: [try LedgerEvent(event)])
    }

    private func open(_ ledger: StoredLedger) throws -> TaskLedger {
        let opening =
            ledger.verdict?.state.opening ?? ledger.binding.openingEntry
            ?? LedgerEntry.Opening(
                taskDigest: "", adjacency: .addOrRemoveOne, delta: 1e-5, epsilonLimit: .infinity,
                serverEpsilonLimit: .infinity)
        do {
            return try AgentLedgers.open(ledger.run, opening, in: state, key: key)
        } catch let error as LedgerError {
            throw Failure(.storage, "\(ledger.path): \(error)")
        }
    }

    private static func epsilon(
        _ costs: LedgerEntry.RoundCosts, rounds: Int, delta: Double
    ) throws -> Double {
        guard rounds > 0 else { return 0 }
        let events = try costs.server.map { try $0.privacyEvent().repeated(rounds) }
        return try AgentLedgers.epsilon(of: events, delta: delta)
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
