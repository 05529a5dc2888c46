internal import Cryptography
internal import Glibc
internal import Ledger
internal import Operations

/// SHA-256 from the one cryptographic library.
struct LedgerDigest: LedgerHash {
    func digest(of bytes: [UInt8]) -> [UInt8] {
        // OpenSSL's digest of bytes in memory fails only without memory, where nothing else would go on either;
        // an empty digest matches no line, so that such a ledger is refused and not believed.
        (try? SHA256.hash(bytes)) ?? []
    }
}

/// The agent's own signing key for its ledgers, made on first use and kept in its state directory.
struct LedgerKey: LedgerSigner, LedgerVerifier {
    private let key: Signature.PrivateKey

    /// Reads the key file, or makes one with mode 0600. Throws a storage ``Failure``.
    init(path: String) throws {
        if let bytes = try StateDirectory.contents(of: path, limit: 4096) {
            let digits = String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
            guard let seed = Digest.bytes(of: digits), seed.count == Signature.keyByteCount else {
                throw Failure(.storage, "\(path) is not a key that this agent wrote")
            }
            key = try Signature.PrivateKey(seed: SecretBytes(copying: seed))
            return
        }
        key = try Signature.PrivateKey()
        let digits = try key.seed().withUnsafeBytes { Digest.text(of: Array($0)) }
        try AtomicFile.write(digits + "\n", to: path, mode: 0o600)
    }

    var publicKey: String { Digest.text(of: key.publicKey.bytes) }

    func sign(_ bytes: [UInt8]) throws -> [UInt8] { try key.sign(bytes) }

    func isValid(signature: [UInt8], of bytes: [UInt8], publicKey: String) -> Bool {
        guard let raw = Digest.bytes(of: publicKey), let key = try? Signature.PublicKey(bytes: raw) else {
            return false
        }
        return key.isValid(signature, for: bytes)
    }
}

/// A ledger in a file.
struct LedgerFile: LedgerStore {
    /// Largest ledger that is read, in bytes: hundreds of thousands of rounds.
    private static let sizeLimit = 1 << 30

    let path: String
    private let file: AppendOnlyFile

    init(path: String) throws {
        self.path = path
        file = try AppendOnlyFile(path: path)
    }

    func load() throws -> [UInt8] { try StateDirectory.contents(of: path, limit: Self.sizeLimit) ?? [] }

    func append(_ bytes: [UInt8]) throws { try file.append(bytes) }

    func truncate(to count: Int) throws {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(.storage, "cannot open \(path)") }
        defer { close(descriptor) }
        guard ftruncate(descriptor, off_t(count)) == 0, fsync(descriptor) == 0 else {
            throw Failure(.storage, "cannot cut \(path) back to its last whole line")
        }
    }
}
