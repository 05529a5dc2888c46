internal import Configuration
internal import Ledger
internal import Operations

/// `sordino ledger verify`: finds any edited, dropped or reordered line and names it.
enum LedgerVerifyCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino ledger verify", summary: "Check a privacy ledger's chain, signatures and rules.",
        positionals: [LedgerArgument.positional], options: [LedgerArgument.key, LedgerArgument.head],
        notes: "Exit code 0: sound; 6: not sound, every finding names its line.\n")

    /// Findings printed as text; a fault early in a ledger shows in every later line.
    private static let shownFindings = 20

    static func run(_ options: Options) throws -> ExitCode {
        let ledger = try LedgerArgument(options, isAnchored: true)
        let verdict = ledger.verdict
        let checkpoint = ledger.checkpointComplaint
        let anchor = ledger.anchorComplaint
        let isSound = verdict.isSound && verdict.lineCount > 0 && checkpoint == nil && anchor == nil
        if options.format == .json {
            let findings = verdict.findings.map { finding in
                JSONValue.object(["line": .integer(finding.line), "reason": .string(finding.reason)])
            }
            var answer: [String: JSONValue] = [
                "sound": .bool(isSound), "lines": .integer(verdict.lineCount),
                "torn_bytes": .integer(verdict.tornBytes), "findings": .array(findings),
                "public_key": verdict.lines.first.map { .string($0.publicKey) } ?? .null,
                "head": verdict.head.map { .string($0.hash) } ?? .null,
            ]
            if let checkpoint { answer["checkpoint"] = .string(checkpoint) }
            if let anchor { answer["anchor"] = .string(anchor) }
            StandardOutput.write(JSONValue.object(answer).text(indented: true) + "\n")
        } else {
            for finding in verdict.findings.prefix(shownFindings) {
                StandardOutput.write("\(ledger.path): \(finding)\n")
            }
            if verdict.findings.count > shownFindings {
                StandardOutput.write(
                    "\(verdict.findings.count - shownFindings) more findings (see --format json)\n")
            }
            if verdict.lineCount == 0 { StandardOutput.write("\(ledger.path): holds no whole line\n") }
            if verdict.tornBytes > 0 {
                StandardOutput.write(
                    "\(ledger.path): \(verdict.tornBytes) bytes of a torn last line, as a crash leaves\n")
            }
            if let checkpoint {
                StandardOutput.write("\(checkpoint); remove that file: the next start verifies all lines\n")
            }
            if let anchor { StandardOutput.write("\(ledger.path): \(anchor)\n") }
            if isSound, let first = verdict.lines.first {
                StandardOutput.write(
                    "\(ledger.path): sound, \(verdict.lineCount) lines, signed by \(first.publicKey)\n"
                        + (verdict.head.map { "head, to keep elsewhere: \($0.hash)\n" } ?? ""))
            }
        }
        return isSound ? .done : .storage
    }
}
