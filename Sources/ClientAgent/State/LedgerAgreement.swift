internal import Cryptography
internal import Custody
internal import Glibc
internal import Ledger
internal import Operations

/// A run's ledger as it lies on disk, verified, beside what `progress.json` remembers of it.
struct StoredLedger {
    let run: String
    let path: String
    /// What the file says; nil where there is none.
    let verdict: LedgerVerdict?
    /// Greatest round begun, 0 for none.
    let begun: Int
    /// What is remembered of the ledger.
    let binding: LedgerBinding
    /// Whether `progress.json` is of a version that remembers ledgers.
    private let isBound: Bool
    private let hasProgress: Bool

    /// Reads the ledger of a run, all of it where `isWhole`, else from its checkpoint on. Throws a storage ``Failure``
    /// where it cannot be read.
    init(
        _ run: String, in state: StateDirectory, key: LedgerKey, progress: RoundProgress, isWhole: Bool
    ) throws {
        self.run = run
        path = state.file("runs/\(run)/ledger.jsonl")
        begun = progress.lastRound(of: run)
        binding = progress.ledgers[run] ?? .nothing
        verdict = try LedgerFile.verdict(
            at: path, key: key, boundLines: isWhole ? 0 : binding.lines, followsLinks: false)
        isBound = (progress.version ?? 0) >= 2
        hasProgress = progress.version != nil
    }

    /// Rounds charged in the file.
    var charged: Int { verdict?.state.charged.count ?? 0 }
    /// Greatest round charged in the file, 0 for none.
    var lastCharged: Int { verdict?.state.charged.last ?? 0 }

    /// Whether the file is this agent's and whole.
    var isTrusted: Bool {
        guard let verdict else { return true }
        return verdict.findings.isEmpty && verdict.lines.allSatisfy { $0.run == run }
    }

    /// How the ledger stands to what is remembered of it.
    var standing: LedgerBinding.Standing {
        guard let verdict else {
            return binding.lines > 0 ? .behind(missing: binding.lines) : .holds(ahead: 0)
        }
        return binding.standing(of: verdict)
    }

    /// What is wrong, in one clause; nil where nothing is.
    var complaint: String? {
        if let finding = verdict?.findings.first { return "the privacy ledger is not sound, \(finding)" }
        guard isTrusted else { return "the privacy ledger is another run's" }
        guard begun > 0 || charged == 0 else {
            return hasProgress
                ? "the ledger has \(charged) rounds of a run that progress.json does not know: progress.json is the "
                    + "older"
                : "the ledger has \(charged) rounds, though progress.json is missing"
        }
        guard isBound else { return complaintWithoutBinding }
        switch standing {
        case .behind(let missing):
            let lost = max(0, binding.rounds - charged)
            return
                "the ledger ends at line \(verdict?.lineCount ?? 0), progress.json remembers line \(binding.lines) (round "
                + "\(begun)): \(missing) line\(missing == 1 ? "" : "s") and \(lost) charged "
                + "round\(lost == 1 ? "" : "s") are missing, the ledger is the older"
        case .forked:
            return
                "line \(binding.lines) of the ledger is not the one that progress.json remembers: the two went "
                + "different ways, or one is of another backup"
        case .holds:
            let isFirst = binding.lines == 0
            guard let line = verdict?.unexplained(after: binding.lines, open: begun, mayOpen: isFirst) else {
                return nil
            }
            return "the ledger goes on to round \(lastCharged), progress.json ends at round \(begun): line "
                + "\(line.sequence) is more than a crash leaves, progress.json is the older"
        }
    }

    /// A file of 0.1.0 says what was begun, and no more.
    private var complaintWithoutBinding: String? {
        if lastCharged > begun {
            return
                "the ledger goes on to round \(lastCharged), progress.json ends at round \(begun): progress.json "
                + "is the older"
        }
        // Of one round a crash can have left nothing.
        guard charged == 0, begun > 1 else { return nil }
        return "the ledger has no round, progress.json remembers round \(begun): the ledger is the older"
    }
}

extension AgentLedgers {
    /// How to go on where ledger and state disagree.
    static let wayOn =
        "restore the state directory from one backup, or go on on purpose: sordino-agent ledger-accept CONFIG"

    /// Every run that anything in the state directory knows, sorted.
    static func runs(in state: StateDirectory, _ progress: RoundProgress) throws -> [String] {
        let folders = try StateDirectory.names(in: state.file("runs"))
        return Set(folders).union(progress.begun.keys).union(progress.ledgers.keys).sorted()
    }

    /// The key that signs the ledgers; made where none was and no ledger has a line. Throws a storage ``Failure``.
    /// Without `isMade` one that is missing is made up, to verify that no ledger has a line.
    static func key(in state: StateDirectory, _ runs: [String], isMade: Bool = true) throws -> LedgerKey {
        let file = keyFile(in: state)
        let haveLines = try runs.contains {
            try StoredFile.size(at: state.file("runs/\($0)/ledger.jsonl"), followsLinks: false) ?? 0 > 0
        }
        let isNeeded = isMade || haveLines
        if !isNeeded, try file.read() == nil { return LedgerKey(try Signature.PrivateKey()) }
        return try file.key(
            of: runs.map { state.file("runs/\($0)/ledger.jsonl") }, wayOn: wayOn)
    }

    /// The file of that key.
    static func keyFile(in state: StateDirectory) -> LedgerKeyFile {
        LedgerKeyFile(state.file("ledger.key"), form: .hexadecimal, followsLinks: false)
    }

    /// Reports are sent only of rounds that are charged.
    static func checkOutbox(_ state: StateDirectory, _ ledgers: [StoredLedger]) throws {
        // One that has left its federation has no outbox.
        guard access(state.file("outbox"), F_OK) == 0 else { return }
        for name in try StateDirectory.names(in: state.file("outbox")) {
            let parts = name.split(separator: "-").map(String.init)
            guard parts.count == 2, let round = Int(parts[1]) else { continue }
            let ledger = ledgers.first { $0.run == parts[0] }
            guard ledger?.verdict?.state.charged.contains(round) == true else {
                throw Failure(
                    .storage,
                    "\(state.file("outbox/\(name)")): a report of a round that the ledger never charged; it is not "
                        + "sent: move it away, or \(wayOn)")
            }
        }
    }
}
