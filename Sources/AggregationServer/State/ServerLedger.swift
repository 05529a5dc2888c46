internal import Cryptography
internal import Federation
internal import Foundation
internal import Glibc
internal import Messages
internal import Operations
internal import Privacy

/// The privacy ledger of a run, in the order charge → settle → release, every line synced before it counts.
///
/// After a failed write what is on disk is unknown; the next use opens and verifies the file anew.
final class ServerLedger {
    private let open: () throws -> PrivacyLedger
    private var ledger: PrivacyLedger?
    private let privacy: PrivacyPlan?
    private let serverEvents: [LedgerEvent]
    private let exampleEvents: [LedgerEvent]
    private let budget: PrivacyBudget
    private let epsilonOfRounds: (Int) throws -> Double
    private let epsilonAgainstServer: (Int) throws -> Double
    private let epsilonAgainstMembers: (Int) throws -> Double
    private let epsilonOfExample: (Int) throws -> Double?

    /// Opens the ledger, or takes it up again; a torn last line is cut off, any other fault is refused.
    init(path: String, run: String, taskDigest: String, plan: TaskPlan) throws {
        let privacy = plan.privacy
        let configuration = privacy?.configuration
        self.privacy = privacy
        // A server that sees exact sums learns without bound; the ledger must not read as if nothing was spent.
        serverEvents = try Self.events(
            privacy.map { [$0.serverEvent ?? PrivacyPlan.unprotected($0.configuration.adjacency)] } ?? [])
        exampleEvents = try Self.events([plan.example?.event(rounds: 1)].compactMap(\.self))
        let delta = plan.configuration.privacy.targetDelta
        // The engine stops at the affordable rounds; the ledger's own limit allows for rounding.
        budget = PrivacyBudget(
            epsilon: configuration?.targetEpsilon.map { $0 * (1 + 1e-9) } ?? .infinity, delta: delta)
        let opening = LedgerEntry.Opening(
            taskDigest: taskDigest, adjacency: configuration?.adjacency ?? .addOrRemoveOne, delta: delta,
            epsilonLimit: configuration?.targetEpsilon ?? .infinity, serverEpsilonLimit: .infinity)
        let signer = LedgerKey(try Self.key("\(path).key"))
        let spending = Spending(plan)
        epsilonOfRounds = spending.epsilon(rounds:)
        epsilonAgainstServer = spending.epsilonAgainstServer(rounds:)
        epsilonAgainstMembers = spending.epsilonAgainstMembers(rounds:)
        epsilonOfExample = spending.epsilonOfExample(rounds:)
        open = {
            try PrivacyLedger(
                run: run, opening: opening, time: Self.now, hash: LedgerDigest(), signer: signer,
                verifier: signer, store: LedgerLines(path: path))
        }
        ledger = try open()
    }

    /// Writes the worst case of a round, the `charge`-th charged round of the run.
    func charge(round: Int, charge: Int) throws {
        let costs = try costs(charge: charge)
        try write { ledger throws in
            try ledger.charge(round: round, costs: costs, within: budget, time: Self.now, epsilon: epsilon)
        }
    }

    /// Writes what the `charge`-th charged round of the run became.
    func settle(round: Int, charge: Int, survivors: Int, noisySumDigest: String) throws {
        let settlement = LedgerEntry.Settlement(
            survivors: survivors, costs: try costs(charge: charge), sumDigest: noisySumDigest)
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

    private func costs(charge: Int) throws -> LedgerEntry.RoundCosts {
        LedgerEntry.RoundCosts(
            released: try Self.events(privacy?.events(charge: charge) ?? []), server: serverEvents,
            example: exampleEvents, members: try Self.events(privacy?.membersEvents(charge: charge) ?? []))
    }

    /// Every event of this ledger is one of the plan's two: which and how many says it all.
    private func epsilon(_ events: [LedgerEvent], _ delta: Double) throws -> Double {
        guard let privacy else { return .infinity }
        guard let last = events.last else { return 0 }
        return try last == serverEvents.last
            ? epsilonAgainstServer(events.count) : epsilonOfRounds(privacy.rounds(events: events.count))
    }

    private static var now: String { Date.now.formatted(.iso8601) }

    private static func events(_ events: [PrivacyEvent]) throws -> [LedgerEvent] {
        try events.map { try LedgerEvent(json: JSONEncoder().encode($0)) }
    }

    /// The ledger's own key, made at the first start and kept beside it, mode 0600.
    private static func key(_ path: String) throws -> Signature.PrivateKey {
        if let seed = FileManager.default.contents(atPath: path) {
            guard seed.count == 32 else {
                throw Failure(.storage, "\(path): damaged; restore it from a backup")
            }
            return try Signature.PrivateKey(seed: SecretBytes(copying: Array(seed)))
        }
        let key = try Signature.PrivateKey()
        let seed = try key.seed().withUnsafeBytes { Array($0) }
        try AtomicFile.write(seed, to: path, mode: 0o600)
        return key
    }
}

/// SHA-256 for ledgers.
private struct LedgerDigest: LedgerHash {
    // An empty digest equals no line's hash: should OpenSSL fail, nothing verifies and nothing is written.
    func digest(of bytes: [UInt8]) -> [UInt8] { (try? SHA256.hash(bytes)) ?? [] }
}

/// Ed25519 for ledgers; public keys are written in hexadecimal.
private struct LedgerKey: LedgerSigner, LedgerVerifier {
    private let key: Signature.PrivateKey
    let publicKey: String

    init(_ key: Signature.PrivateKey) {
        self.key = key
        publicKey = RunIdentity.text(key.publicKey.bytes)
    }

    func sign(_ bytes: [UInt8]) throws -> [UInt8] { try key.sign(bytes) }

    /// A server's ledger has one key, its own.
    func isValid(signature: [UInt8], of bytes: [UInt8], publicKey: String) -> Bool {
        publicKey == self.publicKey && key.publicKey.isValid(signature, for: bytes)
    }
}

/// The ledger's lines in a file that only grows.
private struct LedgerLines: LedgerStore {
    let path: String
    private let file: AppendOnlyFile

    init(path: String) throws {
        self.path = path
        file = try AppendOnlyFile(path: path)
    }

    func load() throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.storage, "cannot read \(path); check its permissions and the device")
        }
        return Array(data)
    }

    func append(_ bytes: [UInt8]) throws { try file.append(bytes) }

    func truncate(to count: Int) throws {
        guard Glibc.truncate(path, off_t(count)) == 0 else {
            throw Failure(.storage, "cannot cut \(path): \(String(cString: strerror(errno)))")
        }
        // Opening syncs the folder; the next append syncs the file.
    }
}
