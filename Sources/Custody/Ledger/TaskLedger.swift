internal import FoundationEssentials
internal import Glibc
package import Ledger
package import Privacy

/// The privacy ledger of one run in its file, whoever keeps it: charge → settle → release, every line as durable as the
/// file makes it before it counts.
///
/// ε is composed of the events that the lines have, never of a number of rounds. After a failed write what is on disk is
/// unknown; the next use opens and verifies the file anew.
package final class TaskLedger {
    /// ε of composed events against an observer, at the δ of the ledger's budget.
    package typealias Accountant = (BudgetExcess.Observer, _ events: [PrivacyEvent]) throws -> Double

    /// Whose ledger it is, and for what.
    package struct Identity {
        package var run: String
        package var opening: LedgerEntry.Opening
        /// The limits that charges and releases are held to.
        package var budget: PrivacyBudget
        package var key: LedgerKey
        /// Whether lines say when they were written. Those of a rehearsal do not: they reproduce.
        package var isTimed: Bool
        /// Charged rounds between two checkpoints; nil: none are written or read.
        package var checkpointEvery: Int?

        package init(
            run: String, opening: LedgerEntry.Opening, budget: PrivacyBudget, key: LedgerKey,
            isTimed: Bool = true, checkpointEvery: Int? = nil
        ) {
            (self.run, self.opening, self.budget) = (run, opening, budget)
            (self.key, self.isTimed, self.checkpointEvery) = (key, isTimed, checkpointEvery)
        }
    }

    /// Of a ledger with checkpoints: more than a run ever has open.
    private static let roundsKept = 64

    private let identity: Identity
    private let openFile: () throws -> LedgerFile
    private let accountant: Accountant
    private let check: (LedgerVerdict) throws -> Void
    private let boundLines: () -> Int
    private var file: LedgerFile
    private var ledger: PrivacyLedger?
    private var checkpoints: CheckpointKeeper
    private var reader = LedgerReader()
    /// The costs that were written last, and how: they are mostly the same again.
    private var last: (costs: RoundCosts, written: LedgerEntry.RoundCosts)?

    /// Opens the ledger, writing its first line, or takes it up again: a torn last line is cut off, any other fault is
    /// refused (`LedgerError`). `check` sees what was read, now and whenever the file is opened anew, before anything is
    /// written or cut, and may throw. `file` is called now, and whenever the file is opened anew. `boundLines` is how many
    /// lines the state beside the ledger remembers: no checkpoint hides any that follow those.
    package init(
        _ identity: Identity, file: @escaping () throws -> LedgerFile, accountant: @escaping Accountant,
        boundLines: @escaping () -> Int = { .max },
        check: @escaping (LedgerVerdict) throws -> Void = { _ in }
    ) throws {
        self.identity = identity
        openFile = file
        self.accountant = accountant
        self.check = check
        self.boundLines = boundLines
        checkpoints = CheckpointKeeper(every: identity.checkpointEvery, key: identity.key)
        self.file = try file()
        ledger = try Self.open(identity, self.file, &checkpoints, boundLines(), check)
    }

    private static func open(
        _ identity: Identity, _ file: LedgerFile, _ checkpoints: inout CheckpointKeeper, _ boundLines: Int,
        _ check: (LedgerVerdict) throws -> Void
    ) throws -> PrivacyLedger {
        let checkpoint = checkpoints.read(file.checkpoint, boundLines: boundLines)
        var linesBefore = 0
        let ledger = try PrivacyLedger(
            run: identity.run, opening: identity.opening, time: identity.isTimed ? now : nil,
            hash: LedgerSHA256(), signer: identity.key, verifier: identity.key, store: file,
            checkpoint: checkpoint,
            // Without checkpoints rounds may be played again from far back, as a rehearsal does.
            roundsKept: identity.checkpointEvery == nil ? nil : roundsKept
        ) { verdict in
            linesBefore = verdict.linesBefore
            try check(verdict)
        }
        checkpoints.isOpened(ledger, linesBefore: linesBefore)
        return ledger
    }

    /// What was wrong with the ledger's checkpoint when it was opened last, as one line: all of the ledger was verified then.
    package var checkpointComplaint: String? { checkpoints.complaint }

    /// The state beside the ledger remembers so many lines now, durably: a checkpoint of no more than those may be kept.
    package func isBound(through lines: Int) { checkpoints.isBound(through: lines, file.checkpoint) }

    // MARK: What it says

    /// What the lines amount to; nil after a failed write.
    package var state: LedgerState? { ledger?.state }
    /// The last line; nil after a failed write.
    package var head: LedgerHead? { ledger?.head }

    /// ε of everything counted so far against an observer.
    package func spent(against observer: BudgetExcess.Observer) throws -> Double {
        guard let state else { throw LedgerError.failedBefore }
        switch observer {
        case .releasedModels: return try accountant(observer, reader.events(state.releasedEvents))
        case .server: return try accountant(observer, reader.events(state.serverEvents))
        }
    }

    /// Everything counted so far against other members of the cohorts, composed; nil where a line does not say.
    package func membersEvents() throws -> [PrivacyEvent]? {
        guard let state else { throw LedgerError.failedBefore }
        return try state.membersEvents.map { try reader.events($0) }
    }

    /// The same for a single record.
    package func exampleEvents() throws -> [PrivacyEvent] {
        guard let state else { throw LedgerError.failedBefore }
        return try reader.events(state.exampleEvents)
    }

    // MARK: Lines

    /// Opens the file anew where a write failed before. Throws as ``init(_:file:accountant:check:)``.
    package func reopen() throws {
        guard ledger == nil else { return }
        file = try openFile()
        ledger = try Self.open(identity, file, &checkpoints, boundLines(), check)
    }

    /// Writes the worst case of a round, unless the budget forbids it.
    package func charge(round: Int, costs: RoundCosts) throws {
        let costs = try entry(of: costs)
        try write { ledger throws in
            checkpoints.note(ledger)
            try ledger.charge(
                round: round, costs: costs, within: identity.budget, time: time, epsilon: epsilon)
        }
    }

    /// Charges a round that was, or may have been, released by a state that is lost, and with a `reason` abandons it, as
    /// far as that is not written yet. No budget forbids it: what is spent is spent.
    package func chargeAnew(round: Int, costs: LedgerEntry.RoundCosts, abandonedFor reason: String?) throws {
        try write { ledger throws in
            if ledger.state.round(round) == nil {
                try ledger.charge(
                    round: round, costs: costs,
                    within: PrivacyBudget(epsilon: .infinity, delta: identity.budget.delta), time: time,
                    epsilon: { _, _, _ in .infinity })
            }
            guard let reason else { return }
            switch ledger.state.round(round)?.progress {
            case .released, .abandoned, nil: break
            case .charged, .settled: try ledger.abandon(round: round, reason: reason, time: time)
            }
        }
    }

    /// Writes what a charged round became: `costs` are those that its noisy sum came with.
    package func settle(round: Int, survivors: Int, costs: RoundCosts, sumDigest: String) throws {
        let settlement = LedgerEntry.Settlement(
            survivors: survivors, costs: try entry(of: costs), sumDigest: sumDigest)
        try write { ledger throws in try ledger.settle(round: round, settlement, time: time) }
    }

    /// Writes that a round's model is about to be published.
    package func release(round: Int, modelDigest: String) throws {
        try write { ledger throws in
            try ledger.release(
                round: round, modelDigest: modelDigest, within: identity.budget, time: time, epsilon: epsilon)
        }
    }

    /// Writes that a round releases nothing. One that was never charged cost nothing and leaves no line.
    package func abandon(round: Int, reason: String) throws {
        try write { ledger throws in
            guard ledger.state.round(round) != nil else { return }
            try ledger.abandon(round: round, reason: reason, time: time)
        }
    }

    /// Writes what an administrator does, before it takes effect.
    package func record(actor: String, action: String) throws {
        try write { ledger throws in
            try ledger.recordAdministration(actor: actor, action: action, time: time)
        }
    }

    /// Puts all lines on the device, where the file does not do so by itself.
    package func synchronise() throws { try file.synchronise() }

    private func write(_ body: (inout PrivacyLedger) throws -> Void) throws {
        try reopen()
        guard var current = ledger.take() else { throw LedgerError.failedBefore }
        do {
            try body(&current)
            ledger = consume current
        } catch let error as LedgerError {
            if case .failedBefore = error { throw error }
            ledger = consume current
            throw error
        }
    }

    private func epsilon(
        _ observer: BudgetExcess.Observer, _ tally: LedgerTally, _ delta: Double
    ) throws -> Double {
        try accountant(observer, reader.events(tally))
    }

    /// What lines say of these costs.
    package func entry(of costs: RoundCosts) throws -> LedgerEntry.RoundCosts {
        if let last, last.costs == costs { return last.written }
        let written = LedgerEntry.RoundCosts(
            released: try costs.released.map(LedgerEvent.init),
            server: try costs.server.map(LedgerEvent.init),
            example: try costs.example.map(LedgerEvent.init), members: try costs.members.map(LedgerEvent.init)
        )
        last = (costs, written)
        return written
    }

    private var time: String? { identity.isTimed ? Self.now : nil }

    /// The time of a line, ISO 8601, whole seconds.
    package static var now: String {
        Date(timeIntervalSince1970: Double(Glibc.time(nil))).formatted(Date.ISO8601FormatStyle())
    }
}
