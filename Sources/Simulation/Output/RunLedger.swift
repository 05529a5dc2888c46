internal import Cryptography
internal import Custody
internal import Federation
internal import Ledger
internal import Operations
internal import Privacy

/// The privacy ledger of a simulation.
final class RunLedger {
    private let lines: TaskLedger
    private let plan: PrivacyPlan?
    private let isDurable: Bool
    /// What was read when it was opened.
    private let opened: LedgerVerdict?

    /// Opens the ledger, or takes it up again; a torn last line is cut off, any other fault is refused. `isDurable` is for
    /// secure noise: every line is synced before the run goes on, and says when it was written.
    init(path: String, plan task: TaskPlan, scenarioDigest: String, isDurable: Bool, spending: Spending)
        throws
    {
        self.isDurable = isDurable
        plan = task.privacy
        let configuration = task.configuration.privacy
        // The engine stops at the planned number of rounds; the ledger's own limit allows for rounding.
        let limit = configuration.targetEpsilon.map { $0 * (1 + 1e-9) } ?? .infinity
        let identity = TaskLedger.Identity(
            run: "simulation-\(scenarioDigest.prefix(16))",
            opening: LedgerEntry.Opening(
                taskDigest: scenarioDigest, adjacency: configuration.adjacency,
                delta: configuration.targetDelta,
                epsilonLimit: configuration.targetEpsilon ?? .infinity, serverEpsilonLimit: .infinity),
            budget: PrivacyBudget(epsilon: limit, delta: configuration.targetDelta),
            key: try Self.key(path: path, scenarioDigest: scenarioDigest, isSecret: isDurable),
            isTimed: isDurable)
        var opened: LedgerVerdict?
        lines = try TaskLedger(
            identity, file: { try LedgerFile(path, synchronises: isDurable) },
            accountant: { observer, events in
                switch observer {
                case .releasedModels: try spending.epsilon(of: events)
                case .server: try spending.epsilonAgainstServer(of: events)
                }
            }, check: { opened = $0 })
        self.opened = opened
    }

    /// What the checkpoint is to say of the ledger as it is now.
    var binding: LedgerBinding {
        LedgerBinding(
            lines: lines.head?.sequence ?? 0, head: lines.head?.hash ?? LedgerLine.origin,
            rounds: lines.state?.charged.count ?? 0)
    }

    /// Numbers of the rounds that were charged, ascending.
    var chargedRounds: [Int] { lines.state?.rounds.map(\.number) ?? [] }

    /// Holds the ledger that was opened against a checkpoint after `round`. Throws a storage `Failure` where lines of
    /// it are missing, or follow that no crash leaves. A rehearsal plays the rounds since its checkpoint again.
    func check(_ binding: LedgerBinding, round: Int, path: String) throws {
        guard let opened else { return }
        let why: String
        switch binding.standing(of: opened) {
        case .behind(let missing):
            why = "the ledger ends at line \(opened.lineCount), the checkpoint remembers \(missing) more"
        case .forked: why = "line \(binding.lines) is not the one that the checkpoint remembers"
        case .holds:
            let isExplained =
                !isDurable
                || opened.unexplained(after: binding.lines, open: round + 1, mayOpen: binding.lines == 0)
                    == nil
            guard !isExplained else { return }
            why = "the ledger goes on behind round \(round + 1), the checkpoint is the older"
        }
        throw Failure(
            .storage, "\(path): \(why); restore the folder from one backup, or choose another folder")
    }

    /// Writes the worst case of a round.
    func charge(round: Int, costs: RoundCosts) throws {
        try lines.charge(round: round, costs: stated(costs))
    }

    /// Writes what a charged round became: the costs are those that its noisy sum came with.
    func settle(round: Int, survivors: Int, costs: RoundCosts, noisySumDigest: String) throws {
        try lines.settle(
            round: round, survivors: survivors, costs: stated(costs), sumDigest: noisySumDigest)
    }

    func release(round: Int, modelDigest: String) throws {
        try lines.release(round: round, modelDigest: modelDigest)
    }

    /// A round that was never charged cost nothing and leaves no line.
    func abandon(round: Int, reason: String) throws { try lines.abandon(round: round, reason: reason) }

    func synchronise() throws { try lines.synchronise() }

    /// Where no plan bounds what the released models tell, that is what the server sees.
    private func stated(_ costs: RoundCosts) -> RoundCosts {
        var costs = costs
        if plan == nil { costs.released = costs.server }
        return costs
    }

    /// A rehearsal's key follows from its scenario, so that its ledger reproduces; a secure run has a key of its
    /// own, kept beside the ledger for the run to be resumed.
    private static func key(path: String, scenarioDigest: String, isSecret: Bool) throws -> LedgerKey {
        guard isSecret else {
            let seed = try SHA256.hash(Array("sordino rehearsal ledger \(scenarioDigest)".utf8))
            return LedgerKey(try Signature.PrivateKey(seed: SecretBytes(copying: seed)))
        }
        return try LedgerKeyFile(path + ".key").key(of: [path], wayOn: "restore it from a backup")
    }
}
