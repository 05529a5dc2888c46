internal import Cryptography
internal import Federation
internal import Foundation
internal import Ledger
internal import Operations
internal import Privacy

/// The privacy ledger of a simulation, in the order charge → settle → release.
final class RunLedger {
    private var ledger: PrivacyLedger
    private let file: LedgerFile
    private let plan: PrivacyPlan?
    /// The costs that were written last, and how: they are mostly the same again.
    private var last: (costs: RoundCosts, written: LedgerEntry.RoundCosts)?
    private let serverEvents: [LedgerEvent]
    private let budget: PrivacyBudget
    private let isDurable: Bool
    /// ε after a number of rounds, an upper bound that is exact for the last planned round.
    private let epsilonOfRounds: (_ rounds: Int, _ isServer: Bool) throws -> Double

    /// What was read when it was opened.
    private(set) var opened: LedgerVerdict?

    /// Opens the ledger, or takes it up again; a torn last line is cut off, any other fault is refused.
    init(
        path: String, plan task: TaskPlan, scenarioDigest: String,
        isDurable: Bool,
        epsilonOfRounds: @escaping (_ rounds: Int, _ isServer: Bool) throws -> Double
    ) throws {
        self.isDurable = isDurable
        self.epsilonOfRounds = epsilonOfRounds
        plan = task.privacy
        let configuration = task.configuration.privacy
        file = try LedgerFile(path, synchronises: isDurable)
        serverEvents = try Self.events([
            task.privacy?.serverEvent ?? PrivacyPlan.unprotected(configuration.adjacency)
        ])
        // The engine stops at the planned number of rounds; the ledger's own limit allows for rounding.
        let limit = configuration.targetEpsilon.map { $0 * (1 + 1e-9) } ?? .infinity
        budget = PrivacyBudget(epsilon: limit, delta: configuration.targetDelta)
        let signer = try LedgerEd25519(
            Self.key(path: path, scenarioDigest: scenarioDigest, isSecret: isDurable))
        var opened: LedgerVerdict?
        ledger = try PrivacyLedger(
            run: "simulation-\(scenarioDigest.prefix(16))",
            opening: LedgerEntry.Opening(
                taskDigest: scenarioDigest, adjacency: configuration.adjacency,
                delta: configuration.targetDelta,
                epsilonLimit: configuration.targetEpsilon ?? .infinity, serverEpsilonLimit: .infinity),
            time: isDurable ? Self.now : nil, hash: LedgerSHA256(), signer: signer, verifier: signer,
            store: file, check: { opened = $0 })
        self.opened = opened
    }

    /// What the checkpoint is to say of the ledger as it is now.
    var binding: LedgerBinding {
        LedgerBinding(
            lines: ledger.head?.sequence ?? 0, head: ledger.head?.hash ?? LedgerLine.origin,
            rounds: ledger.state.rounds.count)
    }

    /// Holds the ledger that was opened against a checkpoint after `round`. Throws a storage `Failure` where lines of
    /// it are missing, or follow that no crash leaves. A rehearsal plays the rounds since its checkpoint again.
    func check(_ binding: LedgerBinding, round: Int, path: String) throws {
        guard let opened else { return }
        let why: String
        switch binding.standing(of: opened.lines) {
        case .behind(let missing):
            why = "the ledger ends at line \(opened.lines.count), the checkpoint remembers \(missing) more"
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
        let costs = try written(costs)
        try ledger.charge(round: round, costs: costs, within: budget, time: time, epsilon: epsilon)
    }

    /// Writes what a charged round became: the costs are those that its noisy sum came with.
    func settle(round: Int, survivors: Int, costs: RoundCosts, noisySumDigest: String) throws {
        let settlement = LedgerEntry.Settlement(
            survivors: survivors, costs: try written(costs), sumDigest: noisySumDigest)
        try ledger.settle(round: round, settlement, time: time)
    }

    func release(round: Int, modelDigest: String) throws {
        try ledger.release(
            round: round, modelDigest: modelDigest, within: budget, time: time, epsilon: epsilon)
    }

    /// A round that was never charged cost nothing and leaves no line.
    func abandon(round: Int, reason: String) throws {
        guard ledger.state.round(round) != nil else { return }
        try ledger.abandon(round: round, reason: reason, time: time)
    }

    func synchronise() throws { try file.synchronise() }

    /// The form of the file. Where no plan bounds what the released models tell, that is what the server sees.
    private func written(_ costs: RoundCosts) throws -> LedgerEntry.RoundCosts {
        if let last, last.costs == costs { return last.written }
        let server = try Self.events([costs.server])
        let written = LedgerEntry.RoundCosts(
            released: plan == nil ? server : try Self.events(costs.released), server: server,
            example: try Self.events([costs.example].compactMap(\.self)),
            members: try Self.events(costs.members))
        last = (costs, written)
        return written
    }

    /// Every event of this ledger is one of the plan's two: which and how many says it all.
    private func epsilon(_ events: [LedgerEvent], _ delta: Double) throws -> Double {
        guard let last = events.last else { return 0 }
        let isServer = last == serverEvents.last
        let rounds = isServer ? events.count : plan?.rounds(events: events.count) ?? events.count
        return try epsilonOfRounds(rounds, isServer)
    }

    private var time: String? { isDurable ? Self.now : nil }

    private static var now: String { Date.now.formatted(.iso8601) }

    private static func events(_ events: [PrivacyEvent]) throws -> [LedgerEvent] {
        let encoder = JSONEncoder()
        return try events.map { try LedgerEvent(json: encoder.encode($0)) }
    }

    /// A rehearsal's key follows from its scenario, so that its ledger reproduces; a secure run has a key of its
    /// own, kept beside the ledger for the run to be resumed.
    private static func key(path: String, scenarioDigest: String, isSecret: Bool) throws
        -> Signature.PrivateKey
    {
        guard isSecret else {
            let seed = try SHA256.hash(Array("sordino rehearsal ledger \(scenarioDigest)".utf8))
            return try Signature.PrivateKey(seed: SecretBytes(copying: seed))
        }
        let file = path + ".key"
        if let seed = try StoredFile.bytes(at: file, limit: 4096) {
            guard seed.count == 32 else {
                throw Failure(.storage, "\(file): damaged; restore it from a backup")
            }
            return try Signature.PrivateKey(seed: SecretBytes(copying: seed))
        }
        guard try StoredFile.size(at: path) ?? 0 == 0 else {
            throw Failure(.storage, "\(file): missing, though \(path) has lines; restore it from a backup")
        }
        let key = try Signature.PrivateKey()
        try key.seed().withUnsafeBytes { try AtomicFile.write(Array($0), to: file, mode: 0o600) }
        return key
    }
}
