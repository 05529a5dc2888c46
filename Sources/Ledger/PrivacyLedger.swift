/// Why a ledger did not take an entry. Whatever the entry would have covered must not be done.
package enum LedgerError: Error, CustomStringConvertible {
    /// The ledger on disk is not one this ledger wrote; nothing may be released on it.
    case unsound(LedgerFinding)
    /// The ledger belongs to another run or key.
    case otherOwner(found: String, expected: String)
    /// A rule forbids the entry.
    case rule(LedgerRuleViolation)
    /// The store or signer failed earlier, so what is on disk is unknown: open the ledger again.
    case failedBefore
    /// The round would spend more than the budget.
    case unaffordable(BudgetExcess)

    package var description: String {
        switch self {
        case .unsound(let finding): "the privacy ledger is not sound, \(finding)"
        case .otherOwner(let found, let expected): "the privacy ledger belongs to \(found), not \(expected)"
        case .rule(let violation): "the privacy ledger refuses: \(violation)"
        case .failedBefore: "writing the privacy ledger failed before; restart to open it again"
        case .unaffordable(let excess): "\(excess)"
        }
    }
}

/// The durable record of what a run has spent: charge → noise → settle → release.
///
/// Each method returns once its line is durable, and throws otherwise; the caller then must not go on. Only a settlement may
/// become durable with the release that must follow it: until then a restart settles the same sum again. Repeating what is
/// recorded already, as a resumed run does, writes nothing. After a failed write the ledger takes no
/// further entry until it is opened again. One writer a ledger.
package struct PrivacyLedger: ~Copyable {
    package let run: String
    /// What the lines amount to.
    package private(set) var state: LedgerState
    /// The last line, to be kept elsewhere as an anchor.
    package private(set) var head: LedgerHead?
    /// Bytes of a line torn by a crash that were cut off on opening.
    package let tornBytes: Int

    /// Bytes of the ledger, and where its last line begins.
    private var size: Int
    private var lastLine: Int
    private let hash: any LedgerHash
    private let signer: any LedgerSigner
    private let store: any LedgerStore
    private var hasFailed: Bool

    /// Opens the ledger in the store: writes its first line where it is empty, or reads and verifies it.
    ///
    /// A last line torn by a crash is cut off; it was never reported durable, so nothing followed from it. Any
    /// other fault throws `unsound`. Rounds charged and not settled keep their charge. Throws `otherOwner` when
    /// the ledger is of another run or key, or was opened with another `opening`. `check` sees what was read before
    /// anything is written or cut, and may throw. Only what follows a `checkpoint` of this ledger is read, unless that
    /// does not fit it. `roundsKept`: how many rounds its state keeps one by one at least, more than are ever open or
    /// recorded again; nil: all.
    package init(
        run: String, opening: LedgerEntry.Opening, time: String? = nil, hash: any LedgerHash,
        signer: any LedgerSigner, verifier: any LedgerVerifier, store: any LedgerStore,
        anchor: LedgerHead? = nil, checkpoint: LedgerCheckpoint? = nil,
        roundsKept: Int? = nil,
        check: (LedgerVerdict) throws -> Void = { _ in }
    ) throws {
        let verification = LedgerVerification(
            hash: hash, verifier: verifier, trustedKey: signer.publicKey, anchor: anchor)
        let (verdict, end) = try verification.read(after: checkpoint) { try store.load(from: $0) }
        if let finding = verdict.findings.first { throw LedgerError.unsound(finding) }
        if let first = verdict.lines.first, first.run != run {
            throw LedgerError.otherOwner(found: "run \(first.run)", expected: "run \(run)")
        }
        if let recorded = verdict.state.opening, recorded != opening {
            throw LedgerError.otherOwner(found: "another task or budget", expected: "the one configured")
        }
        try check(verdict)
        if verdict.tornBytes > 0 { try store.truncate(to: end - verdict.tornBytes) }
        var state = verdict.state
        state.kept = roundsKept
        var head = verdict.head
        var size = end - verdict.tornBytes
        let lastLine = size - (verdict.lines.last.map { $0.text.utf8.count + 1 } ?? 0)
        if state.opening == nil {
            let entry = LedgerEntry.open(opening)
            try state.apply(entry)
            let line = try LedgerLine(
                run: run, sequence: 1, previous: LedgerLine.origin, time: time, entry: entry, hash: hash,
                signer: signer)
            (head, size) = try Self.write(line, to: store)
        }
        self.run = run
        self.hash = hash
        self.signer = signer
        self.store = store
        self.state = state
        self.head = head
        (self.size, self.lastLine) = (size, lastLine)
        tornBytes = verdict.tornBytes
        hasFailed = false
    }

    /// Records the worst case of a round, before its noise is drawn, unless `budget` forbids it.
    ///
    /// Idempotent by round: a round charged already at the same costs is left as it is, budget or not.
    package mutating func charge(
        round: Int, costs: LedgerEntry.RoundCosts, within budget: PrivacyBudget, time: String? = nil,
        epsilon: PrivacyBudget.Accountant
    ) throws {
        if let known = state.round(round) {
            guard known.charge == costs else { throw LedgerError.rule(.chargedOtherwise(round: round)) }
            if case .abandoned = known.progress { throw LedgerError.rule(.abandoned(round: round)) }
            return
        }
        if let excess = try budget.excess(of: costs, after: state, epsilon: epsilon) {
            throw LedgerError.unaffordable(excess)
        }
        try append(.charge(round: round, costs: costs), time: time)
    }

    /// Records what a round became, after its noisy sum is durable. Idempotent for the same settlement.
    package mutating func settle(
        round: Int, _ settlement: LedgerEntry.Settlement, time: String? = nil
    ) throws {
        switch state.round(round)?.progress {
        case .settled(settlement), .released(settlement, _): return
        default: try append(.settle(round: round, settlement), time: time, waits: false)
        }
    }

    /// Records the release of a round's model, before it is published, with ε of the ledger as the accountant
    /// has it. Idempotent for the same model; a second model for one round is refused.
    ///
    /// The budget is asked once more, since fewer survivors than planned make a round dearer than its charge.
    package mutating func release(
        round: Int, modelDigest: String, within budget: PrivacyBudget, time: String? = nil,
        epsilon: PrivacyBudget.Accountant
    ) throws {
        if case .released(_, modelDigest) = state.round(round)?.progress { return }
        let none = LedgerEntry.RoundCosts(released: [], server: [])
        if let excess = try budget.excess(of: none, after: state, epsilon: epsilon) {
            throw LedgerError.unaffordable(excess)
        }
        let spent = try epsilon(.releasedModels, state.releasedEvents, budget.delta)
        let spentServer = try epsilon(.server, state.serverEvents, budget.delta)
        try append(
            .release(round: round, modelDigest: modelDigest, epsilon: spent, serverEpsilon: spentServer),
            time: time)
    }

    /// Records that a round will not be released. Its charge stays. Idempotent.
    package mutating func abandon(round: Int, reason: String, time: String? = nil) throws {
        if case .abandoned = state.round(round)?.progress { return }
        try append(.abandon(round: round, reason: reason), time: time)
    }

    /// Records what an administrator did, before it takes effect.
    package mutating func recordAdministration(actor: String, action: String, time: String? = nil) throws {
        try append(.admin(actor: actor, action: action), time: time)
    }

    /// Ends the ledger. Idempotent.
    package mutating func close(reason: String, time: String? = nil) throws {
        guard !state.isClosed else { return }
        try append(.close(reason: reason), time: time)
    }

    /// The entry's line made, checked against the rules and written; the state follows only once it is durable.
    private mutating func append(_ entry: LedgerEntry, time: String?, waits: Bool = true) throws {
        guard !hasFailed else { throw LedgerError.failedBefore }
        let change: LedgerState.Change
        do {
            change = try state.change(for: entry)
        } catch {
            throw LedgerError.rule(error)
        }
        do {
            let line = try LedgerLine(
                run: run, sequence: (head?.sequence ?? 0) + 1, previous: head?.hash ?? LedgerLine.origin,
                time: time,
                entry: entry, hash: hash, signer: signer)
            let written = try Self.write(line, to: store, waits: waits)
            head = written.head
            lastLine = size
            size += written.bytes
        } catch {
            hasFailed = true
            throw error
        }
        state.perform(change)
    }

    /// Makes the line durable, or throws.
    private static func write(
        _ line: LedgerLine, to store: any LedgerStore, waits: Bool = true
    ) throws -> (head: LedgerHead, bytes: Int) {
        let bytes = Array((line.text + "\n").utf8)
        try store.append(bytes, waits: waits)
        return (LedgerHead(sequence: line.sequence, hash: line.hash), bytes.count)
    }

    /// A checkpoint of all lines so far; nil without any.
    package var checkpoint: LedgerCheckpoint? {
        head.map { LedgerCheckpoint(run: run, head: $0, offset: lastLine, sums: state.sums) }
    }
}
