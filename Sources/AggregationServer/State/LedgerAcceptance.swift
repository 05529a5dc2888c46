internal import Custody
internal import Foundation
internal import Glibc
internal import Ledger
internal import Operations
internal import Privacy

/// Going on, on purpose, with a ledger that does not agree with its state: `sordino ledger accept`.
///
/// Whoever accepts cannot make ε smaller than the state remembers. Rounds that the state, its files or the ledger know
/// of and the ledger has no charge for are charged anew at the plan's cost; where the two went different ways, all that
/// the state remembers is charged on top. An `admin` line says what was missing, how much was charged, and why.
package struct LedgerAcceptance {
    /// What was done.
    package struct Outcome: Equatable, Sendable {
        /// What did not agree.
        package var finding: String
        /// Rounds charged anew.
        package var chargedAnew: Int
        /// ε of those rounds alone at the ledger's δ; nil where nothing was charged or nothing bounds it.
        package var epsilon: Double?
        /// Where a ledger that cannot be trusted was moved.
        package var movedAside: String?
        /// Lines and last hash of the ledger now.
        package var lines: Int
        package var head: String
        /// The greatest round number that is never used again.
        package var round: Int
    }

    private let state: StateDirectory
    private var run: RunState
    private let verdict: LedgerVerdict
    private let key: LedgerKey?
    /// Greatest round number that anything in the folder knows of.
    private let greatest: Int
    private let isTrusted: Bool

    /// Accepts the ledger of a state directory that no server uses. Throws a storage `Failure`, also where nothing has
    /// to be accepted or nobody knows what a round costs.
    package static func accept(_ directory: String, actor: String, reason: String?) throws -> Outcome {
        guard try StoredFile.size(at: "\(directory)/run.json") != nil else {
            throw Failure(
                .storage,
                "\(directory)/run.json: missing; without it nobody knows what the run spent: restore it from a backup"
            )
        }
        let lock = try StateLock(directory)
        defer { withExtendedLifetime(lock) {} }
        var acceptance = try LedgerAcceptance(StateDirectory(directory))
        return try acceptance.accept(actor: actor, reason: reason)
    }

    private init(_ state: StateDirectory) throws {
        self.state = state
        guard let run = try state.run() else { throw StateDirectory.missing(state.runPath) }
        self.run = run
        key = try? state.ledgerKey.read()
        verdict = LedgerVerification.verdict(on: try LedgerFile.bytes(at: state.ledger) ?? [], key: key)
        isTrusted =
            key != nil && verdict.findings.isEmpty && !verdict.lines.isEmpty
            && verdict.lines.allSatisfy { $0.run == run.run }
        let numbers = try state.roundNumbers() + state.modelRounds()
        let charged = verdict.lines.compactMap(\.entry.round).filter(RoundFile.numbers.contains)
        greatest = max(run.round, numbers.max() ?? 0, charged.max() ?? 0, run.restoredThrough ?? 0)
    }

    private var binding: LedgerBinding { run.ledger ?? .nothing }

    /// What is wrong; nil where nothing is.
    private func finding() throws -> String? {
        guard isTrusted else {
            if verdict.lines.isEmpty { return "the ledger holds no line" }
            return verdict.findings.first.map { "the ledger is not sound, \($0)" }
                ?? (key == nil ? "the ledger's key is lost" : "the ledger is another run's")
        }
        if let complaint = binding.complaint(verdict, round: run.round) { return complaint }
        let there = verdict.state.rounds.count { $0.number <= run.round }
        if there < run.charged {
            return "the ledger has \(there) charged rounds, run.json remembers \(run.charged)"
        }
        let next = run.round + 1
        if greatest > next {
            return "files of round \(greatest) are there, run.json ends at round \(run.round)"
        }
        guard let file = try? state.round(next) else {
            return greatest == next ? "the file of round \(next) is missing or damaged" : nil
        }
        let isOlder =
            switch file.state {
            case .open, .closed: try StoredFile.size(at: state.noisySumPath(next)) != nil
            case .published: true
            case .abandoned: file.isCharged == true
            }
        return isOlder ? "the file of round \(next) and the ledger do not agree" : nil
    }

    private mutating func accept(actor: String, reason: String?) throws -> Outcome {
        guard let finding = try finding() else {
            throw Failure(.storage, "\(state.ledger): agrees with run.json; there is nothing to accept")
        }
        var (present, last) = (0, 0)
        if isTrusted {
            present = verdict.state.rounds.count
            last = verdict.state.rounds.last?.number ?? 0
        }
        // Where the two went different ways nobody knows which rounds they have in common: none, then.
        let isForked = isTrusted && binding.standing(of: verdict) == .forked
        let remembered = max(run.charged, binding.rounds) + greatest - run.round
        let written = verdict.lines.count { if case .charge = $0.entry { true } else { false } }
        let missing =
            isTrusted ? max(0, isForked ? remembered : remembered - present) : max(remembered, written)
        let template = try template(isNeeded: missing > 0)
        let moved = try isTrusted ? nil : moveAside()
        let ledger = try open(template)
        let first = max(last + 1, greatest - missing + 1, 1)
        let costs = (0..<missing).compactMap { template.costs(charge: present + $0 + 1) }
        let epsilon = try Self.epsilon(costs, template.openingEntry)
        let shown = epsilon.map { "epsilon \($0) of theirs alone" } ?? "no bound of theirs is known"
        let counted =
            missing == 0
            ? "no round had to be charged anew"
            : "\(missing) round\(missing == 1 ? "" : "s") charged anew (\(first) to \(first + missing - 1)), \(shown)"
        let action = "accept: \(finding); \(counted)\(reason.map { "; \($0)" } ?? "")"
        try ledger.record(actor: actor, action: action)
        for (place, cost) in costs.enumerated() {
            try ledger.chargeAnew(
                round: first + place, costs: cost, abandonedFor: "charged anew by accept")
        }
        let end = max(greatest, first + missing - 1)
        guard let head = ledger.head, let rounds = ledger.state?.charged.count else {
            throw LedgerError.failedBefore
        }
        try bind(template, head: head, rounds: rounds, end: end)
        return Outcome(
            finding: finding, chargedAnew: missing, epsilon: epsilon, movedAside: moved, lines: head.sequence,
            head: head.hash, round: end)
    }

    /// What the ledger was opened for and what a round costs, by the state or by the ledger itself.
    private func template(isNeeded: Bool) throws -> LedgerBinding {
        var template = binding
        if template.opening == nil {
            template.opening = verdict.state.opening.map { LedgerEntry.open($0).text }
        }
        if template.charge == nil {
            let rounds = verdict.state.rounds
            let dearest = rounds.first { !$0.charge.released.isEmpty } ?? rounds.first
            template.charge = dearest.map { LedgerEntry.charge(round: 1, costs: $0.charge).text }
        }
        guard template.openingEntry != nil, !isNeeded || template.costs(charge: 1) != nil else {
            throw Failure(
                .storage,
                "\(state.ledger): neither it nor run.json says what a round costs; restore them from a backup"
            )
        }
        return template
    }

    private func moveAside() throws -> String? {
        guard try StoredFile.size(at: state.ledger) != nil else { return nil }
        for number in 1...1000 {
            let path = "\(state.ledger).refused-\(number)"
            guard try StoredFile.size(at: path) == nil else { continue }
            guard rename(state.ledger, path) == 0 else {
                throw Failure(.storage, "cannot move \(state.ledger): \(String(cString: strerror(errno)))")
            }
            try AtomicFile.remove(LedgerCheckpointFile(ledger: state.ledger).path)
            return path
        }
        throw Failure(.storage, "\(state.ledger): too many refused ledgers beside it; move them away")
    }

    private func open(_ template: LedgerBinding) throws -> TaskLedger {
        guard let opening = template.openingEntry else { throw StateDirectory.missing(state.ledger) }
        let identity = TaskLedger.Identity(
            run: run.run, opening: opening, budget: PrivacyBudget(epsilon: .infinity, delta: opening.delta),
            key: try key ?? state.ledgerKey.make())
        do {
            return try TaskLedger(
                identity, file: { [state] in try LedgerFile(state.ledger) }, accountant: { _, _ in .infinity }
            )
        } catch let error as LedgerError {
            throw Failure(.storage, "\(state.ledger): \(error)")
        }
    }

    /// Rounds up to `end` are over, and `run.json` says so.
    private mutating func bind(
        _ template: LedgerBinding, head: LedgerHead, rounds: Int, end: Int
    ) throws {
        for number in try state.roundNumbers() where number > run.round {
            guard var file = try? state.round(number), [.open, .closed].contains(file.state) else { continue }
            (file.state, file.abandoned, file.isCharged) = (.abandoned, "passed over by accept", true)
            try state.write(file)
        }
        run.version = RunState.currentVersion
        run.round = end
        run.charged = rounds
        run.restoredThrough = end
        run.treeNoiseSHA256 = nil
        var bound = template
        (bound.lines, bound.head, bound.rounds) = (head.sequence, head.hash, rounds)
        run.ledger = bound
        try state.write(run)
        // The rest of a tree of noise is passed over; the next has a key of its own.
        try AtomicFile.remove(state.treeNoisePath)
    }

    /// ε of rounds by what they cost against whoever sees the released models.
    private static func epsilon(
        _ costs: [LedgerEntry.RoundCosts], _ opening: LedgerEntry.Opening?
    ) throws -> Double? {
        let events = try costs.flatMap(\.released).map { try $0.privacyEvent() }
        guard !events.isEmpty, let delta = opening?.delta else { return nil }
        let epsilon = try PrivacyGuarantee.of(PrivacyEvent.composed(events), delta: delta).epsilon
        return epsilon.isFinite ? epsilon : nil
    }
}
