package import Ledger
package import Operations

/// A ledger's lines in a file that only grows.
package struct LedgerFile: LedgerStore {
    /// Longest ledger that is read, in bytes: millions of rounds.
    package static let sizeLimit = 1 << 33

    private let file: AppendOnlyFile
    private let followsLinks: Bool

    /// Opens the file, creating it where missing. Throws a storage ``Failure``.
    ///
    /// `synchronises` false is for rehearsals: after a power failure the same rounds write their lines again, and SIGKILL
    /// loses nothing that was handed to the system.
    package init(_ path: String, synchronises: Bool = true, followsLinks: Bool = true) throws {
        // Before anything is created or opened for writing: what lies there may be a link or no file at all.
        _ = try StoredFile.size(at: path, followsLinks: followsLinks)
        file = try AppendOnlyFile(path: path, synchronises: synchronises)
        self.followsLinks = followsLinks
    }

    /// All bytes of a ledger; nil where there is no file. Throws a storage ``Failure``.
    package static func bytes(at path: String, followsLinks: Bool = true) throws(Failure) -> [UInt8]? {
        try StoredFile.bytes(at: path, limit: sizeLimit, followsLinks: followsLinks)
    }

    /// What a ledger says, from its checkpoint on where that is among the first `boundLines` lines and fits; nil where there
    /// is no file. Throws a storage ``Failure``.
    package static func verdict(
        at path: String, key: LedgerKey, boundLines: Int, followsLinks: Bool = true
    ) throws -> LedgerVerdict? {
        guard try StoredFile.size(at: path, followsLinks: followsLinks) != nil else { return nil }
        var checkpoint: LedgerCheckpoint?
        let file = LedgerCheckpointFile(ledger: path, followsLinks: followsLinks)
        if case .checkpoint(let found) = file.read(key: key), found.head.sequence <= boundLines {
            checkpoint = found
        }
        return try LedgerVerification(
            hash: LedgerSHA256(), verifier: key, trustedKey: key.publicKey
        ).read(after: checkpoint) {
            try StoredFile.bytes(at: path, from: $0, limit: sizeLimit, followsLinks: followsLinks)
        }.verdict
    }

    package func load(from start: Int) throws -> [UInt8]? {
        try StoredFile.bytes(
            at: file.path, from: start, limit: Self.sizeLimit, followsLinks: followsLinks)
    }

    /// The ledger's checkpoint, a file beside it.
    package var checkpoint: LedgerCheckpointFile {
        LedgerCheckpointFile(ledger: file.path, followsLinks: followsLinks)
    }

    package func append(_ bytes: [UInt8], waits: Bool) throws { try file.append(bytes, waits: waits) }

    package func truncate(to count: Int) throws { try file.truncate(to: count) }

    /// Puts all lines on the device, where appending does not.
    package func synchronise() throws { try file.synchronise() }
}
