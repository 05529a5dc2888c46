internal import CertificateService
internal import Foundation
internal import Operations
internal import Transport

/// `sordino certs serve`: the certificate authority's process.
enum CertsServeCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino certs serve",
        summary: "Answer the enrolments and renewals that an aggregation server relays.",
        positionals: [CertsArgument.folder],
        options: listening,
        notes:
            "Keep this process and DIR on a host or under a user that the aggregation server cannot reach\n"
            + "but by its port: who holds the authority's key can pretend to be every agent.\n"
            + "Logs go to standard error; --format json writes them as JSON lines. SIGTERM ends it with 0.\n")

    /// Where it listens, and as whom.
    static let listening: [OptionGrammar.Option] = [
        .value("listen", "HOST:PORT", "Where to listen (default: 127.0.0.1:8444)."),
        .value(
            "address", "HOST",
            "A name by which servers reach it, for its own certificate (default: the listening address).",
            repeatable: true),
    ]

    /// The listening address, and the names by which servers reach it.
    static func endpoint(_ options: Options) throws -> (listen: SocketEndpoint, addresses: [String]) {
        let text = options.string("listen") ?? "127.0.0.1:8444"
        guard let listen = SocketEndpoint(text) else {
            throw options.usage("--listen must be HOST:PORT, not \"\(text)\"")
        }
        let named = options.all("address")
        if named.isEmpty, ["0.0.0.0", "::"].contains(listen.host) {
            throw options.usage("--address is missing: by which name do servers reach it?")
        }
        return (listen, named.isEmpty ? [listen.host] : named)
    }

    /// Seconds between two looks at what is about to expire.
    private static let maintenanceSeconds = 3600.0

    static func run(_ options: Options) throws -> ExitCode {
        let (listen, addresses) = try endpoint(options)
        let log = Logger(format: options.format == .json ? .json : .text)
        let service: CertificateService
        do {
            service = try CertificateService(
                AuthorityStore(options.operands[0]), listen: listen, addresses: addresses, log: log)
        } catch let error as TLSError {
            throw Failure(.network, "\(error)")
        } catch let error as SocketError {
            throw Failure(.network, "\(error)")
        }
        let (notifier, pulse) = (ServiceNotifier(), Pulse())
        let watchdog = WatchdogFeeder(notifier, pulse)
        notifier.send(.ready)
        var (next, nextFeed) = (Date().addingTimeInterval(maintenanceSeconds), Date.distantPast)
        while !Signals.interruptionRequested {
            usleep(100_000)
            pulse.promise(within: 60)
            if let watchdog, Date() >= nextFeed {
                watchdog.feed()
                nextFeed = Date().addingTimeInterval(watchdog.interval)
            }
            guard Date() >= next else { continue }
            next = Date().addingTimeInterval(maintenanceSeconds)
            do {
                try service.maintain()
            } catch {
                log.error("what is about to expire cannot be renewed", ["reason": .text("\(error)")])
            }
        }
        notifier.send(.stopping)
        service.shutDown()
        log.info("ended")
        return .done
    }
}
