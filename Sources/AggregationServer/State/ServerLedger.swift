internal import Cryptography
internal import Federation
internal import Foundation
internal import Glibc
internal import Ledger
internal import Messages
internal import Operations
internal import Privacy

/// The privacy ledger of a run, in the order charge → settle → release, every line synced before it counts.
///
/// After a failed write what is on disk is unknown; the next use opens and verifies the file anew.
final class ServerLedger {
    private var open: () throws -> PrivacyLedger
    private var ledger: PrivacyLedger?
    private let path: String
    /// What `run.json` says of the ledger, and the number of the round that may have lines behind it.
    private var bound: (binding: LedgerBinding, round: Int)
    /// The plan's own part of a binding.
    private let template: LedgerBinding
    /// What administrators ordered, by what the lines behind the binding say, and who was shut out for good by any line.
    private(set) var orders: [String] = []
    private(set) var revoked: Set<Int> = []
    /// A gap that was announced behind the binding, whose rounds may not all be charged.
    private(set) var gap: LedgerGap?
    private let plan: TaskPlan
    private let serverEvents: [LedgerEvent]
    private let budget: PrivacyBudget
    private let epsilonOfRounds: (Int) throws -> Double
    private let epsilonAgainstServer: (Int) throws -> Double
    private let epsilonAgainstMembers: (Int) throws -> Double
    private let epsilonOfExample: (Int) throws -> Double?

