internal import ClientAgent
internal import Configuration
internal import Glibc
internal import Operations

/// `sordino-agent approve`, `refuse` and `withdraw`
enum VerdictCommand {
    static let approve = grammar("approve", "Approves a task, by its digest or name.")
    static let refuse = grammar("refuse", "Refuses a task: it is not served, whatever the policy.")
    static let withdraw = grammar("withdraw", "Takes an approval back, from the next round on.")

    private static func grammar(_ word: String, _ summary: String) -> OptionGrammar {
        OptionGrammar(
            command: "sordino-agent \(word)", summary: summary,
            positionals: [
                .init("CONFIG", "The agent's configuration file (JSON5)."),
                .init("TASK", "Digest, at least 8 digits of it, or name.", count: .optional),
            ],
            options: [
                .value("set", "path=value", "Overrides one key of the configuration.", repeatable: true),
                .value("reason", "TEXT", "Why; it stands beside the verdict."),
                .value("sign", "KEYFILE", "Signs the verdict for other sites instead of taking it here."),
                .value("out", "FILE", "Where the signed verdict goes."),
                .value(
                    "signed", "FILE", "Takes the verdict that a reviewer of policy.approvals_from signed."),
            ],
            notes: "  The verdict counts for the agent at work, too, from its next round on.\n")
    }

    static func run(_ options: Options, _ kind: Verdict.Kind) throws -> ExitCode {
        let configuration = try AgentArgument.configuration(options)
        let verdict = try verdict(options, kind, configuration)
        if let key = options.string("sign") {
            let path = try options.required("out")
            try SignedVerdictFile.write(try ReviewerKey.sign(verdict, with: key), to: path)
            return say(options, verdict, "signed into \(path); at other sites: --signed \(path)")
        }
        try Decision.take(verdict, configuration)
        return say(options, verdict, "taken down for this site")
    }

    private static func verdict(
        _ options: Options, _ kind: Verdict.Kind, _ configuration: AgentConfiguration
    ) throws -> Verdict {
        let word = options.operands.dropFirst().first
        let reason = options.string("reason")
        guard reason.map(Verdict.isReason) ?? true else {
            throw options.usage("--reason takes one line of up to \(Verdict.longestReason) bytes")
        }
        guard options.string("out") == nil || options.string("sign") != nil else {
            throw options.usage("--out goes with --sign")
        }
        if let file = options.string("signed") {
            guard options.string("sign") == nil, reason == nil, word == nil else {
                throw options.usage(
                    "--signed takes the whole verdict from its file: no TASK, --reason or --sign")
            }
            let verdict = try SignedVerdictFile.read(file)
            guard verdict.kind == kind else {
                throw Failure(
                    .invalidInput,
                    "\(file): the verdict is to \(verdict.kind.rawValue), not to \(kind.rawValue)")
            }
            return verdict
        }
        guard let word else { throw options.usage("TASK is missing") }
        let digest = try Decision.digest(of: word, configuration, log: Logger(level: .error))
        return Verdict(kind, digest: digest, time: time(nil), reason: reason)
    }

    private static func say(_ options: Options, _ verdict: Verdict, _ what: String) -> ExitCode {
        switch options.format {
        case .json: print(JSONValue.object(verdict.members).text(indented: true))
        case .text: print("\(verdict.kind.rawValue) \(AskedTask.grouped(verdict.digest)): \(what)")
        }
        return .done
    }
}

/// `sordino-agent reviewer-key FILE`
enum ReviewerKeyCommand {
    static let grammar = OptionGrammar(
        command: "sordino-agent reviewer-key",
        summary: "Makes a key that verdicts for other sites are signed with, and prints its public half.",
        positionals: [.init("FILE", "Where the key goes; it must not be there yet.")])

    static func run(_ options: Options) throws -> ExitCode {
        let key = try ReviewerKey.make(options.operands[0])
        switch options.format {
        case .json: print(JSONValue.object(["key": .string(key)]).text(indented: true))
        case .text: print(key)
        }
        return .done
    }
}
