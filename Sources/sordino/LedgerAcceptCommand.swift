internal import AggregationServer
internal import Configuration
internal import Operations

/// `sordino ledger accept`: goes on, on purpose, with a ledger that does not agree with its state.
enum LedgerAcceptCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino ledger accept",
        summary: "Go on with a server's ledger that does not agree with its state.",
        positionals: [.init("STATE_DIR", "The state directory of a server that is stopped.")],
        options: [
            .value("actor", "NAME", "Who decides; it stands in the ledger."),
            .value("reason", "TEXT", "Why; it stands in the ledger."),
        ],
        notes:
            "Rounds that the state remembers and the ledger lacks are charged anew: epsilon never becomes smaller.\n"
            + "Restore both from one backup instead where you can. Exit codes: 0 done, 2 usage, 6 storage.\n")

    /// Longest name and reason, in bytes.
    private static let longest = 1000

    static func run(_ options: Options) throws -> ExitCode {
        let (actor, reason) = (try options.required("actor"), options.string("reason"))
        guard (1...longest).contains(actor.utf8.count), reason?.utf8.count ?? 0 <= longest else {
            throw options.usage("--actor and --reason take up to \(longest) bytes")
        }
        let outcome = try LedgerAcceptance.accept(options.operands[0], actor: actor, reason: reason)
        if options.format == .json {
            let answer: [String: JSONValue] = [
                "finding": .string(outcome.finding), "charged_anew": .integer(outcome.chargedAnew),
                "epsilon": outcome.epsilon.map { .number($0) } ?? .null,
                "moved_aside": outcome.movedAside.map { .string($0) } ?? .null,
                "lines": .integer(outcome.lines), "head": .string(outcome.head),
                "round": .integer(outcome.round),
            ]
            StandardOutput.write(JSONValue.object(answer).text(indented: true) + "\n")
            return .done
        }
        StandardOutput.write("accepted: \(outcome.finding)\n")
        if outcome.chargedAnew > 0 {
            let epsilon = outcome.epsilon.map {
                ", epsilon \(Quantity.decimal($0, places: 4)) of theirs alone"
            }
            StandardOutput.write("\(outcome.chargedAnew) rounds charged anew\(epsilon ?? "")\n")
        }
        if let moved = outcome.movedAside { StandardOutput.write("the refused ledger lies at \(moved)\n") }
        StandardOutput.write(
            "ledger: \(outcome.lines) lines, head \(outcome.head); rounds up to \(outcome.round) are over\n")
        return .done
    }
}
