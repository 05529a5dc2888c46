internal import Cryptography
internal import Federation
internal import Foundation
internal import HTTPWire
package import Operations
internal import Synchronization
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

/// The aggregation server: two listeners and the host of its run. The engine is the simulator's; here it lives
/// behind real sockets and real files.
package final class AggregationServer: Sendable {
    /// Port of the agent listener.
    package let port: UInt16
    /// Port of the admin listener.
    package let adminPort: UInt16

    /// Alive while the run's host turns.
    package let pulse: Pulse

    private let agents: HTTPServer
    private let admin: HTTPServer
    private let owner: WorkerThread
    private let keeper: UpdateKeeper
    private let reader: MaskedReportReader
    private let relay: AuthorityRelay?
    private let credentials: CredentialKeeper
    private let mailbox: OwnerMailbox
    private let events: EventHub
    private let audit: AuditLog
    private let outcome: RunOutcome
    private let lock: StateLock

    /// Where the run stood when its host ended; nil before.
    private final class RunOutcome: Sendable {
        private let state = Mutex<RunEnd?>(nil)
        var end: RunEnd? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    /// Takes the run up and serves at once. Throws `Failure`, `TLSError` or `SocketError`.
    package init(_ setup: ServerSetup, log: Logger) throws {
        let configuration = setup.configuration
        let events = EventHub()
        let log = log.overheard { events.recent.note($0) }
        lock = try StateLock(configuration.stateDirectory)
        let state = try StateDirectory(configuration.stateDirectory)
        let books = try SignedBooks(configuration, state, log: log)
        let (audit, registry) = (books.audit, books.registry)
        let tokens = try AdminTokens(
            path: configuration.adminTokens, changed: { try? audit.notice("tokens", $0) })
        let fetch = try RevocationFetch(configuration, log: log)
        try Self.requireCredentials(configuration, fetch)
        if setup.plan.masksReports { try MemberTrust.require(configuration.tls) }
        let agentTLS = try Self.tls(configuration, isForAgents: true)
        let adminTLS = try Self.tls(configuration, isForAgents: false)
        let (mailbox, board, metrics) = (OwnerMailbox(), RoundBoard(), ServerMetrics())
        let (outcome, pulse) = (RunOutcome(), Pulse())
        let memory = UpdateMemory(limit: configuration.limits.uploadMemory)
        let hand = try Handover(
            RunHost(
                setup: setup, mailbox: mailbox, board: board, metrics: metrics, events: events, pulse: pulse,
                memory: memory, log: log))
        self.pulse = pulse
        let keeper = try UpdateKeeper(mailbox: mailbox, memory: memory)
        let reader = try MaskedReportReader(mailbox: mailbox)
        let relay = try configuration.authorityService.map {
            try AuthorityRelay($0, authority: configuration.tls.authority, log: log)
        }
        credentials = try CredentialKeeper(
            ExpiryWatch(configuration, tokens: tokens, board: board, log: log), fetch: fetch)
        self.mailbox = mailbox
        self.events = events
        self.audit = audit
        self.outcome = outcome
        self.keeper = keeper
        self.reader = reader
        self.relay = relay
        let agents = try HTTPServer(
            Self.agentListener(configuration), tls: agentTLS,
            handler: AgentRouter(
                mailbox: mailbox, board: board, spool: Spool(state), keeper: keeper, memory: memory,
                reader: reader, relay: relay,
                revocations: RevocationShelf(configuration.tls.revocations),
                labels: LabelRoutes(registry: registry), setup: setup, log: log)
        ) { metrics.observe($0, log) }
        self.agents = agents
        admin = try HTTPServer(
            Self.adminListener(configuration), tls: adminTLS,
            handler: AdminRouter(
                mailbox: mailbox, board: board, tokens: tokens, audit: audit, registry: registry,
                events: events, state: state
            ) {
                metrics.text(
                    connections: agents.connectionCount, queue: mailbox.depth, spool: keeper.depth,
                    expiries: board.read { $0.expiries })
            }
        ) { event in
            if case .answered(let answer) = event { audit.ended(answer.request, status: answer.status) }
        }
        port = agents.port
        adminPort = admin.port
        owner = try WorkerThread(name: "round-owner") {
            guard let host = hand.take() else { return }
            host.work()
            outcome.end = host.end
        }
        try audit.notice("start", "version \(ProductVersion.current)")
        for warning in setup.warnings { log.warning("\(warning)") }
        log.info(
            "serving", ["agents": .integer(Int(port)), "admin": .integer(Int(adminPort))])
    }

    /// Whether the run's host has ended by itself.
    package var hasEnded: Bool { outcome.end != nil }

    /// Sends a sign of life to open dashboards; to be called every few seconds.
    package func keepAlive() {
        events.keepAlive()
        audit.turn()
    }

    /// Saves everything and ends: what agents have sent is on disk, and the round goes on at the next start.
    /// To be called once.
    /// - Returns: where the run stands.
    package func shutDown(withinMilliseconds milliseconds: UInt64 = 5000) -> RunEnd {
        mailbox.post(.shutDown)
        credentials.close()
        owner.join()
        events.close()
        agents.shutdown(withinMilliseconds: milliseconds)
        admin.shutdown(withinMilliseconds: milliseconds)
        audit.close()
        keeper.close()
        reader.close()
        relay?.close()
        return outcome.end ?? .unfinished
    }

    /// Passes the host, which is not Sendable, to its thread, once.
    ///
    /// `@unchecked Sendable`: the value is put in before the thread starts and taken out by it alone.
    private final class Handover: @unchecked Sendable {
        private var host: RunHost?
        init(_ host: RunHost) { self.host = host }
        func take() -> RunHost? { host.take() }
    }

    /// Throws a `Failure` with status 5 where certificates or revocation list do not count now. A list that is missing
    /// or stale is fetched first, where the authority's process is known.
    private static func requireCredentials(
        _ configuration: ServerConfiguration, _ fetch: RevocationFetch?, now: Date = Date()
    ) throws {
        if let fetch, let path = configuration.tls.revocations {
            let lists = FileManager.default.contents(atPath: path).flatMap {
                try? RevocationDates.all(pem: Array($0))
            }
            if lists?.contains(where: { $0.nextUpdate > now }) != true { fetch.runIfDue(now: now) }
        }
        try ServerExpiries.require(ServerExpiries.files(configuration.tls), at: now)
    }

    /// The TLS settings of a listener, its files read. Throws `TLSError`.
    static func tls(_ configuration: ServerConfiguration, isForAgents: Bool) throws
        -> TLSContextSource
    {
        let files = configuration.tls
        return try TLSContextSource(
            server: TLSServerConfiguration(
                credentials: TLSCredentials(certificate: files.certificate, key: files.key),
                authority: files.authority, revocations: isForAgents ? files.revocations : nil,
                clientCertificates: isForAgents
                    ? (configuration.authorityService == nil ? .required : .optional) : .none))
    }

    private static func agentListener(_ configuration: ServerConfiguration) -> HTTPServerConfiguration {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        var listener = HTTPServerConfiguration(
            listen: configuration.listen, loops: configuration.loops == 0 ? cores : configuration.loops)
        listener.limits.bodyBytes = 1 << 40
        listener.maximumConnections = configuration.limits.connections
        listener.maximumConnectionsPerPeer = configuration.limits.connectionsPerAgent
        listener.bodyBytesInFlight = configuration.limits.bodyBytesInFlight
        listener.pathsWithoutCertificate = ["/v1/enroll"]
        return listener
    }

    private static func adminListener(_ configuration: ServerConfiguration) -> HTTPServerConfiguration {
        var listener = HTTPServerConfiguration(listen: configuration.admin, loops: 1)
        listener.limits.bodyBytes = 64 << 10
        listener.maximumConnections = 256
        listener.maximumConnectionsPerPeer = 128
        return listener
    }
}