    /// Opens the ledger of a run that stands as `run` says, or takes it up again; a torn last line is cut off, any other
    /// fault is refused, as is a ledger that does not agree with `run`: a storage `Failure`.
    init(path: String, run state: RunState, taskDigest: String, plan: TaskPlan) throws {
        let (run, privacy) = (state.run, plan.privacy)
        self.path = path
        bound = (state.ledger ?? .nothing, state.round)
        let configuration = privacy?.configuration
        self.plan = plan
        let first = try Self.written(plan.costs(charge: 1), plan)
        serverEvents = first.server
        let delta = plan.configuration.privacy.targetDelta
        // The engine stops at the affordable rounds; the ledger's own limit allows for rounding.
        budget = PrivacyBudget(
            epsilon: configuration?.targetEpsilon.map { $0 * (1 + 1e-9) } ?? .infinity, delta: delta)
        let opening = LedgerEntry.Opening(
            taskDigest: taskDigest, adjacency: configuration?.adjacency ?? .addOrRemoveOne, delta: delta,
            epsilonLimit: configuration?.targetEpsilon ?? .infinity, serverEpsilonLimit: .infinity)
        let signer = LedgerKey(try Self.key("\(path).key", ledger: path))
        let spending = Spending(plan)
        epsilonOfRounds = spending.epsilon(rounds:)
        epsilonAgainstServer = spending.epsilonAgainstServer(rounds:)
        epsilonAgainstMembers = spending.epsilonAgainstMembers(rounds:)
        epsilonOfExample = spending.epsilonOfExample(rounds:)
        template = LedgerBinding(
            lines: 0, head: LedgerLine.origin, rounds: 0, opening: LedgerEntry.open(opening).text,
            charge: LedgerEntry.charge(round: 1, costs: first).text,
            roundsPerTree: privacy?.tree?.leaves)
        open = { throw LedgerError.failedBefore }
        open = { [unowned self] in
            try PrivacyLedger(
                run: run, opening: opening, time: Self.now, hash: LedgerDigest(), signer: signer,
                verifier: signer, store: LedgerLines(path: path), check: self.check)
        }
        do {
            // A file of version 1 says how many rounds were charged, and no more.
            if state.ledger == nil {
                try adopt(rounds: state.charged, upTo: state.round, LedgerBytes.read(path))
            }
            ledger = try open()
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
    private func check(_ verdict: LedgerVerdict) throws {
        if let complaint = bound.binding.complaint(verdict, round: bound.round) {
            throw Failure(.storage, "\(path): \(complaint); \(Self.wayOn(path))")
        }
        let further = verdict.lines.dropFirst(bound.binding.lines)
        orders = further.compactMap { line in
            if case .admin(_, let action) = line.entry { action } else { nil }
        }
        gap = orders.reversed().lazy.compactMap(LedgerGap.init(action:)).first
        for line in verdict.lines {
            guard case .admin(_, let action) = line.entry, let client = Self.revoked(by: action) else {
                continue
            }
            revoked.insert(client)
        }
    }

    /// Binds to the lines of a ledger that no state remembers, where it has the charged rounds that the state does.
    private func adopt(rounds: Int, upTo round: Int, _ bytes: [UInt8]) throws {
        let verifier = UncheckedSignatures()
        let verdict = LedgerVerification(hash: LedgerDigest(), verifier: verifier).verify(bytes)
        let charged = verdict.state.rounds.count { $0.number <= round }
        guard charged >= rounds else {
            throw Failure(
                .storage,
                "\(path): has \(charged) charged rounds, run.json remembers \(rounds): the ledger is the older; "
                    + Self.wayOn(path))
        }
        let lines = verdict.lines.prefix { ($0.entry.round ?? 0) <= round }
        guard let last = lines.last else { return }
        bound.binding = LedgerBinding(lines: lines.count, head: last.hash, rounds: charged)
    }

    /// The `action` of a line that shuts an agent out.
    static func revocation(of client: Int) -> String { "revoke agent \(client)" }

    private static func revoked(by action: String) -> Int? {
        let words = action.split(separator: " ")
        return words.count == 3 && words[0] == "revoke" && words[1] == "agent" ? Int(words[2]) : nil
    }

    /// What `run.json` is to say of the ledger as it is now. Throws what opening throws, where a write failed before.
    func binding() throws -> LedgerBinding {
        if ledger == nil { ledger = try open() }
        guard let head = ledger?.head, let rounds = ledger?.state.rounds.count else {
            throw LedgerError.failedBefore
        }
        var binding = template
        (binding.lines, binding.head, binding.rounds) = (head.sequence, head.hash, rounds)
        return binding
    }

    /// `run.json` says this now, durably.
    func isBound(by run: RunState) {
        bound = (run.ledger ?? bound.binding, run.round)
        (orders, gap) = ([], nil)
    }

    /// Charges rounds that were, or may have been, released by a state that is lost; `charged` rounds were charged
    /// before them. No budget forbids it: what is spent is spent. Rounds that are charged already stay as they are.
    func charge(_ gap: LedgerGap, after charged: Int, why: String) throws {
        try write { ledger throws in
            let isAnnounced = self.gap == gap
            if !isAnnounced {
                try ledger.recordAdministration(actor: "server", action: gap.action(why), time: Self.now)
            }
            for (place, round) in gap.rounds.enumerated() {
                if ledger.state.round(round) == nil {
                    try ledger.charge(
                        round: round, costs: Self.written(plan.costs(charge: charged + place + 1), plan),
                        within: PrivacyBudget(epsilon: .infinity, delta: budget.delta), time: Self.now,
                        epsilon: { _, _ in .infinity })
                }
                switch ledger.state.round(round)?.progress {
                case .released, .abandoned, nil: break
                case .charged, .settled: try ledger.abandon(round: round, reason: why, time: Self.now)
                }
            }
        }
    }

    /// Whether the round's noisy sum was settled, whatever became of it then.
    func isSettled(_ round: Int) -> Bool {
        switch ledger?.state.round(round)?.progress {
        case .settled, .released: true
        case .abandoned(let settlement): settlement != nil
        case .charged, nil: false
        }
    }

    /// Numbers of the rounds whose models were released, ascending.
    var releasedRounds: [Int] {
        (ledger?.state.rounds ?? []).compactMap { round in
            if case .released = round.progress { round.number } else { nil }
        }
    }

    /// SHA-256 of the model that the ledger says the round released; nil where it was not released.
    func released(_ round: Int) -> String? {
        guard case .released(_, let digest)? = ledger?.state.round(round)?.progress else { return nil }
        return digest
    }

    /// Writes the worst case of a round.
    func charge(round: Int, costs: RoundCosts) throws {
        let costs = try Self.written(costs, plan)
        try write { ledger throws in
            try ledger.charge(round: round, costs: costs, within: budget, time: Self.now, epsilon: epsilon)
        }
    }

    /// Writes what a charged round became: the costs are those that its noisy sum came with.
    func settle(round: Int, survivors: Int, costs: RoundCosts, noisySumDigest: String) throws {
        let settlement = LedgerEntry.Settlement(
            survivors: survivors, costs: try Self.written(costs, plan), sumDigest: noisySumDigest)
        try write { ledger throws in try ledger.settle(round: round, settlement, time: Self.now) }
    }

    func release(round: Int, modelDigest: String) throws {
        try write { ledger throws in
            try ledger.release(
                round: round, modelDigest: modelDigest, within: budget, time: Self.now, epsilon: epsilon)
        }
    }

    /// A round that was never charged cost nothing and leaves no line.
    func abandon(round: Int, reason: String) throws {
        try write { ledger throws in
            guard ledger.state.round(round) != nil else { return }
            try ledger.abandon(round: round, reason: reason, time: Self.now)
        }
    }

    /// Records what an administrator does, before it takes effect.
    func record(actor: String, action: String) throws {
        try write { ledger throws in
            try ledger.recordAdministration(actor: actor, action: action, time: Self.now)
        }
    }

    /// Whether the round was ever charged.
    func isCharged(_ round: Int) -> Bool { ledger?.state.round(round) != nil }

    /// Hash and number of the last line, and the rounds that count.
    func head() -> (sequence: Int, hash: String, rounds: Int)? {
        guard ledger != nil, let head = ledger?.head, let rounds = ledger?.state.rounds.count else {
            return nil
        }
        return (head.sequence, head.hash, rounds)
    }

    /// ε of all charged rounds against released models, an upper bound; infinite where nothing bounds it.
    func spent(rounds: Int) throws -> Double { try epsilonOfRounds(rounds) }

    /// The same against the server, which no sampling hides from.
    func spentAgainstServer(rounds: Int) throws -> Double { try epsilonAgainstServer(rounds) }

    /// The same against other members of the cohorts, to whom a masked round's roster is told.
    func spentAgainstMembers(rounds: Int) throws -> Double { try epsilonAgainstMembers(rounds) }

    /// ε of a single record that was in every round; nil where clients add no noise for each example.
    func spentByExample(rounds: Int) throws -> Double? { try epsilonOfExample(rounds) }

    private func write(_ body: (inout PrivacyLedger) throws -> Void) throws {
        if ledger == nil { ledger = try open() }
        guard var current = ledger.take() else { throw LedgerError.failedBefore }
        do {
            try body(&current)
            ledger = consume current
        } catch let error as LedgerError {
            ledger = consume current
            if case .failedBefore = error { ledger = nil }
            throw error
        }
    }

    /// The form of the file. A task without privacy of clients promises nothing against anybody, and its lines say so by
    /// naming no event; a server that sees exact sums of a private one learns without bound.
    private static func written(_ costs: RoundCosts, _ plan: TaskPlan) throws -> LedgerEntry.RoundCosts {
        LedgerEntry.RoundCosts(
            released: try events(costs.released),
            server: try events(plan.privacy == nil ? [] : [costs.server]),
            example: try events([costs.example].compactMap(\.self)), members: try events(costs.members))
    }

    /// Every event of this ledger is one of the plan's two: which and how many says it all.
    private func epsilon(_ events: [LedgerEvent], _ delta: Double) throws -> Double {
        guard let privacy = plan.privacy else { return .infinity }
        guard let last = events.last else { return 0 }
        return try last == serverEvents.last
            ? epsilonAgainstServer(events.count) : epsilonOfRounds(privacy.rounds(events: events.count))
    }

    private static var now: String { Date.now.formatted(.iso8601) }

    private static func events(_ events: [PrivacyEvent]) throws -> [LedgerEvent] {
        try events.map { try LedgerEvent(json: JSONEncoder().encode($0)) }
    }

    /// The ledger's own key, made at the first start and kept beside it, mode 0600.
    private static func key(_ path: String, ledger: String) throws -> Signature.PrivateKey {
        if let key = try StoredLedgerKey.read(path) { return key }
        // Under another key no line of the ledger could be trusted.
        guard try StoredFile.size(at: ledger) ?? 0 == 0 else {
            throw Failure(.storage, "\(path): missing, though \(ledger) has lines; \(wayOn(ledger))")
        }
        return try StoredLedgerKey.make(path)
    }
}

/// The ledger's lines in a file that only grows.
struct LedgerLines: LedgerStore {
    let path: String
    private let file: AppendOnlyFile

    init(path: String) throws {
        self.path = path
        file = try AppendOnlyFile(path: path)
    }

    func load() throws -> [UInt8] { try LedgerBytes.read(path) }

    func append(_ bytes: [UInt8]) throws { try file.append(bytes) }

    func truncate(to count: Int) throws {
        guard Glibc.truncate(path, off_t(count)) == 0 else {
            throw Failure(.storage, "cannot cut \(path): \(String(cString: strerror(errno)))")
        }
        // Opening syncs the folder; the next append syncs the file.
    }
}
