internal import AggregationServer
internal import Configuration
internal import Foundation
internal import Operations

/// `sordino serve`: the aggregation server, in the foreground.
enum ServeCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino serve",
        summary: "Run the aggregation server.",
        positionals: [.init("CONFIG", "The server's configuration file (JSON5).")],
        options: [
            .value(
                "set", "PATH=VALUE", "Override one key of the configuration; may be repeated.",
                repeatable: true),
            .value("log-level", "LEVEL", "debug, info, warning or error (default: info)."),
        ],
        notes: "Logs go to standard error; --format json writes them as JSON lines.\n"
            + "SIGTERM saves everything and ends with 7 while the run goes on, with 0 when it has finished.\n"
            + "With server.runs in place of a task, tasks are submitted to it (sordino runs submit).\n"
            + "A run that has finished without publishing a model ends with 4 where its budget ended it, else with 3.\n"
            + "Exit codes: 0 done, 2 usage, 3 invalid input, 4 refused by privacy, 5 network or TLS, 6 storage, "
            + "7 interrupted.\n")

    /// Milliseconds between looks at signals and at the run's end.
    private static let pollMilliseconds = 100

    static func run(_ options: Options) throws -> ExitCode {
        var document = try ConfigurationDocument(contentsOf: options.operands[0])
        for assignment in options.all("set") { try document.set(assignment) }
        let levels = Logger.Level.allCases.map(\.rawValue)
        let level = try options.choice("log-level", among: levels).flatMap(Logger.Level.init(rawValue:))
        let log = Logger(level: level ?? .info, format: options.format == .json ? .json : .text)
        let server =
            ServiceConfiguration.concerns(document)
            ? try AggregationServer(ServiceConfiguration(document), log: log)
            : try AggregationServer(ServerSetup(ServerConfiguration(document)), log: log)
        let notifier = ServiceNotifier()
        let watchdog = WatchdogFeeder(notifier) { server.isAlive }
        notifier.send(.ready)
        notifier.send(.status("agents on port \(server.port), administrators on port \(server.adminPort)"))
        var polls = 0
        while !Signals.interruptionRequested, !server.hasEnded {
            if let watchdog, polls % max(1, Int(watchdog.interval * 1000) / pollMilliseconds) == 0 {
                watchdog.feed()
            }
            usleep(UInt32(pollMilliseconds * 1000))
            polls += 1
            if polls % (15_000 / pollMilliseconds) == 0 { server.keepAlive() }
        }
        notifier.send(.stopping)
        let end = server.shutDown()
        log.info("ended", ["finished": .flag(end != .unfinished)])
        switch end {
        case .unfinished: return .interrupted
        case .finished: return .done
        case .nothingPublished(let isBudget): return isBudget ? .refused : .invalidInput
        }
    }
}
