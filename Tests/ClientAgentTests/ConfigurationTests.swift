import Configuration
import Foundation
import Operations
import Ledger
import Privacy
import TestSupport
import Testing
import Transport

@testable import ClientAgent

@Suite("The agent's configuration") struct ConfigurationTests {
    private static let whole = """
        { server: "https://federation.example:8443/", proxy: "proxy:3128",
          tls: { certificate: "agent.crt", key: "/k/agent.key", ca: "ca.crt" },
          data: { format: "csv", path: "d.csv", label: "y" }, state_directory: "state",
          policy: { maximal_epsilon: 3, modes: ["local"], tasks: ["digits"], trust_server: false },
          trainer: { command: ["python3", "train.py"], timeout: "90s", memory_limit_bytes: 1000000000 },
          conditions: { only_between: ["22:00", "06:30"], load_average_below: 1.5, on_mains_power: true },
          nice: 10, threads: 1, memory_limit_bytes: 500000000, poll_seconds: 20,
          log: { format: "json", level: "debug" } }
        """

    private func read(_ set: [String] = []) throws -> AgentConfiguration {
        var document = ConfigurationDocument(
            root: try JSONValue(json5: Self.whole.utf8, source: "test"), file: "/etc/sordino/agent.json5")
        for assignment in set { try document.set(assignment) }
        return try AgentConfiguration(document)
    }

    @Test("The examples are configurations", arguments: ["external", "deployment"])
    func examples(folder: String) throws {
        let root = Vectors.folder.deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appendingPathComponent("simulations/\(folder)/agent.json5").path
        #expect(try AgentConfiguration(contentsOf: file).policy.modes.isEmpty == false)
    }

    @Test("Every key is read, paths from the file's folder")
    func everything() throws {
        let read = try read()
        #expect(read.server == SocketEndpoint(host: "federation.example", port: 8443))
        #expect(read.proxy == SocketEndpoint(host: "proxy", port: 3128))
        #expect(read.credentials.certificate == "/etc/sordino/agent.crt")
        #expect(read.credentials.key == "/k/agent.key")
        #expect(read.stateDirectory == "/etc/sordino/state")
        #expect(read.policy.maximalEpsilon == 3 && read.policy.modes == [.local])
        #expect(read.policy.minimalCohort == AgentPolicy().minimalCohort)
        #expect(read.trainer?.timeout == 90 && read.trainer?.memoryLimit == 1_000_000_000)
        #expect(read.conditions.hours == .init(from: 22 * 60, to: 6 * 60 + 30))
        #expect(read.nice == 10 && read.memoryLimit == 500_000_000 && read.pollSeconds == 20)
        #expect(read.log == .init(format: .json, level: .debug))
    }

    @Test(
        "Mistakes are named with their path",
        arguments: [
            ("policy.max_epsilon=3", "policy.max_epsilon"), ("servr=1", "servr"), ("server=\"x\"", "server"),
            ("server=\"http://x:1\"", "server"), ("policy.modes=[\"centrl\"]", "policy.modes"),
            ("conditions.only_between=[\"25:00\",\"06:00\"]", "conditions.only_between"),
            ("threads=4", "threads"), ("tls.ca=null", "tls.ca"), ("trainer.command=[]", "trainer.command"),
            ("data.format=\"cvs\"", "data.format"), ("log.level=\"loud\"", "log.level"), ("nice=20", "nice"),
            ("state_directory=null", "state_directory"), ("policy.maximal_delta=1", "policy.maximal_delta"),
            ("policy.approval=\"automatic\"", "policy.approval"), ("policy.k=1", "policy.k"),
            ("policy.approvals_from=[{name:\"x\",key:\"00\"}]", "policy.approvals_from[0].key"),
            ("policy.approvals_from=[{key:\"00\"}]", "policy.approvals_from[0].name"),
            ("status_page=\"0.0.0.0:80\"", "status_page"), ("servers=[]", "server"),
        ])
    func mistakes(set: String, path: String) {
        let error = #expect(throws: ConfigurationError.self) { try read([set]) }
        #expect(error?.path == path)
    }

    @Test(
        "Addresses of servers",
        arguments: [
            ("https://a.example", "a.example:443"), ("https://a.example:1/", "a.example:1"),
            ("10.0.0.1:8443", "10.0.0.1:8443"), ("https://[::1]:8443", "[::1]:8443"), ("a.example", nil),
            ("https://a.example/path", nil), ("ftp://a:1", nil), ("https://a:0", nil), ("", nil),
        ])
    func addresses(text: String, endpoint: String?) {
        #expect(ServerURL.parse(text)?.description == endpoint)
    }

    @Test("What conditions ask is said in words") func summary() {
        #expect(WorkConditions().summary == nil)
        let conditions = WorkConditions(hours: .init(from: 22 * 60, to: 6 * 60 + 5), needsMains: true)
        #expect(conditions.summary == "from 22:00 to 06:05 local time, on mains power")
    }

    @Test(
        "Hours hold on both sides of midnight",
        arguments: [
            (22 * 60, 6 * 60, 23 * 60, true), (22 * 60, 6 * 60, 5 * 60 + 59, true),
            (22 * 60, 6 * 60, 6 * 60, false), (22 * 60, 6 * 60, 12 * 60, false), (60, 120, 60, true),
            (60, 120, 120, false), (60, 120, 0, false),
        ])
    func hours(from: Int, to: Int, minute: Int, isOpen: Bool) {
        let conditions = WorkConditions(hours: .init(from: from, to: to))
        #expect((conditions.obstacle(in: .init(minute: minute)) == nil) == isOpen)
    }

    @Test("Load and power hold only where the host tells of them")
    func loadAndPower() {
        let conditions = WorkConditions(loadAverageBelow: 1, needsMains: true)
        #expect(conditions.obstacle(in: .init(minute: 0)) == nil)
        #expect(conditions.obstacle(in: .init(minute: 0, load: 0.5, isOnMains: true)) == nil)
        #expect(conditions.obstacle(in: .init(minute: 0, load: 1, isOnMains: true)) != nil)
        #expect(conditions.obstacle(in: .init(minute: 0, load: 0.5, isOnMains: false)) != nil)
    }
}
