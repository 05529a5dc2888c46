internal import ClientAgent
internal import Configuration
internal import Operations

/// `sordino-agent ledger-accept CONFIG`
enum LedgerAcceptCommand {
    static let grammar = OptionGrammar(
        command: "sordino-agent ledger-accept",
        summary: "Goes on, on purpose, with ledgers that do not agree with what the agent remembers.",
        positionals: [.init("CONFIG", "The agent's configuration file (JSON5).")],
        options: [
            .value("set", "path=value", "Overrides one key of the configuration.", repeatable: true),
            .value("reason", "TEXT", "Why; it stands in the ledger."),
        ],
        notes:
            "Rounds that the agent remembers and a ledger lacks are charged anew: epsilon never becomes smaller.\n"
    )

    static func run(_ options: Options) throws -> ExitCode {
        let configuration = try AgentArgument.configuration(options)
        let reason = options.string("reason")
        guard reason?.utf8.count ?? 0 <= 1000 else { throw options.usage("--reason takes up to 1000 bytes") }
        let outcomes = try AgentLedgerAcceptance.accept(
            stateDirectory: configuration.stateDirectory, reason: reason)
        switch options.format {
        case .json:
            let items = outcomes.map { outcome in
                JSONValue.object([
                    "run": .string(outcome.run), "finding": .string(outcome.finding),
                    "charged_anew": .integer(outcome.chargedAnew),
                    "epsilon": outcome.epsilon.isFinite ? .number(outcome.epsilon) : .string("inf"),
                    "moved_aside": outcome.movedAside.map { .string($0) } ?? .null,
                ])
            }
            print(JSONValue.object(["accepted": .array(items)]).text(indented: true))
        case .text:
            for outcome in outcomes {
                print("run \(outcome.run): accepted: \(outcome.finding)")
                print(
                    "  \(outcome.chargedAnew) rounds charged anew, epsilon \(outcome.epsilon) of theirs alone"
                )
                if let moved = outcome.movedAside { print("  the refused ledger lies at \(moved)") }
            }
        }
        return .done
    }
}
