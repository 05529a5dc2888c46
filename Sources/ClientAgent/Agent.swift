internal import Configuration
internal import Federation
internal import Glibc
internal import Messages
package import Operations
internal import Privacy
package import Transport

/// The agent: checks in, serves rounds, keeps its certificate fresh, until it is told to stop.
package final class Agent {
    private let configuration: AgentConfiguration
    private let link: ServerLink
    private let runner: RoundRunner
    private let trainer: any RoundTrainer
    private let stop: StopSignal
    private let log: Logger
    private let renewal: CertificateRenewal

    /// Alive while the agent's loop turns.
    private let pulse = Pulse()

    /// Seconds that one exchange with the server may take, slow links included.
    private static let longestExchange = 1800.0
    /// Between looks at conditions that forbid work, in seconds.
    private static let conditionPause = 60.0
    /// Least and greatest pause after a passing trouble with the server, in seconds.
    private static let failurePause = 5.0...300.0

    /// Prepares everything that a run needs; data are not touched. Throws a ``Failure``, ``ConfigurationError``,
    /// `TLSError` or ``LedgerError``.
    package init(_ configuration: AgentConfiguration, stop: StopSignal, log: Logger) throws {
        self.configuration = configuration
        self.stop = stop
        self.log = log
        let state = try StateDirectory(configuration.stateDirectory)
        let client = try AgentConnection.client(configuration)
        link = ServerLink(client: client, stop: stop, log: log)
        trainer = try Self.trainer(configuration, state: state, stop: stop)
        runner = try RoundRunner(
            state: state,
            gate: PolicyGate(configuration.policy, rosterDigest: configuration.roster?.digest),
            masking: MaskingSettings(configuration), trainer: trainer, link: link, stop: stop,
            log: log)
        renewal = CertificateRenewal(configuration, log: log)
    }

    /// What a stop signal interrupts.
    package var cancellation: CancellationSignal { link.client.cancellation }

    /// Runs until a stop is asked for (``ExitCode/interrupted``) or, with `untilFinished`, until the server says
    /// that the run has ended (``ExitCode/done``). Throws what only a person can mend.
    package func run(untilFinished: Bool = false) throws -> ExitCode {
        log.info(
            "agent started",
            ["version": .text(ProductVersion.current), "server": .text(configuration.server.description)])
        try tellServiceManager()
        // What the start needed is not needed again.
        IdleMemory.giveBack()
        var pause = Self.failurePause.lowerBound
        var trouble = ServerTrouble(configuration.credentials)
        var isOpen = true
        while !stop.isRequested {
            pulse.promise(within: Self.longestExchange)
            if let obstacle = configuration.conditions.obstacle(in: .now) {
                if isOpen { log.info("not working now", ["why": .text(obstacle)]) }
                isOpen = false
                trainer.rest()
                stop.wait(seconds: Self.conditionPause)
                continue
            }
            isOpen = true
            do {
                try renewal.renewIfDue(link)
                try runner.sendLeftovers()
                if try turn(), untilFinished { return .done }
                pause = Self.failurePause.lowerBound
                trouble.served()
            } catch ClientError.cancelled {
                break
            } catch {
                let (what, why) = try trouble.passing(error)
                log.warning(what, ["error": .text(why)])
                trainer.rest()
                stop.wait(seconds: pause * Double.random(in: 0.5..<1.5))
                pause = min(pause * 2, Self.failurePause.upperBound)
            }
        }
        log.info("agent stopped; its state is saved")
        return .interrupted
    }

    /// One check-in and what follows from it. Returns whether the run has ended.
    private func turn() throws -> Bool {
        let run = runner.progress.run
        let answer = try link.checkIn(
            run: run, lastRound: run.map { runner.progress.lastRound(of: $0) } ?? 0,
            waitSeconds: configuration.pollSeconds)
        switch answer {
        case .assignment(let plan):
            // What is not ready long after the deadline never will be.
            pulse.promise(within: plan.deadlineSeconds + Self.longestExchange)
            try runner.serve(plan)
            return false
        case .later(let seconds, let isFinished):
            trainer.rest()
            if isFinished {
                log.info("the run has ended")
                return true
            }
            pulse.promise(within: seconds + Self.longestExchange)
            stop.wait(seconds: seconds)
            return false
        }
    }

    /// Says that the agent works, and feeds the watchdog from a thread of its own while the loop keeps its promises.
    private func tellServiceManager() throws {
        let notifier = ServiceNotifier()
        guard notifier.isListening else { return }
        notifier.send(.ready)
        let (watchdog, stop) = (WatchdogFeeder(notifier, pulse), stop)
        _ = try WorkerThread(name: "watchdog") {
            repeat { watchdog?.feed() } while !stop.wait(seconds: watchdog?.interval ?? 3600)
            notifier.send(.stopping)
        }
    }

    private static func trainer(
        _ configuration: AgentConfiguration, state: StateDirectory, stop: StopSignal
    ) throws -> any RoundTrainer {
        if let command = configuration.trainer {
            return ExternalTrainer(command, folder: state.file("trainer")) { stop.isRequested }
        }
        guard let data = configuration.data else {
            throw ConfigurationError(path: "data", problem: "is missing")
        }
        return try BuiltInTrainer(data: data, folder: configuration.folder)
    }
}

/// Connections as the configuration describes them.
enum AgentConnection {
    /// A client with the agent's certificate. Throws `TLSError` naming the file at fault.
    static func client(_ configuration: AgentConfiguration) throws -> HTTPClient {
        try HTTPClient(
            HTTPClientConfiguration(
                server: configuration.server, tls: context(configuration), proxy: configuration.proxy))
    }

    /// Certificate, key and trust from the configured files. Throws `TLSError`.
    static func context(_ configuration: AgentConfiguration) throws -> TLSContext {
        let files = configuration.credentials
        return try TLSContext(
            client: TLSClientConfiguration(
                credentials: TLSCredentials(certificate: files.certificate, key: files.key),
                trust: .authority(path: files.authority)))
    }
}
