import Configuration
import Foundation
import Messages
import Operations
import Synchronization
import Testing
import Transport

@testable import ClientAgent

/// Collects log lines.
final class TestLog: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined() } }

    var logger: Logger {
        Logger(
            level: .debug,
            console: Console(isTerminal: false) { [self] line in lines.withLock { $0.append(line) } })
    }
}

/// An agent's parts over one state directory, as one process would hold them.
struct TestAgent {
    let configuration: AgentConfiguration
    let log = TestLog()
    let stop: StopSignal

    /// With `others` the agent serves these beside the first.
    init(_ federation: TestFederation, others: [TestFederation] = [], set: [String] = []) throws {
        func server(_ federation: TestFederation) -> String {
            """
            server: "https://\(federation.endpoint)",
            tls: { certificate: "agent.crt", key: "agent.key", ca: "ca.crt" }
            """
        }
        let servers = ([federation] + others).map { "{ \(server($0)) }" }.joined(separator: ", ")
        let source = """
            { \(others.isEmpty ? server(federation) : "servers: [\(servers)]"),
              data: { format: "csv", path: "data.csv", label: "label" },
              state_directory: "state", poll_seconds: 1,
              policy: { modes: ["local", "none"], trust_server: true, maximal_epsilon: 1000 } }
            """
        var document = ConfigurationDocument(
            root: try JSONValue(json5: source.utf8, source: "test"),
            file: federation.authority.path("agent.json5"))
        for assignment in set { try document.set(assignment) }
        configuration = try AgentConfiguration(document)
        stop = try StopSignal()
    }

    func link() throws -> ServerLink {
        let client = try AgentConnection.client(configuration)
        client.configuration.retry = RetryPolicy(attempts: 4, base: 1, maximum: 5, maximumRetryAfter: 10)
        return ServerLink(client: client, stop: stop, log: log.logger)
    }

    /// One of several servers, for a runner to be given.
    func server(_ federation: TestFederation) throws -> RoundServer {
        let entry = try #require(
            configuration.servers.first { $0.endpoint.description == federation.endpoint.description })
        let speaking = configuration.speaking(to: entry)
        let client = try AgentConnection.client(speaking)
        client.configuration.retry = RetryPolicy(attempts: 4, base: 1, maximum: 5, maximumRetryAfter: 10)
        let link = ServerLink(client: client, stop: stop, log: log.logger)
        let revocations = PeerRevocations(
            path: "/dev/null/none", policy: speaking.policy, log: log.logger
        ) { _ in .none }
        return RoundServer(
            link: link, masking: MaskingSettings(speaking, revocations: revocations), isOneOfSeveral: true)
    }

    func runner(trainer: (any RoundTrainer)? = nil) throws -> RoundRunner {
        let builtIn = try BuiltInTrainer(
            data: configuration.data ?? .null, folder: configuration.folder)
        let (state, link) = (try StateDirectory(configuration.stateDirectory), try link())
        return try RoundRunner(
            state: state,
            gate: PolicyGate(configuration.policy, rosterDigest: configuration.roster?.digest),
            masking: MaskingSettings(
                configuration,
                revocations: PeerRevocations(
                    state: state, policy: configuration.policy, link: link, log: log.logger)),
            trainer: trainer ?? builtIn, link: link, stop: stop, log: log.logger)
    }
}
