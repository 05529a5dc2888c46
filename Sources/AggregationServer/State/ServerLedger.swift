internal import Custody
internal import Federation
internal import Ledger
internal import Operations
internal import Privacy

/// The privacy ledger of a deployed run, held against what `run.json` remembers of it.
final class ServerLedger {
    private let plan: TaskPlan
    private let spending: Spending
    private let lines: TaskLedger
    private let memory: Memory

    /// What `run.json` says of the ledger, and what the lines behind that say.
    private final class Memory {
        let path: String
        /// With the number of the round that may have lines behind it.
        var bound: (binding: LedgerBinding, round: Int)
        var orders: [String] = []
        var revoked: Set<Int> = []
        var gap: LedgerGap?
        /// The plan's own part of a binding.
        var template: LedgerBinding = .nothing

        init(path: String, _ state: RunState) {
            self.path = path
            bound = (state.ledger ?? .nothing, state.round)
        }
    }

    /// What administrators ordered, by what the lines behind the binding say.
    var orders: [String] { memory.orders }
    /// Who was shut out for good by any line.
    var revoked: Set<Int> { memory.revoked }
    /// A gap that was announced behind the binding, whose rounds may not all be charged.
    var gap: LedgerGap? { memory.gap }

    /// Opens the ledger of a run that stands as `run` says, or takes it up again; a torn last line is cut off, any other
    /// fault is refused, as is a ledger that does not agree with `run`: a storage `Failure`.
    init(path: String, run state: RunState, taskDigest: String, plan: TaskPlan) throws {
        self.plan = plan
        let spending = Spending(plan)
        self.spending = spending
        let memory = Memory(path: path, state)
        self.memory = memory
        let configuration = plan.privacy?.configuration
        let delta = plan.configuration.privacy.targetDelta
        let opening = LedgerEntry.Opening(
            taskDigest: taskDigest, adjacency: configuration?.adjacency ?? .addOrRemoveOne, delta: delta,
            epsilonLimit: configuration?.targetEpsilon ?? .infinity, serverEpsilonLimit: .infinity)
        // The engine stops at the affordable rounds; the ledger's own limit allows for rounding.
        let budget = PrivacyBudget(
            epsilon: configuration?.targetEpsilon.map { $0 * (1 + 1e-9) } ?? .infinity, delta: delta)
        let key = try LedgerKeyFile("\(path).key").key(of: [path], wayOn: Self.wayOn(path))
        do {
            // A file of version 1 says how many rounds were charged, and no more.
            if state.ledger == nil { try Self.adopt(rounds: state.charged, upTo: state.round, memory) }
            lines = try TaskLedger(
                TaskLedger.Identity(
                    run: state.run, opening: opening, budget: budget, key: key, checkpointEvery: 256),
                file: { try LedgerFile(path) },
                accountant: { observer, events in
                    switch observer {
                    case .releasedModels: try spending.epsilon(of: events)
                    case .server: try spending.epsilonAgainstServer(of: events)
                    }
                }, boundLines: { memory.bound.binding.lines }, check: { try Self.check($0, memory) })
            memory.template = LedgerBinding(
                lines: 0, head: LedgerLine.origin, rounds: 0, opening: LedgerEntry.open(opening).text,
                charge: LedgerEntry.charge(round: 1, costs: try lines.entry(of: Self.stated(plan, charge: 1)))
                    .text,
                roundsPerTree: plan.privacy?.roundsPerEvent)
        } catch let error as LedgerError {
            throw Failure(.storage, "\(path): \(error); \(Self.wayOn(path))")
        }
    }

    /// How to go on where ledger and state disagree.
    static func wayOn(_ path: String) -> String {
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            .joined(separator: "/")
        return
            "restore both from one backup, or go on on purpose: sordino ledger accept \(folder) --actor NAME"
    }

    /// Compares what was read with what `run.json` remembers. Throws a storage `Failure` that says which is newer.
    private static func check(_ verdict: LedgerVerdict, _ memory: Memory) throws {
        if let complaint = memory.bound.binding.complaint(verdict, round: memory.bound.round) {
            throw Failure(.storage, "\(memory.path): \(complaint); \(wayOn(memory.path))")
        }
        memory.orders = verdict.lines(after: memory.bound.binding.lines).compactMap { line in
            if case .admin(_, let action) = line.entry { action } else { nil }
        }
        memory.gap = memory.orders.reversed().lazy.compactMap(LedgerGap.init(action:)).first
        memory.revoked = verdict.state.revoked
    }

    /// Binds to the lines of a ledger that no state remembers, where it has the charged rounds that the state does.
    private static func adopt(rounds: Int, upTo round: Int, _ memory: Memory) throws {
        let path = memory.path
        let verdict = LedgerVerification.verdict(on: try LedgerFile.bytes(at: path) ?? [], key: nil)
        let charged = verdict.state.rounds.count { $0.number <= round }
        guard charged >= rounds else {
            throw Failure(
                .storage,
                "\(path): has \(charged) charged rounds, run.json remembers \(rounds): the ledger is the older; "
                    + wayOn(path))
        }
        let lines = verdict.lines.prefix { ($0.entry.round ?? 0) <= round }
        guard let last = lines.last else { return }
        memory.bound.binding = LedgerBinding(lines: lines.count, head: last.hash, rounds: charged)
    }

