package import Ledger

/// What reading a chained and signed log found.
package struct SignedLogVerdict: Sendable {
    /// Whole lines.
    package let lineCount: Int
    /// In order of lines; none in a sound log.
    package let findings: [LedgerFinding]
    /// Bytes behind the last line break: a line torn by a crash, whose writing was never reported done.
    package let tornBytes: Int
    /// The last line, to be kept elsewhere; nil for a log without any.
    package let head: LedgerHead?
    /// The key that signed the last line.
    package let publicKey: String?

    package var isSound: Bool { findings.isEmpty }
}

/// Reads a chained and signed log: form, hash, signature and chain of every line.
package struct SignedLogReading<Entry: SignedEntry> {
    private let log: String
    private let chain: LineChain
    private let anchor: LedgerHead?

    /// Of the log of this name. With `key` every line must be signed by it; without, by that of the first line. With
    /// `anchor` that line must be there, unchanged.
    package init(log: String, key: String?, anchor: LedgerHead? = nil) {
        self.log = log
        self.anchor = anchor
        chain = LineChain(hash: LedgerSHA256(), verifier: NamedKeys(), trustedKey: key)
    }

    /// Reads the whole log. `visit` is given each sound line and the byte where it begins, and says what is wrong with it
    /// by the log's own rules; nil: nothing.
    package func read(
        _ bytes: [UInt8], visit: (_ line: SignedLine<Entry>, _ offset: Int) -> String? = { _, _ in nil }
    ) -> SignedLogVerdict {
        var findings: [LedgerFinding] = []
        var last: SignedLine<Entry>?
        var isAnchored = anchor == nil
        var (start, number) = (0, 0)
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            defer { start = end + 1 }
            number += 1
            guard let line = SignedLine<Entry>(text: bytes[start..<end]) else {
                findings.append(
                    LedgerFinding(line: number, reason: "edited: this is not a line that this log has"))
                continue
            }
            var reasons = chain.reasons(against: line, after: last)
            if last == nil, line.run != log {
                reasons.append("inserted: it belongs to the \(Entry.owner) \(line.run), not \(log)")
            }
            if reasons.isEmpty, let reason = visit(line, start) { reasons.append(reason) }
            findings += reasons.map { LedgerFinding(line: number, reason: $0) }
            if line.sequence == anchor?.sequence, line.hash == anchor?.hash { isAnchored = true }
            last = line
        }
        if !isAnchored, let anchor {
            findings.append(
                LedgerFinding(
                    line: min(anchor.sequence, number + 1),
                    reason: "cut off or put back: line \(anchor.sequence) with the hash "
                        + "\(anchor.hash.prefix(16))…, which is recorded elsewhere, is missing"))
        }
        return SignedLogVerdict(
            lineCount: number, findings: findings, tornBytes: bytes.count - start,
            head: last.map { LedgerHead(sequence: $0.sequence, hash: $0.hash) }, publicKey: last?.publicKey)
    }
}
