internal import Cryptography
internal import Federation
internal import Foundation
internal import HTTPWire
package import Operations
internal import Transport

/// How a served run stood when its process ended.
package enum RunEnd: Equatable, Sendable {
    /// It goes on at the next start.
    case unfinished
    /// Models were published.
    case finished
    /// It ended without publishing one; `isBudget`: because the privacy budget affords no more.
    case nothingPublished(isBudget: Bool)
}

/// The aggregation server: two listeners, and the hosts of its runs. The engine is the simulator's; here it lives
/// behind real sockets and real files.
package final class AggregationServer: Sendable {
    /// Port of the agent listener.
    package let port: UInt16
    /// Port of the admin listener.
    package let adminPort: UInt16

    private let agents: HTTPServer
    private let admin: HTTPServer
    private let runs: RunSet
    private let queue: RunQueue?
    private let relay: AuthorityRelay?
    private let credentials: CredentialKeeper
    private let events: EventHub
    private let audit: AuditLog
    private let lock: StateLock
    private let notices: NoticeSender?

    /// Takes the run of one task up and serves at once. Throws `Failure`, `TLSError` or `SocketError`.
    package convenience init(_ setup: ServerSetup, log: Logger) throws {
        try self.init(
            setup.configuration.settings, task: setup.configuration.task.name, log: log, areShared: false
        ) { foundation, log in
            if setup.plan.masksReports { try MemberTrust.require(setup.configuration.tls) }
            let service = try RunService(setup, events: foundation.events, foundation.surroundings)
            foundation.runs.add(service)
            for warning in setup.warnings { log.warning("\(warning)") }
            return nil
        }
    }

    /// Takes up the runs of a service that takes tasks in, and serves at once. Throws `Failure`, `TLSError` or `SocketError`.
    package convenience init(_ service: ServiceConfiguration, log: Logger) throws {
        try self.init(service.settings, task: "", log: log, areShared: true) { foundation, log in
            try RunQueue(service, runs: foundation.runs, foundation.surroundings)
        }
    }

    /// What runs are begun upon.
    private struct Foundation {
        let runs: RunSet
        let events: EventHub
        let surroundings: RunService.Surroundings
    }

    private init(
        _ settings: ServerSettings, task: String, log: Logger, areShared: Bool,
        begin: (Foundation, Logger) throws -> RunQueue?
    ) throws {
        let (events, condition) = (EventHub(), ServerCondition())
        let metrics = ServerMetrics(labelsRuns: areShared)
        let log = log.overheard { events.recent.note($0) }
        lock = try StateLock(settings.stateDirectory)
        let books = try SignedBooks(settings, runsHaveFolders: areShared, log: log)
        let (audit, registry) = (books.audit, books.registry)
        let tokens = try AdminTokens(
            path: settings.adminTokens, changed: { try? audit.notice("tokens", $0) })
        let fetch = try RevocationFetch(settings, log: log)
        try Self.requireCredentials(settings, fetch)
        let agentTLS = try Self.tls(settings, isForAgents: true)
        let adminTLS = try Self.tls(settings, isForAgents: false)
        let runs = RunSet(areShared: areShared)
        let notices = try NoticeSender(
            settings.notices, stateDirectory: settings.stateDirectory, metrics: metrics, log: log)
        let queue = try begin(
            Foundation(
                runs: runs, events: events,
                surroundings: RunService.Surroundings(
                    agents: runs.agents, condition: condition, metrics: metrics,
                    memory: UpdateMemory(limit: settings.limits.uploadMemory), notices: notices,
                    registry: registry, log: log)), log)
        let relay = try settings.authorityService.map {
            try AuthorityRelay($0, authority: settings.tls.authority, log: log)
        }
        credentials = try CredentialKeeper(
            ExpiryWatch(
                settings, task: task, tokens: tokens, condition: condition, notices: notices, log: log),
            fetch: fetch)
        self.events = events
        self.audit = audit
        self.notices = notices
        self.relay = relay
        self.runs = runs
        self.queue = queue
        let agents = try HTTPServer(
            Self.agentListener(settings), tls: agentTLS,
            handler: AgentRouter(
                runs: runs, relay: relay, revocations: RevocationShelf(settings.tls.revocations),
                labels: LabelRoutes(registry: registry), log: log)
        ) { metrics.observe($0, log) }
        self.agents = agents
        admin = try HTTPServer(
            Self.adminListener(settings), tls: adminTLS,
            handler: AdminRouter(
                runs: runs, queue: queue, tokens: tokens, audit: audit, registry: registry,
                condition: condition
            ) {
                metrics.text(
                    connections: agents.connectionCount,
                    queue: runs.services.reduce(0) { $0 + $1.mailDepth },
                    spool: runs.services.reduce(0) { $0 + $1.spoolDepth }, expiries: condition.expiries)
            }
        ) { event in
            if case .answered(let answer) = event { audit.ended(answer.request, status: answer.status) }
        }
        port = agents.port
        adminPort = admin.port
        try audit.notice("start", "version \(ProductVersion.current)")
        log.info("serving", ["agents": .integer(Int(port)), "admin": .integer(Int(adminPort))])
    }

    /// Whether the run's host has ended by itself; never of a service that takes tasks in.
    package var hasEnded: Bool { queue == nil && runs.services.allSatisfy { $0.end != nil } }

    /// Whether every run's host turns.
    package var isAlive: Bool { runs.services.allSatisfy { $0.end != nil || $0.pulse.isAlive } }

    /// Sends a sign of life to open dashboards; to be called every few seconds.
    package func keepAlive() {
        events.keepAlive()
        audit.turn()
        for service in runs.services where service.events !== events { service.events.keepAlive() }
    }

    /// Saves everything and ends: what agents have sent is on disk, and the rounds go on at the next start.
    /// To be called once.
    /// - Returns: where the run stands; of a service that takes tasks in, unfinished while any run is not.
    package func shutDown(withinMilliseconds milliseconds: UInt64 = 5000) -> RunEnd {
        queue?.stop()
        credentials.close()
        let services = runs.services
        for service in services { service.mailbox.post(.shutDown) }
        let ends = services.map { $0.stop() }
        notices?.close()
        events.close()
        agents.shutdown(withinMilliseconds: milliseconds)
        admin.shutdown(withinMilliseconds: milliseconds)
        audit.close()
        for service in services { service.close() }
        queue?.close()
        relay?.close()
        return ends.first { $0 == .unfinished } ?? ends.last ?? .unfinished
    }

    /// Throws a `Failure` with status 5 where certificates or revocation list do not count now. A list that is missing
    /// or stale is fetched first, where the authority's process is known.
    private static func requireCredentials(
        _ settings: ServerSettings, _ fetch: RevocationFetch?, now: Date = Date()
    ) throws {
        if let fetch, let path = settings.tls.revocations {
            let lists = FileManager.default.contents(atPath: path).flatMap {
                try? RevocationDates.all(pem: Array($0))
            }
            if lists?.contains(where: { $0.nextUpdate > now }) != true { fetch.runIfDue(now: now) }
        }
        try ServerExpiries.require(ServerExpiries.files(settings.tls), at: now)
    }

    /// The TLS settings of a listener, its files read. Throws `TLSError`.
    static func tls(_ settings: ServerSettings, isForAgents: Bool) throws
        -> TLSContextSource
    {
        let files = settings.tls
        return try TLSContextSource(
            server: TLSServerConfiguration(
                credentials: TLSCredentials(certificate: files.certificate, key: files.key),
                authority: files.authority, revocations: isForAgents ? files.revocations : nil,
                clientCertificates: isForAgents
                    ? (settings.authorityService == nil ? .required : .optional) : .none))
    }

    private static func agentListener(_ settings: ServerSettings) -> HTTPServerConfiguration {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        var listener = HTTPServerConfiguration(
            listen: settings.listen, loops: settings.loops == 0 ? cores : settings.loops)
        listener.limits.bodyBytes = 1 << 40
        listener.maximumConnections = settings.limits.connections
        listener.maximumConnectionsPerPeer = settings.limits.connectionsPerAgent
        listener.bodyBytesInFlight = settings.limits.bodyBytesInFlight
        listener.pathsWithoutCertificate = ["/v1/enroll"]
        return listener
    }

    private static func adminListener(_ settings: ServerSettings) -> HTTPServerConfiguration {
        var listener = HTTPServerConfiguration(listen: settings.admin, loops: 1)
        listener.limits.bodyBytes = RunAdmission.byteLimit
        listener.maximumConnections = 256
        listener.maximumConnectionsPerPeer = 128
        return listener
    }
}