    /// What `run.json` is to say of the ledger as it is now. Throws what opening throws, where a write failed before.
    func binding() throws -> LedgerBinding {
        try lines.reopen()
        guard let head = head() else { throw LedgerError.failedBefore }
        var binding = memory.template
        (binding.lines, binding.head, binding.rounds) = (head.sequence, head.hash, head.rounds)
        return binding
    }

    /// `run.json` says this now, durably.
    func isBound(by run: RunState) {
        memory.bound = (run.ledger ?? memory.bound.binding, run.round)
        (memory.orders, memory.gap) = ([], nil)
        lines.isBound(through: memory.bound.binding.lines)
    }

    /// What was wrong with the ledger's checkpoint, as one line; all of the ledger was verified then.
    var checkpointComplaint: String? { lines.checkpointComplaint }

    // MARK: Lines

    /// Charges rounds that were, or may have been, released by a state that is lost; `charged` rounds were charged
    /// before them. No budget forbids it: what is spent is spent. Rounds that are charged already stay as they are.
    func charge(_ gap: LedgerGap, after charged: Int, why: String) throws {
        if self.gap != gap { try record(actor: "server", action: gap.action(why)) }
        for (place, round) in gap.rounds.enumerated() {
            let costs = try lines.entry(of: Self.stated(plan, charge: charged + place + 1))
            try lines.chargeAnew(round: round, costs: costs, abandonedFor: why)
        }
    }

    /// Writes the worst case of a round.
    func charge(round: Int, costs: RoundCosts) throws {
        try lines.charge(round: round, costs: Self.stated(costs, plan))
    }

    /// Writes what a charged round became: the costs are those that its noisy sum came with.
    func settle(round: Int, survivors: Int, costs: RoundCosts, noisySumDigest: String) throws {
        try lines.settle(
            round: round, survivors: survivors, costs: Self.stated(costs, plan), sumDigest: noisySumDigest)
    }

    /// Writes that a round's model is about to be published.
    func release(round: Int, modelDigest: String) throws {
        try lines.release(round: round, modelDigest: modelDigest)
    }

    /// A round that was never charged cost nothing and leaves no line.
    func abandon(round: Int, reason: String) throws { try lines.abandon(round: round, reason: reason) }

    /// Records what an administrator does, before it takes effect.
    func record(actor: String, action: String) throws { try lines.record(actor: actor, action: action) }

    /// A task without privacy of clients promises nothing against anybody, and its lines say so by naming no event; a
    /// server that sees exact sums of a private one learns without bound.
    private static func stated(_ costs: RoundCosts, _ plan: TaskPlan) -> RoundCosts {
        var costs = costs
        if plan.privacy == nil { costs.server = [] }
        return costs
    }

    private static func stated(_ plan: TaskPlan, charge: Int) -> RoundCosts {
        stated(plan.costs(charge: charge), plan)
    }

    // MARK: What it says

    /// Whether the round's noisy sum was settled, whatever became of it then.
    func isSettled(_ round: Int) -> Bool {
        switch lines.state?.round(round)?.progress {
        case .settled, .released: true
        case .abandoned(let settlement): settlement != nil
        case .charged, nil: false
        }
    }

    /// Numbers of the rounds whose models were released.
    var releasedRounds: RoundNumbers { lines.state?.released ?? RoundNumbers() }

    /// SHA-256 of the model that the ledger says the round released; nil where it was not released.
    func released(_ round: Int) -> String? {
        guard case .released(_, let digest)? = lines.state?.round(round)?.progress else { return nil }
        return digest
    }

    /// Whether the round was ever charged.
    func isCharged(_ round: Int) -> Bool { lines.state?.charged.contains(round) ?? false }

    /// Numbers of the last `count` rounds that were charged, up to `round`; fewer where there are not so many.
    func lastCharged(_ count: Int, through round: Int) -> Set<Int> {
        lines.state?.charged.last(count, through: round) ?? []
    }

    /// Hash and number of the last line, and the rounds that count.
    func head() -> (sequence: Int, hash: String, rounds: Int)? {
        guard let head = lines.head, let rounds = lines.state?.charged.count else { return nil }
        return (head.sequence, head.hash, rounds)
    }

    /// ε of everything charged against released models, an upper bound; infinite where nothing bounds it.
    func spent() throws -> Double { try lines.spent(against: .releasedModels) }

    /// The same against the server, which no sampling hides from.
    func spentAgainstServer() throws -> Double { try lines.spent(against: .server) }

    /// The same against other members of the cohorts, to whom a masked round's roster is told.
    func spentAgainstMembers() throws -> Double {
        try spending.epsilonAgainstMembers(of: lines.membersEvents())
    }

    /// ε of a single record that was in every round; nil where clients add no noise for each example.
    func spentByExample() throws -> Double? { try spending.epsilonOfExample(of: lines.exampleEvents()) }
}
