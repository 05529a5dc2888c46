internal import ClientAgent
internal import Configuration
internal import Operations

/// `sordino-agent run CONFIG`
enum RunCommand {
    static let grammar = OptionGrammar(
        command: "sordino-agent run", summary: "Takes part in a federation, in the foreground.",
        positionals: [.init("CONFIG", "The agent's configuration file (JSON5).")],
        options: [
            .value("set", "path=value", "Overrides one key of the configuration.", repeatable: true),
            .flag("until-finished", "End with status 0 when the server says that the run has ended."),
        ])

    static func run(_ options: Options) throws -> ExitCode {
        let configuration = try AgentArgument.configuration(options)
        let log = Logger(level: configuration.log.level, format: configuration.log.format)
        do {
            try ProcessLimits.apply(nice: configuration.nice, memoryLimit: configuration.memoryLimit)
            let stop = try StopSignal()
            let agent = try Agent(configuration, stop: stop, log: log)
            try stop.interrupt(agent.cancellations, withinSeconds: 20)
            return try agent.run(untilFinished: options.flag("until-finished"))
        } catch {
            // In the log's own format, beside the exit status.
            let failure = Failure(wrapping: error)
            log.error(failure.message)
            return failure.exitCode
        }
    }
}

/// The operand that `run` and `check` share.
enum AgentArgument {
    /// The configuration with its overrides. Throws ``ConfigurationError``.
    static func configuration(_ options: Options) throws -> AgentConfiguration {
        var document = try ConfigurationDocument(contentsOf: options.operands[0])
        for assignment in options.all("set") { try document.set(assignment) }
        return try AgentConfiguration(document)
    }
}
