internal import Cryptography
internal import Ledger
internal import Messages
internal import Operations

/// SHA-256 for ledgers.
struct LedgerDigest: LedgerHash {
    // An empty digest equals no line's hash: should OpenSSL fail, nothing verifies and nothing is written.
    func digest(of bytes: [UInt8]) -> [UInt8] { (try? SHA256.hash(bytes)) ?? [] }
}

/// Ed25519 for ledgers; public keys are written in hexadecimal.
struct LedgerKey: LedgerSigner, LedgerVerifier {
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

/// For a first look at lines that are verified by their key before anything is believed.
struct UncheckedSignatures: LedgerVerifier {
    func isValid(signature: [UInt8], of bytes: [UInt8], publicKey: String) -> Bool { true }
}

/// `ledger.jsonl.key`: the seed of the signing key, 32 bytes, mode 0600.
enum StoredLedgerKey {
    /// The key in the file; nil where there is none. Throws a storage `Failure` where it is damaged.
    static func read(_ path: String) throws -> Signature.PrivateKey? {
        guard let seed = try StoredFile.bytes(at: path, limit: 4096) else { return nil }
        guard seed.count == 32 else { throw StateDirectory.damaged(path) }
        return try Signature.PrivateKey(seed: SecretBytes(copying: seed))
    }

    /// A new key, kept durably.
    static func make(_ path: String) throws -> Signature.PrivateKey {
        let key = try Signature.PrivateKey()
        let seed = try key.seed().withUnsafeBytes { Array($0) }
        try AtomicFile.write(seed, to: path, mode: 0o600)
        return key
    }
}

/// A ledger's bytes.
enum LedgerBytes {
    /// Longest ledger that is read: millions of rounds.
    private static let limit = 1 << 33

    /// All of them; none where there is no file.
    static func read(_ path: String) throws -> [UInt8] { try StoredFile.bytes(at: path, limit: limit) ?? [] }
}

extension LedgerBinding {
    /// What is wrong with verified lines beside a state that this binding is of and whose last concluded round is
    /// `round`, as one clause that says which of the two is newer; nil where they agree.
    func complaint(_ verdict: LedgerVerdict, round: Int) -> String? {
        let there = verdict.lines.count
        switch standing(of: verdict.lines) {
        case .behind(let missing):
            let lost = rounds - verdict.state.rounds.count
            return "the ledger ends at line \(there), run.json remembers line \(lines) (round \(round)): "
                + "\(missing) line\(missing == 1 ? "" : "s") and \(max(0, lost)) charged "
                + "round\(lost == 1 ? "" : "s") are missing, the ledger is the older"
        case .forked:
            return "line \(lines) of the ledger is not the one that run.json remembers: the two went "
                + "different ways, or one is of another backup"
        case .holds:
            guard let line = verdict.unexplained(after: lines, open: round + 1, mayOpen: lines == 0) else {
                return nil
            }
            let last = verdict.lines.last { $0.entry.round != nil }?.entry.round ?? round
            return "the ledger goes on to round \(last), run.json ends at round \(round): line "
                + "\(line.sequence) is more than a crash leaves, run.json is the older"
        }
    }
}
