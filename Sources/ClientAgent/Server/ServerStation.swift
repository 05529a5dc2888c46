internal import Messages
internal import Operations
internal import Transport

/// One server of an agent: its connection, its certificate's life, its tasks, and when it is asked next.
final class ServerStation {
    let server: RoundServer
    let renewal: CertificateRenewal
    let survey: TaskSurvey
    var pacing = Pacing()
    /// Whether the server was heard to say that its runs have ended.
    var isEnded = false
    /// Before then nothing is asked of it.
    private(set) var notBefore = ContinuousClock.now
    private var trouble: ServerTrouble
    private var pause = failurePause.lowerBound

    /// Least and greatest pause after a passing trouble with the server, in seconds.
    private static let failurePause = 5.0...300.0
    /// Pause after a trouble that only a person can mend, where there are other servers, in seconds.
    private static let parkedPause = 600.0

    /// A station of a configuration that speaks to this server. Throws `TLSError`.
    init(
        _ configuration: AgentConfiguration, state: StateDirectory, gate: PolicyGate,
        approvals: ApprovalBook, stop: StopSignal, log: Logger
    ) throws {
        let isOneOfSeveral = !configuration.others.isEmpty
        let link = ServerLink(client: try AgentConnection.client(configuration), stop: stop, log: log)
        // With others to serve, a report waits in the outbox for its server to come back.
        link.staysWithReports = !isOneOfSeveral
        let revocations = PeerRevocations(
            state: state, policy: configuration.policy, link: link, log: log,
            fileName: isOneOfSeveral
                ? "revocations-\(configuration.server.host)-\(configuration.server.port).pem"
                : PeerRevocations.fileName)
        server = RoundServer(
            link: link, masking: MaskingSettings(configuration, revocations: revocations),
            isOneOfSeveral: isOneOfSeveral)
        renewal = CertificateRenewal(configuration, log: log)
        trouble = ServerTrouble(configuration.credentials)
        survey = TaskSurvey(
            link: link, gate: gate, approvals: approvals, frozenLimit: configuration.frozenLimit, log: log)
    }

    var link: ServerLink { server.link }

    /// Nothing is asked for so many seconds.
    func rest(_ seconds: Double) { notBefore = .now + .seconds(max(0, seconds)) }

    /// Seconds until it may be asked.
    var remainingRest: Double { ContinuousClock.now.duration(to: notBefore).inSeconds }

    /// The server has answered as it should.
    func served() {
        pause = Self.failurePause.lowerBound
        trouble.served()
    }

    /// What is wrong, where asking again after a pause may help; the station rests. Throws what must end the agent.
    func pass(_ error: any Error) throws -> ServerTrouble.Passing {
        survey.begin()
        do {
            let passing = try trouble.passing(error)
            rest(pause * Double.random(in: 0.5..<1.5))
            pause = min(pause * 2, Self.failurePause.upperBound)
            return passing
        } catch {
            // Only a person can help with this server; the others are served meanwhile.
            let failure = Failure(wrapping: error)
            guard server.isOneOfSeveral, failure.exitCode == .network else { throw error }
            rest(Self.parkedPause)
            return ("one of the servers cannot be served until somebody looks at it", failure.message)
        }
    }
}
