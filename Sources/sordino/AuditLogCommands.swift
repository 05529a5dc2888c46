internal import AggregationServer
internal import Configuration
internal import Custody
internal import HTTPWire
internal import Ledger
internal import Operations

/// What the commands about the audit log share.
enum AuditLogArgument {
    static let folder = OptionGrammar.Positional("STATE_DIR", "The server's state directory.")
    static let file = OptionGrammar.Option.value(
        "file", "FILE", "The log, where server.audit.file names one (default: STATE_DIR/audit.jsonl).")
    static let key = OptionGrammar.Option.value(
        "public-key", "HEX",
        "Every line must be signed by this Ed25519 key (default: that of the state directory, else the first line's)."
    )
    static let range: [OptionGrammar.Option] = [
        .value("from", "N", "The first line (default: 1)."),
        .value("to", "N", "The last line (default: the newest)."),
    ]

    /// The lines of `--from` and `--to`.
    static func numbers(_ options: Options) throws -> ClosedRange<Int> {
        let first = try options.integer("from", in: 1...Int.max) ?? 1
        let last = try options.integer("to", in: 1...Int.max) ?? .max
        guard first <= last else { throw options.usage("--from \(first) is above --to \(last)") }
        return first...last
    }
}

/// `sordino audit-log show`.
enum AuditLogShowCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino audit-log show",
        summary: "What administrators did at a server, from its state directory.",
        positionals: [AuditLogArgument.folder], options: [AuditLogArgument.file] + AuditLogArgument.range,
        notes: "With --format json the lines are printed as they are, one a line.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let numbers = try AuditLogArgument.numbers(options)
        let log = try AuditReading(options.operands[0], file: options.string("file"))
        switch options.format {
        case .json: StandardOutput.write(log.text(numbers))
        case .text: StandardOutput.write(log.table(numbers, width: Terminal.width()))
        }
        guard let finding = log.verdict.findings.first else { return .done }
        throw Failure(.storage, "\(log.path): \(finding); sordino audit-log verify names all findings")
    }
}

/// `sordino audit-log verify`.
enum AuditLogVerifyCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino audit-log verify",
        summary: "Check an audit log's chain, signatures and end.",
        positionals: [AuditLogArgument.folder], options: [AuditLogArgument.file, AuditLogArgument.key],
        notes: "Exit code 0: sound; 6: not sound, every finding names its line.\n")

    /// Findings printed as text; a fault early in a log shows in later lines, too.
    private static let shownFindings = 20

    static func run(_ options: Options) throws -> ExitCode {
        let log = try AuditReading(
            options.operands[0], file: options.string("file"), publicKey: options.string("public-key"))
        let verdict = log.verdict
        if options.format == .json {
            let findings = verdict.findings.map { finding in
                JSONValue.object(["line": .integer(finding.line), "reason": .string(finding.reason)])
            }
            StandardOutput.write(
                JSONValue.object([
                    "sound": .bool(verdict.isSound), "lines": .integer(verdict.lineCount),
                    "torn_bytes": .integer(verdict.tornBytes), "findings": .array(findings),
                    "public_key": verdict.publicKey.map { .string($0) } ?? .null,
                    "head": verdict.head.map { .string($0.hash) } ?? .null,
                ]).text(indented: true) + "\n")
            return verdict.isSound ? .done : .storage
        }
        for finding in verdict.findings.prefix(shownFindings) {
            StandardOutput.write("\(log.path): \(finding)\n")
        }
        if verdict.findings.count > shownFindings {
            StandardOutput.write(
                "\(verdict.findings.count - shownFindings) more findings (see --format json)\n")
        }
        if verdict.tornBytes > 0 {
            StandardOutput.write(
                "\(log.path): \(verdict.tornBytes) bytes of a torn last line, as a crash leaves\n")
        }
        if verdict.isSound {
            let signer = verdict.publicKey.map { ", signed by \($0)" } ?? ""
            StandardOutput.write(
                "\(log.path): sound, \(verdict.lineCount) lines\(signer)\n"
                    + (verdict.head.map { "head, to keep elsewhere: \($0.hash)\n" } ?? ""))
        }
        return verdict.isSound ? .done : .storage
    }
}

/// `sordino audit-log fetch`.
enum AuditLogFetchCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino audit-log fetch",
        summary: "The audit log of a running server as JSON lines, by an auditor's or operator's token.",
        options: AdminRequest.options + AuditLogArgument.range,
        notes: "The lines are those of the server's file: signatures and all.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let numbers = try AuditLogArgument.numbers(options)
        var next = numbers.lowerBound
        while true {
            var query = [("from", String(next))]
            if numbers.upperBound < .max { query.append(("to", String(numbers.upperBound))) }
            let lines = try AdminRequest.bytes((.get, "audit", ""), options, query: query)
            guard let last = try AuditReading.lastNumber(lines) else { return .done }
            guard last >= next else {
                throw Failure(.network, "the server's answer is not what was asked for")
            }
            StandardOutput.write(lines)
            guard last < numbers.upperBound else { return .done }
            next = last + 1
        }
    }
}
