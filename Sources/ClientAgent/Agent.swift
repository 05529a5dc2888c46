internal import Configuration
internal import Federation
internal import Glibc
internal import Ledger
internal import Messages
package import Operations
package import Transport

/// The agent: checks in, serves rounds, keeps its certificate fresh, until it is told to stop.
package final class Agent {
    private let configuration: AgentConfiguration
    private let link: ServerLink
    private let runner: RoundRunner
    private let stop: StopSignal
    private let log: Logger
    private let renewal: CertificateRenewal
    private let gate: PolicyGate
    private var pacing = Pacing()
    /// Whether the server was heard to say that the run has ended, and whether that ends the agent.
    private var isEnded = false
    private var endsWithRun = false
    /// Whether the task on offer was looked at, and whether it could not be served once.
    private var isExamined = false
    private var wasUnsuitable = false

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
        let link = ServerLink(client: client, stop: stop, log: log)
        self.link = link
        let trainer = try Self.trainer(configuration, folder: state.file("trainer"), log: log) {
            stop.isRequested
        }
        gate = PolicyGate(configuration.policy, rosterDigest: configuration.roster?.digest)
        runner = try RoundRunner(
            state: state, gate: gate,
            masking: MaskingSettings(
                configuration,
                revocations: PeerRevocations(state: state, policy: configuration.policy, link: link, log: log)
            ),
            trainer: trainer, link: link, stop: stop, log: log, frozenLimit: configuration.frozenLimit)
        renewal = CertificateRenewal(configuration, log: log)
        // What moves is alive, however slow the line.
        client.onProgress = { [pulse] in pulse.extend(within: Self.longestExchange) }
    }

    /// What a stop signal interrupts.
    package var cancellation: CancellationSignal { link.client.cancellation }

    /// Runs until a stop is asked for (``ExitCode/interrupted``) or, with `untilFinished`, until the server says
    /// that the run has ended (``ExitCode/done``). Throws what only a person can mend.
    package func run(untilFinished: Bool = false) throws -> ExitCode {
        log.info(
            "agent started",
            ["version": .text(ProductVersion.current), "server": .text(configuration.server.description)])
        let watchdog = try tellServiceManager()
        // The process ends with this function, and not before the manager has been told.
        defer { if stop.isRequested { watchdog?.join() } }
        // What the start needed is not needed again.
        IdleMemory.giveBack()
        endsWithRun = untilFinished
        var pause = Self.failurePause.lowerBound
        var trouble = ServerTrouble(configuration.credentials)
        var isOpen = true
        while !stop.isRequested {
            pulse.promise(within: Self.longestExchange)
            if let obstacle = configuration.conditions.obstacle(in: .now) {
                if isOpen { log.info("not working now", ["why": .text(obstacle)]) }
                isOpen = false
                runner.rest()
                stop.wait(seconds: Self.conditionPause)
                continue
            }
            isOpen = true
            do {
                try renewal.renewIfDue(link)
                try runner.sendLeftovers()
                guard try isSuitable() else { continue }
                if try turn(), untilFinished { return .done }
                pause = Self.failurePause.lowerBound
                trouble.served()
            } catch ClientError.cancelled {
                break
            } catch {
                let (what, why) = try trouble.passing(error)
                log.warning(what, ["error": .text(why)])
                runner.rest()
                stop.wait(seconds: pause * Double.random(in: 0.5..<1.5))
                pause = min(pause * 2, Self.failurePause.upperBound)
            }
        }
        log.info("agent stopped; its state is saved")
        return .interrupted
    }

    /// One check-in and what follows from it. Returns whether the run has ended.
    private func turn() throws -> Bool {
        let asked = ContinuousClock.now
        let run = runner.progress.run
        let answer = try link.checkIn(
            run: run, lastRound: run.map { runner.progress.lastRound(of: $0) } ?? 0,
            waitSeconds: configuration.pollSeconds)
        switch answer {
        case .assignment(let plan):
            isEnded = false
            // What is not ready long after the deadline never will be.
            pulse.promise(within: plan.deadlineSeconds + Self.longestExchange)
            let pause: Double
            switch try runner.serve(plan) {
            case .delivered:
                pacing.delivered()
                return false
            case .notDelivered: pause = pacing.nothing(elapsed: asked.duration(to: .now).inSeconds)
            case .unsuitable: pause = pacing.unsuitable()
            }
            runner.rest()
            rest(pause)
            return false
        case .later(let seconds, let isFinished):
            runner.rest()
            if isFinished, !isEnded { log.info("the run has ended") }
            isEnded = isFinished
            if isFinished, endsWithRun { return true }
            rest(
                pacing.later(
                    seconds, isFinished: isFinished, elapsed: asked.duration(to: .now).inSeconds))
            return isFinished
        }
    }

    private func rest(_ seconds: Double) {
        pulse.promise(within: seconds + Self.longestExchange)
        stop.wait(seconds: seconds)
    }

    /// Whether the agent's data and trainer fit the task on offer, looked at before the first round. Where they do not
    /// the owner is told, once, and nothing is asked of the server until the next look.
    private func isSuitable() throws -> Bool {
        guard !isExamined else { return true }
        guard let task = try offeredTask(), gate.judge(task: task.configuration, roundsToday: 0).isEmpty
        else {
            // What cannot be read or is against the policy is refused round by round, and no data are looked at.
            isExamined = true
            return true
        }
        let why: String
        switch runner.verdict(on: task.job) {
        case .suitable:
            if wasUnsuitable { log.info("the agent's data and trainer fit the task now") }
            do {
                try runner.fetchFrozen(for: task)
            } catch let failure as TrainerFailure {
                // Each round asks again, and says so to the server.
                log.warning("the model's frozen parameters are not to be had", ["why": .text("\(failure)")])
            }
            isExamined = true
            // The first round may be hours away, and the handshake is done; the data stay for it.
            IdleMemory.giveBack()
            return true
        case .unsuitable(_, isNews: false): why = ""
        case .unsuitable(let error, isNews: true): why = Failure(wrapping: error).message
        case .tooManyTasks: why = "the server offered too many different tasks today"
        }
        if !why.isEmpty {
            log.error(
                "this agent takes no part: its data or its trainer do not fit the task on offer",
                ["task": .text(task.configuration.name), "why": .text(why)])
        }
        wasUnsuitable = true
        runner.rest()
        rest(pacing.unsuitable())
        return false
    }

    /// The task on offer; nil where the server does not tell it or it makes no sense here.
    private func offeredTask() throws -> OfferedTask? {
        do {
            return try link.offer().map {
                try OfferedTask($0, frozenLimit: configuration.frozenLimit)
            }
        } catch let error as ClientError {
            throw error
        } catch {
            log.warning("the task on offer cannot be read", ["error": .text("\(error)")])
            return nil
        }
    }

    /// Says that the agent works, and feeds the watchdog from a thread of its own while the loop keeps its promises; the
    /// thread's last word, once a stop is asked for, is that the agent ends. Nil where no manager listens.
    private func tellServiceManager() throws -> WorkerThread? {
        let notifier = ServiceNotifier()
        guard notifier.isListening else { return nil }
        notifier.send(.ready)
        let (watchdog, stop) = (WatchdogFeeder(notifier, pulse), stop)
        return try WorkerThread(name: "watchdog") {
            repeat { watchdog?.feed() } while !stop.wait(seconds: watchdog?.interval ?? 3600)
            notifier.send(.stopping)
        }
    }

    /// The trainer that the configuration names; `folder` is for an external one's files, and `isStopped` ends its
    /// program. Throws ``ConfigurationError``.
    static func trainer(
        _ configuration: AgentConfiguration, folder: String, log: Logger? = nil,
        isStopped: @escaping () -> Bool
    ) throws -> any RoundTrainer {
        if let command = configuration.trainer {
            return ExternalTrainer(command, folder: folder, isStopped: isStopped)
        }
        guard let data = configuration.data else {
            throw ConfigurationError(path: "data", problem: "is missing")
        }
        return try BuiltInTrainer(data: data, folder: configuration.folder, log: log)
    }
}

/// Connections as the configuration describes them.
enum AgentConnection {
    /// A client with the agent's certificate. Throws `TLSError` naming the file at fault.
    static func client(_ configuration: AgentConfiguration) throws -> HTTPClient {
        let client = try HTTPClient(
            HTTPClientConfiguration(
                server: configuration.server, tls: context(configuration), proxy: configuration.proxy))
        client.pace = configuration.bandwidth.pace
        return client
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
