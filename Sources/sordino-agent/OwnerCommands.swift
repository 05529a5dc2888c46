internal import ClientAgent
internal import Configuration
internal import Glibc
internal import Operations

/// `sordino-agent status CONFIG`
enum StatusCommand {
    static let grammar = OptionGrammar(
        command: "sordino-agent status",
        summary: "Shows how the agent stands: what was sent, what was spent, what is approved.",
        positionals: [.init("CONFIG", "The agent's configuration file (JSON5).")],
        options: [.value("set", "path=value", "Overrides one key of the configuration.", repeatable: true)])

    static func run(_ options: Options) throws -> ExitCode {
        let status = try AgentStatus(AgentArgument.configuration(options))
        switch options.format {
        case .json: print(status.json.text(indented: true))
        case .text: print(status.lines(now: Double(time(nil))).joined(separator: "\n"))
        }
        return .done
    }
}

/// `sordino-agent pause CONFIG` and `resume`
enum PauseCommand {
    static let pause = OptionGrammar(
        command: "sordino-agent pause",
        summary: "Has the agent rest after its round, also after a restart, until resume.",
        positionals: [.init("CONFIG", "The agent's configuration file (JSON5).")],
        options: [
            .value("set", "path=value", "Overrides one key of the configuration.", repeatable: true),
            .value("reason", "TEXT", "Why; status shows it."),
        ])
    static let resume = OptionGrammar(
        command: "sordino-agent resume", summary: "Lets a paused agent work again.",
        positionals: [.init("CONFIG", "The agent's configuration file (JSON5).")],
        options: [.value("set", "path=value", "Overrides one key of the configuration.", repeatable: true)])

    static func runPause(_ options: Options) throws -> ExitCode {
        let reason = options.string("reason")
        guard reason.map(Verdict.isReason) ?? true else {
            throw options.usage("--reason takes one line of up to \(Verdict.longestReason) bytes")
        }
        let folder = try AgentArgument.configuration(options).stateDirectory
        try PauseFile.put(in: folder, reason: reason, now: time(nil))
        return say(options, true)
    }

    static func runResume(_ options: Options) throws -> ExitCode {
        try PauseFile.remove(in: AgentArgument.configuration(options).stateDirectory)
        return say(options, false)
    }

    private static func say(_ options: Options, _ isPaused: Bool) -> ExitCode {
        switch options.format {
        case .json: print(JSONValue.object(["paused": .bool(isPaused)]).text(indented: true))
        case .text: print(isPaused ? "paused; a round under way is finished" : "not paused")
        }
        return .done
    }
}

/// `sordino-agent leave CONFIG`
enum LeaveCommand {
    static let grammar = OptionGrammar(
        command: "sordino-agent leave",
        summary: "Leaves for good: has the certificate revoked, shreds key, reports and models.",
        positionals: [.init("CONFIG", "The agent's configuration file (JSON5).")],
        options: [
            .value("set", "path=value", "Overrides one key of the configuration.", repeatable: true),
            .flag("all", "Shreds the ledgers, the journal and the approvals, too."),
            .flag("offline", "Leaves although a server cannot be asked to revoke."),
            .value("wait", "SECONDS", "How long a round under way is waited for (default: 60)."),
        ],
        notes:
            "  Killed in the middle, it goes on where it was when it is run again. Data and configuration stay.\n"
    )

    static func run(_ options: Options) throws -> ExitCode {
        let configuration = try AgentArgument.configuration(options)
        let wishes = Departure.Wishes(
            isAll: options.flag("all"), isOffline: options.flag("offline"),
            patience: Double(try options.integer("wait", in: 0...86_400) ?? 60))
        let outcome = try Departure.leave(configuration, wishes, log: Logger(level: .error))
        switch options.format {
        case .json:
            let servers = outcome.servers.map { name, answer in
                JSONValue.object(["server": .string(name), "answer": .string(answer)])
            }
            print(
                JSONValue.object([
                    "servers": .array(servers), "removed": .array(outcome.removed.map { .string($0) }),
                ]).text(indented: true))
        case .text:
            for (name, answer) in outcome.servers { print("\(name): \(answer)") }
            print("\(outcome.removed.count) files overwritten and removed")
            if !wishes.isAll {
                print("ledgers, journal and approvals stay in \(configuration.stateDirectory)")
            }
        }
        return .done
    }
}
