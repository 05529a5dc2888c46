/// The hash that chains ledger lines: SHA-256 wherever ledgers are kept.
package protocol LedgerHash: Sendable {
    /// 32 bytes.
    func digest(of bytes: [UInt8]) -> [UInt8]
}

/// The key that signs ledger lines.
package protocol LedgerSigner: Sendable {
    /// The public key, as text that a `LedgerVerifier` understands.
    var publicKey: String { get }
    /// Signature of the bytes.
    func sign(_ bytes: [UInt8]) throws -> [UInt8]
}

/// Checks signatures of ledger lines.
package protocol LedgerVerifier: Sendable {
    /// Whether this is the key's signature of the bytes; false too for a malformed key or signature.
    func isValid(signature: [UInt8], of bytes: [UInt8], publicKey: String) -> Bool
}

/// Where the lines of one ledger are kept.
package protocol LedgerStore: Sendable {
    /// The bytes kept from `start` on, none for a new ledger; nil where there are fewer than `start`.
    func load(from start: Int) throws -> [UInt8]?
    /// Appends and returns once the bytes are durable (synced), with all before them; with `waits` false they may become
    /// so with the next append that waits. On a throw nothing is known of them.
    func append(_ bytes: [UInt8], waits: Bool) throws
    /// Cuts the ledger to its first `count` bytes, durably.
    func truncate(to count: Int) throws
}
