internal import ClientAgent
internal import Compute
internal import FoundationEssentials
internal import Glibc
internal import Operations

/// `sordino-agent`: the edge binary.
@main
enum AgentMain {
    /// One line a subcommand: its word, grammar and work.
    static let subcommands:
        [(word: String, grammar: OptionGrammar, run: @Sendable (Options) throws -> ExitCode)] = [
            ("run", RunCommand.grammar, RunCommand.run),
            ("enroll", EnrolCommand.grammar, EnrolCommand.run),
            ("check", CheckCommand.grammar, CheckCommand.run),
            ("unit", UnitCommand.grammar, UnitCommand.run),
            ("tasks", TasksCommand.grammar, TasksCommand.run),
            ("approve", VerdictCommand.approve, { try VerdictCommand.run($0, .approve) }),
            ("refuse", VerdictCommand.refuse, { try VerdictCommand.run($0, .refuse) }),
            ("withdraw", VerdictCommand.withdraw, { try VerdictCommand.run($0, .withdraw) }),
            ("reviewer-key", ReviewerKeyCommand.grammar, ReviewerKeyCommand.run),
            ("status", StatusCommand.grammar, StatusCommand.run),
            ("pause", PauseCommand.pause, PauseCommand.runPause),
            ("resume", PauseCommand.resume, PauseCommand.runResume),
            ("leave", LeaveCommand.grammar, LeaveCommand.run),
            ("ledger-accept", LedgerAcceptCommand.grammar, LedgerAcceptCommand.run),
        ]

    static func main() {
        OpenBLASKernel.selectBest()
        Signals.install()
        do {
            exit(try run(Array(CommandLine.arguments.dropFirst())).rawValue)
        } catch {
            let failure = Failure(wrapping: error)
            Console.standardError.writeLine("sordino-agent: \(failure.message)")
            exit(failure.exitCode.rawValue)
        }
    }

    private static func run(_ arguments: [String]) throws -> ExitCode {
        if arguments.isEmpty || ["--help", "-h", "help"].contains(arguments[0]) {
            print(overview)
            return arguments.isEmpty ? .usage : .done
        }
        if arguments == ["--version"] {
            print("sordino-agent \(ProductVersion.current)")
            return .done
        }
        guard let found = subcommands.first(where: { $0.word == arguments[0] }) else {
            throw Failure(.usage, "unknown command \"\(arguments[0])\" (see sordino-agent --help)")
        }
        let options = try found.grammar.parse(Array(arguments.dropFirst()))
        if options.wantsHelp {
            print(found.grammar.help)
            return .done
        }
        return try found.run(options)
    }

    private static var overview: String {
        let lines = subcommands.map {
            "  \($0.word)\(String(repeating: " ", count: 15 - $0.word.count))\($0.grammar.summary)\n"
        }
        return "sordino-agent: trains on private data and reports only what its policy allows\n\n"
            + lines.joined() + "\nsordino-agent COMMAND --help says more."
    }
}
