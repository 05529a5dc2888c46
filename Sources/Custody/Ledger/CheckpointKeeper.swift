internal import Ledger

/// When a ledger's checkpoint is made, and when it may be kept.
///
/// One is made before a round is charged, so that no round is half recorded in it, and kept once the state beside the
/// ledger remembers all its lines: whatever a crash leaves behind those is read line by line.
struct CheckpointKeeper {
    private let interval: Int?
    private let key: LedgerKey
    /// Rounds in the checkpoint that lies beside the ledger.
    private var rounds = 0
    /// Made, and not kept yet.
    private var pending: LedgerCheckpoint?
    /// Whether one was read and used, or was to be.
    private var isExpected = false
    /// What was wrong with the last that was read, as one line.
    private(set) var complaint: String?

    /// With so many charged rounds between two checkpoints; nil: none.
    init(every interval: Int?, key: LedgerKey) {
        self.interval = interval
        self.key = key
    }

    /// The checkpoint to open the ledger with; nil where there is none, or it has lines that are not among the first
    /// `boundLines`.
    mutating func read(_ file: LedgerCheckpointFile, boundLines: Int) -> LedgerCheckpoint? {
        (pending, complaint, isExpected, rounds) = (nil, nil, false, 0)
        guard interval != nil else { return nil }
        switch file.read(key: key) {
        case .missing: return nil
        case .unusable(let why):
            complaint = why
            return nil
        case .checkpoint(let checkpoint):
            guard checkpoint.head.sequence <= boundLines else { return nil }
            (isExpected, rounds) = (true, checkpoint.sums.charged.count)
            complaint = "\(file.path): does not fit the ledger"
            return checkpoint
        }
    }

    /// The ledger was opened, with so many lines left to a checkpoint.
    mutating func isOpened(_ ledger: borrowing PrivacyLedger, linesBefore: Int) {
        if linesBefore > 0 {
            complaint = nil
        } else {
            rounds = 0
        }
        note(ledger)
    }

    /// Makes a checkpoint where one is due. To be called before a round is charged.
    mutating func note(_ ledger: borrowing PrivacyLedger) {
        guard let interval, pending == nil, ledger.state.charged.count - rounds >= interval else { return }
        pending = ledger.checkpoint
    }

    /// Keeps what was made, once no more than `lines` are in it.
    mutating func isBound(through lines: Int, _ file: LedgerCheckpointFile) {
        guard let checkpoint = pending, checkpoint.head.sequence <= lines else { return }
        pending = nil
        rounds = checkpoint.sums.charged.count
        // Without it a start takes longer, and that is all; on a full disk the next one is tried.
        try? file.write(checkpoint, key: key)
    }
}
