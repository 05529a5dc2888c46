package import Ledger
internal import Operations

/// The checkpoint of a ledger in the file beside it. Without it, or where it does not fit, all of the ledger is verified: what
/// lies there can cost time, and no more.
package struct LedgerCheckpointFile {
    /// Of any run: the sums of its rounds take a few thousand bytes.
    private static let sizeLimit = 1 << 24

    package let path: String
    private let followsLinks: Bool

    /// The checkpoint of the ledger at this path.
    package init(ledger path: String, followsLinks: Bool = true) {
        self.path = "\(path).checkpoint"
        self.followsLinks = followsLinks
    }

    /// What was found.
    package enum Content {
        case missing
        case checkpoint(LedgerCheckpoint)
        /// Not what the ledger's key signed, or not to be read; why, as one line that names the file.
        case unusable(String)
    }

    /// Reads it, held against the ledger's key.
    package func read(key: LedgerKey) -> Content {
        read(verifier: key, trustedKey: key.publicKey)
    }

    /// Reads it, held against a key by name: for an auditor.
    package func read(publicKey: String) -> Content {
        read(verifier: NamedKeys(), trustedKey: publicKey)
    }

    private func read(verifier: any LedgerVerifier, trustedKey: String) -> Content {
        do throws(Failure) {
            guard
                let bytes = try StoredFile.bytes(
                    at: path, limit: Self.sizeLimit, followsLinks: followsLinks)
            else { return .missing }
            guard
                let checkpoint = LedgerCheckpoint(
                    text: bytes, hash: LedgerSHA256(), verifier: verifier, trustedKey: trustedKey)
            else { return .unusable("\(path): is not what the ledger's key signed") }
            return .checkpoint(checkpoint)
        } catch {
            return .unusable(error.message)
        }
    }

    /// Puts it there. Throws a storage ``Failure``, or what signing throws; the ledger is as good without.
    package func write(_ checkpoint: LedgerCheckpoint, key: LedgerKey) throws {
        let text = try checkpoint.text(hash: LedgerSHA256(), signer: key)
        // A crash may bring the earlier one back, which is as good.
        try AtomicFile.write(Array(text.utf8), to: path, mode: 0o600, syncsFolder: false)
    }
}
