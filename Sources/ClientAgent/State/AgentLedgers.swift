package import Federation
internal import FoundationEssentials
internal import Glibc
package import Ledger
internal import Operations
package import Privacy

/// The agent's own account of what it has spent: one hash-chained, signed ledger a run, and ε over all of them,
/// because a server that names another run must not get a fresh budget.
package final class AgentLedgers {
    private let state: StateDirectory
    private let key: LedgerKey
    /// What the rounds of every run cost against the server.
    private var events: [String: [LedgerEvent]] = [:]
    /// What they cost a single record, and against other members of the cohorts; nil where a ledger does not say.
    private var recordEvents: [String: [LedgerEvent]] = [:]
    private var memberEvents: [String: [LedgerEvent]?] = [:]
    /// The ledger that is written to, with what it was opened for.
    private var open: Open?

    private final class Open {
        var ledger: PrivacyLedger

        init(_ ledger: consuming PrivacyLedger) { self.ledger = ledger }
    }

    /// What each run's ledger has now, for `progress.json`.
    package private(set) var bindings: [String: LedgerBinding] = [:]

    /// Opens the ledgers of a state directory, verifies every line, and holds them against `progress.json` and the
    /// outbox. Throws a storage ``Failure`` that names the file where they do not agree; nothing may then be served.
    package init(state: StateDirectory) throws {
        self.state = state
        let progress = try RoundProgress(path: state.file("progress.json"))
        let runs = try Self.runs(in: state, progress)
        let key = try Self.key(in: state, runs)
        self.key = key
        let ledgers = try runs.map { try StoredLedger($0, in: state, key: key, progress: progress) }
        for ledger in ledgers {
            if let complaint = ledger.complaint {
                throw Failure(.storage, "\(ledger.path): \(complaint); \(Self.wayOn)")
            }
            guard let verdict = ledger.verdict else { continue }
            keep(ledger.run, verdict.state)
            bindings[ledger.run] = Self.binding(verdict.head, verdict.state)
        }
        try Self.checkOutbox(state, ledgers)
    }

    /// What is to be remembered of a ledger.
    static func binding(_ head: LedgerHead?, _ state: LedgerState) -> LedgerBinding? {
        guard let head else { return nil }
        return LedgerBinding(
            lines: head.sequence, head: head.hash, rounds: state.rounds.count,
            opening: state.opening.map { LedgerEntry.open($0).text },
            charge: state.rounds.last.map { LedgerEntry.charge(round: 1, costs: $0.charge).text })
    }

    /// Greatest round of `run` that was charged, 0 for none.
    package func lastRound(of run: String, task: TaskPlan, taskDigest: String) throws -> Int {
        try ledger(run: run, task: task, taskDigest: taskDigest).ledger.state.rounds.last?.number ?? 0
    }

    /// ε against the server at `delta` over every round charged so far, `next` included; infinite when `next`
    /// is nil (the server would see the exact update). Throws where no accountant knows an event.
    package func epsilon(after next: PrivacyEvent?, delta: Double) throws -> Double {
        guard let next else { return .infinity }
        let spent = try events.values.joined().map { try Self.event($0) }
        return try Self.epsilon(of: spent + [next], delta: delta)
    }

    /// What the agent will have spent once a round of `task` is charged, over every run: against the server and other
    /// members at `delta`, the latter where `countsMembers`, and of a single record at `deltaExample`. Throws where no accountant knows an event.
    func spending(
        after task: TaskPlan, delta: Double, deltaExample: Double, countsMembers: Bool
    ) throws -> Spending {
        func total(_ spent: some Sequence<LedgerEvent>, _ next: [PrivacyEvent], _ delta: Double) throws
            -> Double
        {
            try Self.epsilon(of: spent.map { try Self.event($0) } + next, delta: delta)
        }
        // A ledger that does not say what members could tell bounds nothing.
        let members = memberEvents.values.compactMap(\.self)
        let isStated = members.count == memberEvents.count
        return Spending(
            server: try epsilon(after: task.privacy?.serverEvent, delta: delta),
            members: try task.privacy.map { privacy in
                guard isStated, countsMembers else { return .infinity }
                return try total(members.joined(), privacy.membersEvents(charge: 1), delta)
            },
            record: try task.example.map {
                try total(recordEvents.values.joined(), [$0.event(rounds: 1)], deltaExample)
            })
    }

    private func keep(_ run: String, _ ledger: LedgerState) {
        events[run] = ledger.serverEvents
        recordEvents[run] = ledger.exampleEvents
        memberEvents[run] = .some(ledger.membersEvents)
    }

    /// ε against the server so far.
    package func spent(delta: Double) throws -> Double {
        try Self.epsilon(of: events.values.joined().map { try Self.event($0) }, delta: delta)
    }

    /// Charges a round at its full cost, durably; a round that is charged already is left as it is. Throws
    /// ``LedgerError`` or a storage ``Failure``; the update must then not leave.
    ///
    /// With per-example noise the ledger also says what the round costs a single record.
    package func charge(
        run: String, round: Int, task: TaskPlan, taskDigest: String
    ) throws {
        let open = try ledger(run: run, task: task, taskDigest: taskDigest)
        let privacy = task.privacy
        // Whatever tree of noise a round is in, this agent is in no other round of it: it pays for the whole tree.
        let released = privacy?.events(charge: 1) ?? []
        // A server that sees the exact update learns without bound, and no later noise takes that back.
        let server = privacy?.serverEvent ?? PrivacyPlan.unprotected(task.configuration.privacy.adjacency)
        let costs = LedgerEntry.RoundCosts(
            released: try released.map(Self.ledgerEvent), server: [try Self.ledgerEvent(server)],
            example: try [task.example?.event(rounds: 1)].compactMap {
                try $0.map(Self.ledgerEvent)
            }, members: try (privacy?.membersEvents(charge: 1) ?? []).map(Self.ledgerEvent))
        // The limit is the policy's, over all runs; this ledger only records.
        try open.ledger.charge(
            round: round, costs: costs, within: PrivacyBudget(epsilon: .infinity, delta: Self.delta(task)),
            time: Self.now, epsilon: { _, _ in .infinity })
        keep(run, open.ledger.state)
        bindings[run] = Self.binding(open.ledger.head, open.ledger.state)
    }

    private func ledger(run: String, task: TaskPlan, taskDigest: String) throws -> Open {
        if let open, open.ledger.run == run { return open }
        let folder = try OutputDirectory(state.file("runs/\(run)"), mode: 0o700)
        let privacy = task.privacy?.configuration
        let opening = LedgerEntry.Opening(
            taskDigest: taskDigest, adjacency: privacy?.adjacency ?? .addOrRemoveOne,
            delta: Self.delta(task), epsilonLimit: .infinity, serverEpsilonLimit: .infinity)
        let ledger = try PrivacyLedger(
            run: run, opening: opening, time: Self.now, hash: LedgerDigest(), signer: key, verifier: key,
            store: LedgerFile(path: folder.file("ledger.jsonl")))
        let opened = Open(ledger)
        bindings[run] = Self.binding(opened.ledger.head, opened.ledger.state)
        open = opened
        return opened
    }

    private static func delta(_ task: TaskPlan) -> Double { task.configuration.privacy.targetDelta }

    static var now: String {
        Date(timeIntervalSince1970: Double(time(nil))).formatted(Date.ISO8601FormatStyle())
    }

    static func ledgerEvent(_ event: PrivacyEvent) throws -> LedgerEvent {
        try LedgerEvent(json: JSONEncoder().encode(event))
    }

    static func event(_ kept: LedgerEvent) throws -> PrivacyEvent {
        try JSONDecoder().decode(PrivacyEvent.self, from: Data(kept.json.utf8))
    }

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
