internal import Configuration
internal import Messages
package import Operations
package import Transport

/// The agent: checks in, serves rounds, keeps its certificates fresh, until it is told to stop. Servers, and the runs of each,
/// are served in turn, one round at a time.
package final class Agent {
    private let configuration: AgentConfiguration
    private let stations: [ServerStation]
    private let runner: RoundRunner
    private let stop: StopSignal
    private let log: Logger
    private let page: StatusPage?
    private let pageEnd: StopSignal
    /// Whether the end of the runs ends the agent.
    private var endsWithRun = false

    /// Alive while the agent's loop turns.
    private let pulse = Pulse()

    /// Seconds that one exchange with the server may take, slow links included.
    private static let longestExchange = 1800.0
    /// Between looks at what may forbid work, or allow it again, in seconds.
    private static let look = 5.0
    /// Longest that one server of several may hold a check-in, in seconds: the others may have work.
    private static let longestTurn = 5

    /// Prepares everything that a run needs; data are not touched. `trainer` takes the place of the configuration's. Throws
    /// a ``Failure``, ``ConfigurationError``, `TLSError` or ``LedgerError``.
    package init(
        _ configuration: AgentConfiguration, stop: StopSignal, log: Logger,
        trainer: (any RoundTrainer)? = nil
    ) throws {
        self.configuration = configuration
        self.stop = stop
        self.log = log
        try Departure.requireNone(in: configuration)
        let state = try StateDirectory(configuration.stateDirectory)
        let gate = PolicyGate(configuration.policy, rosterDigest: configuration.roster?.digest)
        let approvals = ApprovalBook(state.path, configuration.policy)
        let stations = try configuration.servers.map {
            try ServerStation(
                configuration.speaking(to: $0), state: state, gate: gate, approvals: approvals, stop: stop,
                log: log)
        }
        self.stations = stations
        for station in stations {
            // What moves is alive, however slow the line.
            station.link.client.onProgress = { [pulse] in pulse.extend(within: Self.longestExchange) }
        }
        let trainer =
            try trainer
            ?? Self.trainer(configuration, folder: state.file("trainer"), log: log) {
                stop.isRequested
            }
        pageEnd = try StopSignal()
        page = try configuration.statusPort.map { try StatusPage(configuration, port: $0) }
        let first = stations[0].server
        runner = try RoundRunner(
            state: state, gate: gate, masking: first.masking, trainer: trainer, link: first.link, stop: stop,
            log: log, frozenLimit: configuration.frozenLimit)
    }

    /// What a stop signal interrupts.
    package var cancellations: [CancellationSignal] { stations.map(\.link.client.cancellation) }

    /// Runs until a stop is asked for (``ExitCode/interrupted``), until the owner has it leave (``ExitCode/done``) or, with
    /// `untilFinished`, until every server says that its runs have ended (``ExitCode/done``). Throws what only a person can
    /// mend.
    package func run(untilFinished: Bool = false) throws -> ExitCode {
        log.info(
            "agent started",
            [
                "version": .text(ProductVersion.current),
                "server": .text(stations.map(\.server.name).joined(separator: ", ")),
            ])
        let watchdog = try tellServiceManager()
        // The process ends with this function, and not before the manager has been told.
        defer { if stop.isRequested { watchdog?.join() } }
        // What the start needed is not needed again.
        IdleMemory.giveBack()
        endsWithRun = untilFinished
        let pageThread = try servePage()
        defer {
            pageEnd.request()
            pageThread?.join()
        }
        var obstacle: String?
        while !stop.isRequested {
            pulse.promise(within: Self.longestExchange)
            if Departure.isBegun(in: configuration.stateDirectory) {
                log.info("the agent's owner has it leave")
                stop.request()
                return .done
            }
            let before = obstacle
            obstacle = self.obstacle
            if let obstacle {
                if before == nil {
                    log.info("not working now", ["why": .text(obstacle)])
                    runner.rest()
                }
                stop.wait(seconds: Self.look)
                continue
            }
            guard let station = next() else { continue }
            do {
                try turn(station)
                if untilFinished, stations.allSatisfy(\.isEnded) { return .done }
            } catch ClientError.cancelled {
                break
            } catch {
                let (what, why) = try station.pass(error)
                log.warning(what, ["error": .text(why), "server": .text(station.server.name)])
                runner.rest()
            }
        }
        log.info("agent stopped; its state is saved")
        return .interrupted
    }

    /// Shows the status to browsers on a thread of its own; nil where that is not wanted.
    private func servePage() throws -> WorkerThread? {
        guard let page else { return nil }
        log.info("status page", ["address": .text("http://127.0.0.1:\(page.port)/")])
        return try WorkerThread(name: "status-page") { [pageEnd] in page.serve(until: pageEnd) }
    }

    /// Whether the owner has had the agent rest or leave.
    private var isHalted: Bool {
        PauseFile.isThere(in: configuration.stateDirectory)
            || Departure.isBegun(in: configuration.stateDirectory)
    }

    /// Why nothing is done now; nil where the agent may work.
    private var obstacle: String? {
        if PauseFile.isThere(in: configuration.stateDirectory) {
            return "the agent's owner has paused it (sordino-agent resume lets it work)"
        }
        return configuration.conditions.obstacle(in: .now)
    }

    /// The station whose turn it is; nil where all rest, after a part of that rest.
    private func next() -> ServerStation? {
        if let changed = stations.first(where: \.survey.isStale) { return changed }
        guard let station = stations.min(by: { $0.notBefore < $1.notBefore }) else { return nil }
        let rest = station.remainingRest
        guard rest > 0 else { return station }
        stop.wait(seconds: min(rest, Self.look))
        return nil
    }

    /// One turn of a server: what waits for it is sent, its tasks are looked at, and it is asked for a round.
    private func turn(_ station: ServerStation) throws {
        runner.server = station.server
        try station.renewal.renewIfDue(station.link)
        try runner.sendLeftovers()
        guard try station.survey.look(runner) else {
            runner.rest()
            return station.rest(station.pacing.unsuitable())
        }
        try checkIn(station)
        station.served()
    }

    /// One check-in and what follows from it.
    private func checkIn(_ station: ServerStation) throws {
        let asked = ContinuousClock.now
        let run = try runner.lastRun()
        let listed = station.survey.isOfManyRuns == true ? station.survey.runs : nil
        let answer = try station.link.checkIn(
            run: run, lastRound: run.map { runner.progress.lastRound(of: $0) } ?? 0,
            waitSeconds: stations.count == 1
                ? configuration.pollSeconds : min(configuration.pollSeconds, Self.longestTurn),
            served: listed.map { runs in
                let begun = runs.lazy.map { ($0, self.runner.progress.lastRound(of: $0)) }.filter { $1 > 0 }
                return Dictionary(begun.prefix(CheckInRequest.mostRuns)) { first, _ in first }
            },
            declines: listed.map { _ in
                Array(station.survey.declines.prefix(CheckInRequest.mostRuns))
            })
        switch answer {
        case .assignment(let plan):
            station.isEnded = false
            // A pause that came while the server was asked counts.
            if isHalted {
                station.server.takePaths(of: plan)
                return station.link.giveUp(
                    run: plan.run, round: plan.round, reason: .busy, detail: "the agent rests")
            }
            // What is not ready long after the deadline never will be.
            pulse.promise(within: plan.deadlineSeconds + Self.longestExchange)
            switch try runner.serve(plan) {
            case .delivered:
                station.pacing.delivered()
                // The next round may follow at once, after those of other servers that wait.
                return station.rest(0)
            case .forbidden: station.survey.decline(plan.run, "its owner has not approved it")
            case .notDelivered: break
            case .unsuitable where listed != nil:
                station.survey.decline(plan.run, "its data or its trainer do not fit")
            case .unsuitable:
                runner.rest()
                return station.rest(station.pacing.unsuitable())
            }
            runner.rest()
            station.rest(station.pacing.nothing(elapsed: asked.duration(to: .now).inSeconds))
        case .later(let seconds, let isFinished):
            runner.rest()
            if isFinished, !station.isEnded {
                log.info("the run has ended", ["server": .text(station.server.name)])
            }
            station.isEnded = isFinished
            if isFinished, endsWithRun, stations.allSatisfy(\.isEnded) { return }
            station.rest(
                station.pacing.later(
                    seconds, isFinished: isFinished, elapsed: asked.duration(to: .now).inSeconds))
        case .misunderstood:
            station.survey.begin()
            station.rest(station.pacing.nothing(elapsed: 0))
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
    /// program. Throws ``ConfigurationError``, or a storage ``Failure`` where the key of identifiers is damaged.
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
        return try BuiltInTrainer(
            data: data, folder: configuration.folder, log: log, crowd: Crowd(configuration.policy),
            identifierHash: IdentifierKey.hash(of: data, configuration))
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
