internal import Notation

/// The last line of a ledger, kept elsewhere so that cutting lines off its end, or putting back an old copy,
/// is found.
package struct LedgerHead: Hashable, Sendable, Codable {
    package let sequence: Int
    package let hash: String

    package init(sequence: Int, hash: String) {
        self.sequence = sequence
        self.hash = hash
    }
}

/// One thing wrong with a ledger, and where.
package struct LedgerFinding: Hashable, Sendable, CustomStringConvertible {
    /// Counted from 1.
    package let line: Int
    package let reason: String

    package init(line: Int, reason: String) {
        self.line = line
        self.reason = reason
    }

    package var description: String { "line \(line): \(reason)" }
}

/// What verifying a ledger found.
package struct LedgerVerdict: Sendable {
    /// Lines of the ledger, those included that a checkpoint stands for.
    package let lineCount: Int
    /// In order of lines; none in a sound ledger.
    package let findings: [LedgerFinding]
    /// Bytes behind the last line break: a line torn by a crash, whose writing was never reported done.
    package let tornBytes: Int
    /// What the lines amount to; only meaningful without findings.
    package let state: LedgerState
    /// Those that were read.
    package let lines: [LedgerLine]
    /// Lines before the first of ``lines``, which a checkpoint stands for; 0 where all were read.
    package let linesBefore: Int

    package var isSound: Bool { findings.isEmpty }
    /// The last line, to be kept elsewhere.
    package var head: LedgerHead? { lines.last.map { LedgerHead(sequence: $0.sequence, hash: $0.hash) } }
}

/// Checks every line of a ledger: form, hash, signature, chain and the rules of the entries.
package struct LedgerVerification: Sendable {
    private let hash: any LedgerHash
    private let verifier: any LedgerVerifier
    private let trustedKey: String?
    private let anchor: LedgerHead?

    /// With `trustedKey` every line must be signed by it; without, by the key of the first line, which then
    /// proves only that one hand wrote all lines. With `anchor` that line must be there, unchanged.
    package init(
        hash: any LedgerHash, verifier: any LedgerVerifier, trustedKey: String? = nil,
        anchor: LedgerHead? = nil
    ) {
        self.hash = hash
        self.verifier = verifier
        self.trustedKey = trustedKey
        self.anchor = anchor
    }

    /// Reads the whole ledger, or with a `checkpoint` what begins at its ``LedgerCheckpoint/offset``: its last line is
    /// held against it, and all lines behind are verified. Each finding names the line and the reason; reading goes on
    /// behind it.
    package func verify(_ bytes: [UInt8], after checkpoint: LedgerCheckpoint? = nil) -> LedgerVerdict {
        let lineBreak = UInt8(ascii: "\n")
        var parts = bytes.split(separator: lineBreak, omittingEmptySubsequences: false)
        let tornBytes = parts.removeLast().count
        var findings: [LedgerFinding] = []
        var lines: [LedgerLine] = []
        var state = checkpoint.map { LedgerState($0.sums) } ?? LedgerState()
        let linesBefore = checkpoint.map { $0.head.sequence - 1 } ?? 0
        let chain = LineChain(hash: hash, verifier: verifier, trustedKey: trustedKey)
        var last: LedgerLine?
        for (index, part) in parts.enumerated() {
            let number = linesBefore + index + 1
            guard let line = LedgerLine(text: part) else {
                findings.append(
                    .init(line: number, reason: "edited: this is not a line that a ledger writes"))
                continue
            }
            if let checkpoint, index == 0 {
                if !checkpoint.ends(with: line, hash) {
                    findings.append(LedgerFinding(line: number, reason: "not the line of the checkpoint"))
                }
            } else {
                for reason in chain.reasons(against: line, after: last) {
                    findings.append(LedgerFinding(line: number, reason: reason))
                }
                do {
                    try state.apply(line.entry)
                } catch {
                    findings.append(LedgerFinding(line: number, reason: "against the rules: \(error)"))
                }
            }
            last = line
            lines.append(line)
        }
        if checkpoint != nil, parts.isEmpty {
            findings.append(LedgerFinding(line: linesBefore + 1, reason: "cut off: missing"))
        }
        if let anchor, !lines.contains(where: { $0.sequence == anchor.sequence && $0.hash == anchor.hash }) {
            let reason =
                "cut off or put back: line \(anchor.sequence) with the hash \(anchor.hash.prefix(16))…, which is "
                + "recorded elsewhere, is missing"
            findings.append(LedgerFinding(line: min(anchor.sequence, parts.count + 1), reason: reason))
        }
        return LedgerVerdict(
            lineCount: linesBefore + parts.count, findings: findings, tornBytes: tornBytes, state: state,
            lines: lines, linesBefore: linesBefore)
    }

    /// Reads a ledger from the checkpoint on where that fits, and says where in bytes the ledger ends. All of it is read
    /// where there is no checkpoint, or anything is wrong behind it, so that the finding is that of the whole. `load` is
    /// as in ``LedgerStore``; what it throws is thrown.
    package func read(
        after checkpoint: LedgerCheckpoint?, load: (_ start: Int) throws -> [UInt8]?
    ) throws -> (verdict: LedgerVerdict, end: Int) {
        if let checkpoint, let bytes = try load(checkpoint.offset) {
            let verdict = verify(bytes, after: checkpoint)
            if verdict.isSound { return (verdict, checkpoint.offset + bytes.count) }
        }
        let bytes = try load(0) ?? []
        return (verify(bytes), bytes.count)
    }
}
