internal import Configuration
internal import Foundation
internal import Ledger
internal import Operations
internal import Privacy

/// `sordino ledger show`: what a ledger says was spent.
enum LedgerShowCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino ledger show", summary: "Print what a privacy ledger says was spent.",
        positionals: [LedgerArgument.positional],
        options: [
            LedgerArgument.key,
            .flag(
                "events",
                "Print the events for sordino privacy epsilon --events, so that anyone can recompute it."),
            .flag("server", "With --events: the events against the server."),
            .flag("members", "With --events: the events against other members of the cohorts."),
            .flag(
                "example", "With --events: the events of single records, where clients add per-example noise."
            ),
        ])

    static func run(_ options: Options) throws -> ExitCode {
        let ledger = try LedgerArgument(options)
        if let finding = ledger.verdict.findings.first {
            throw Failure(.storage, "\(ledger.path): not sound, \(finding); see sordino ledger verify")
        }
        if options.flag("events") {
            let events =
                try options.flag("example")
                ? ledger.exampleEvents()
                : options.flag("server")
                    ? ledger.serverEvents()
                    : options.flag("members") ? members(ledger) : ledger.releasedEvents()
            StandardOutput.write(String(decoding: try PrivacyEvent.json(of: events), as: UTF8.self) + "\n")
            return .done
        }
        let state = ledger.verdict.state
        let delta = state.opening?.delta ?? 1e-5
        let released = try epsilon(ledger.releasedEvents(), delta)
        let server = try epsilon(ledger.serverEvents(), delta)
        let members = try ledger.membersEvents().flatMap { try epsilon($0, delta) }
        let example = try epsilon(ledger.exampleEvents(), delta)
        if options.format == .json {
            let rounds = state.rounds.map {
                JSONValue.object(["round": .integer($0.number), "state": .string(word($0))])
            }
            var answer: [String: JSONValue] = [
                "delta": .number(delta), "adjacency": .string(state.opening?.adjacency.rawValue ?? ""),
                "epsilon": number(released), "epsilon_server": number(server),
                "epsilon_members": number(members), "rounds": .array(rounds),
            ]
            if let example { answer["epsilon_example"] = number(example) }
            StandardOutput.write(JSONValue.object(answer).text(indented: true) + "\n")
            return .done
        }
        for round in state.rounds { StandardOutput.write("round \(round.number)  \(word(round))\n") }
        StandardOutput.write(
            "epsilon        \(text(released)) at delta \(delta), \(state.opening?.adjacency.rawValue ?? "")\n"
        )
        StandardOutput.write("against server \(text(server))\n")
        StandardOutput.write("other members  \(members == nil ? "not stated" : text(members))\n")
        if let example {
            StandardOutput.write(
                "single record  \(text(example)), add-or-remove-one, against its client's update\n")
        }
        return .done
    }

    private static func members(_ ledger: LedgerArgument) throws -> [PrivacyEvent] {
        guard let events = try ledger.membersEvents() else {
            throw Failure(
                .invalidInput, "\(ledger.path): does not state events against members: version 0.1.0 wrote it"
            )
        }
        return events
    }

    /// ε of the events; nil where there are none and thus no bound is stated.
    private static func epsilon(_ events: [PrivacyEvent], _ delta: Double) throws -> Double? {
        events.isEmpty ? nil : try PrivacyGuarantee.of(events, delta: delta).epsilon
    }

    private static func number(_ value: Double?) -> JSONValue {
        value.flatMap { $0.isFinite ? .number($0) : nil } ?? .null
    }

    private static func text(_ value: Double?) -> String {
        value.flatMap { $0.isFinite ? Quantity.decimal($0, places: 4) : nil } ?? "unbounded"
    }

    private static func word(_ round: LedgerState.Round) -> String {
        switch round.progress {
        case .charged: "charged"
        case .settled(let settlement): "settled with \(settlement.survivors) reports"
        case .released(let settlement, let digest):
            "released with \(settlement.survivors) reports, model \(digest.prefix(16))"
        case .abandoned: "abandoned"
        }
    }
}
