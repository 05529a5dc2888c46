internal import Cryptography
internal import Custody
package import Federation
package import Ledger
internal import Operations
package import Privacy

/// The agent's own account of what it has spent: one hash-chained, signed ledger a run, and ε over all of them,
/// because a server that names another run must not get a fresh budget.
package final class AgentLedgers {
    private let state: StateDirectory
    private let key: LedgerKey
    /// What the rounds of every run cost against the server, like events composed.
    private(set) var events: [String: [PrivacyEvent]] = [:]
    /// What they cost a single record, and against other members of the cohorts; nil where a ledger does not say.
    private(set) var recordEvents: [String: [PrivacyEvent]] = [:]
    private(set) var memberEvents: [String: [PrivacyEvent]?] = [:]
    /// The ledger that is written to.
    private var open: (run: String, ledger: TaskLedger)?
    private var reader = LedgerReader()

    /// What each run's ledger has now, for `progress.json`.
    package private(set) var bindings: [String: LedgerBinding] = [:]

    /// Opens the ledgers of a state directory, verifies every line, and holds them against `progress.json` and the
    /// outbox. Throws a storage ``Failure`` that names the file where they do not agree; nothing may then be served.
    ///
    /// Without `makesKey` nothing is written, not even the key of ledgers that have no line yet.
    package init(state: StateDirectory, makesKey: Bool = true) throws {
        self.state = state
        let progress = try RoundProgress(path: state.file("progress.json"))
        let runs = try Self.runs(in: state, progress)
        let key = try Self.key(in: state, runs, isMade: makesKey)
        self.key = key
        let ledgers = try runs.map {
            try StoredLedger($0, in: state, key: key, progress: progress, isWhole: false)
        }
        for ledger in ledgers {
            if let complaint = ledger.complaint {
                throw Failure(.storage, "\(ledger.path): \(complaint); \(Self.wayOn)")
            }
            guard let verdict = ledger.verdict else { continue }
            try keep(ledger.run, verdict.state)
            bindings[ledger.run] = Self.binding(verdict.head, verdict.state)
        }
        try Self.checkOutbox(state, ledgers)
    }

    /// Ledgers of an agent that has not served a round.
    private init(nothingIn folder: String) throws {
        state = try StateDirectory(reading: folder)
        key = LedgerKey(try Signature.PrivateKey())
    }

    /// The ledgers of an agent that has not served a round yet; nothing is read or written.
    static func none() throws -> AgentLedgers { try AgentLedgers(nothingIn: "/") }

    /// The ledger of a run, opened to be written to; `boundLines` as ``Custody/TaskLedger`` has it.
    static func open(
        _ run: String, _ opening: LedgerEntry.Opening, in state: StateDirectory, key: LedgerKey,
        boundLines: @escaping () -> Int = { 0 }
    ) throws -> TaskLedger {
        let folder = try OutputDirectory(state.file("runs/\(run)"), mode: 0o700)
        // The limit is the policy's, over all runs; a ledger only records.
        let budget = PrivacyBudget(epsilon: .infinity, delta: opening.delta)
        return try TaskLedger(
            TaskLedger.Identity(run: run, opening: opening, budget: budget, key: key, checkpointEvery: 256),
            file: { try LedgerFile(folder.file("ledger.jsonl"), followsLinks: false) },
            accountant: { _, _ in .infinity }, boundLines: boundLines)
    }

    /// What is to be remembered of a ledger that is open.
    static func binding(_ ledger: TaskLedger) throws -> LedgerBinding? {
        guard let state = ledger.state else { throw LedgerError.failedBefore }
        return binding(ledger.head, state)
    }

    /// What is to be remembered of a ledger.
    static func binding(_ head: LedgerHead?, _ state: LedgerState) -> LedgerBinding? {
        guard let head else { return nil }
        return LedgerBinding(
            lines: head.sequence, head: head.hash, rounds: state.charged.count,
            opening: state.opening.map { LedgerEntry.open($0).text },
            charge: state.lastCharge.map { LedgerEntry.charge(round: 1, costs: $0).text })
    }

    /// Greatest round of `run` that was charged, 0 for none.
    package func lastRound(of run: String, task: TaskPlan, taskDigest: String) throws -> Int {
        try ledger(run: run, task: task, taskDigest: taskDigest).state?.charged.last ?? 0
    }

    /// ε against the server at `delta` over every round charged so far, `next` included; infinite when `next`
    /// is nil (the server would see the exact update). Throws where no accountant knows an event.
    package func epsilon(after next: PrivacyEvent?, delta: Double) throws -> Double {
        guard let next else { return .infinity }
        return try Self.epsilon(of: events.values.joined() + [next], delta: delta)
    }

    /// What the agent will have spent once a round of `task` is charged, over every run: against the server and other
    /// members at `delta`, the latter where `countsMembers`, and of a single record at `deltaExample`. Throws where no accountant knows an event.
    func spending(
        after task: TaskPlan, delta: Double, deltaExample: Double, countsMembers: Bool
    ) throws -> Spending {
        // A ledger that does not say what members could tell bounds nothing.
        let members = memberEvents.values.compactMap(\.self)
        let isStated = members.count == memberEvents.count
        return Spending(
            server: try epsilon(after: task.privacy?.serverEvent, delta: delta),
            members: try task.privacy.map { privacy in
                guard isStated, countsMembers else { return .infinity }
                return try Self.epsilon(
                    of: members.joined() + privacy.membersEvents(charge: 1), delta: delta)
            },
            record: try task.example.map {
                try Self.epsilon(
                    of: recordEvents.values.joined() + [$0.event(rounds: 1)], delta: deltaExample)
            })
    }

    private func keep(_ run: String, _ ledger: LedgerState) throws {
        events[run] = try reader.events(ledger.serverEvents)
        recordEvents[run] = try reader.events(ledger.exampleEvents)
        memberEvents[run] = .some(try ledger.membersEvents.map { try reader.events($0) })
    }

    /// ε against the server so far.
    package func spent(delta: Double) throws -> Double {
        try Self.epsilon(of: Array(events.values.joined()), delta: delta)
    }

    /// Charges a round at its full cost, durably; a round that is charged already is left as it is. Throws
    /// ``LedgerError`` or a storage ``Failure``; the update must then not leave.
    ///
    /// With per-example noise the ledger also says what the round costs a single record.
    package func charge(
        run: String, round: Int, task: TaskPlan, taskDigest: String
    ) throws {
        let ledger = try ledger(run: run, task: task, taskDigest: taskDigest)
        let privacy = task.privacy
        // Whatever tree of noise a round is in, this agent is in no other round of it: it pays for the whole tree.
        let released = privacy?.events(charge: 1) ?? []
        // A server that sees the exact update learns without bound, and no later noise takes that back.
        let server = privacy?.serverEvent ?? PrivacyPlan.unprotected(task.configuration.privacy.adjacency)
        try ledger.charge(
            round: round,
            costs: RoundCosts(
                released: released, server: [server],
                example: [task.example?.event(rounds: 1)].compactMap(\.self),
                members: privacy?.membersEvents(charge: 1) ?? []))
        guard let state = ledger.state else { throw LedgerError.failedBefore }
        try keep(run, state)
        bindings[run] = Self.binding(ledger.head, state)
    }

    /// `progress.json` has ``bindings`` now, durably.
    func areBound() {
        guard let open, let binding = bindings[open.run] else { return }
        open.ledger.isBound(through: binding.lines)
    }

    private func ledger(run: String, task: TaskPlan, taskDigest: String) throws -> TaskLedger {
        if let open, open.run == run { return open.ledger }
        let privacy = task.privacy?.configuration
        let opening = LedgerEntry.Opening(
            taskDigest: taskDigest, adjacency: privacy?.adjacency ?? .addOrRemoveOne,
            delta: Self.delta(task), epsilonLimit: .infinity, serverEpsilonLimit: .infinity)
        let ledger = try Self.open(
            run, opening, in: state, key: key, boundLines: { [weak self] in self?.bindings[run]?.lines ?? 0 })
        bindings[run] = try Self.binding(ledger)
        open = (run, ledger)
        return ledger
    }

    private static func delta(_ task: TaskPlan) -> Double { task.configuration.privacy.targetDelta }

    static func epsilon(of events: [PrivacyEvent], delta: Double) throws -> Double {
        guard !events.isEmpty else { return 0 }
        // The agent's own bound: no amplification is claimed, so that adjacencies may be taken as stated.
        return try PrivacyGuarantee.of(PrivacyEvent.composed(events), delta: delta).epsilon
    }
}

/// ε over an agent's life, the round at hand included.
struct Spending {
    /// Against the server; infinite where it sees exact updates.
    let server: Double
    /// Against other members of the cohorts, infinite where that was not asked for or is not known; nil where the task
    /// has no noise of its own.
    let members: Double?
    /// Of a single record; nil where the task protects none.
    let record: Double?
}
