import Foundation
import Glibc
import TestSupport

/// An authority, a server and agents as processes on loopback, over mutual TLS, on shards of a small table.
final class DeployedFederation {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let workspace: Workspace
    private(set) var server: RunningCommand?
    private(set) var agents: [RunningCommand] = []
    private(set) var port = 0
    private let task: String
    private let count: Int
    private let serverKeys: String

    /// Issues certificates for a server and `count` agents of a task; `serverKeys` are further keys of the
    /// `server` section.
    init(task: String, agents count: Int, serverKeys: String = "") throws {
        self.task = task
        self.count = count
        self.serverKeys = serverKeys
        workspace = try Workspace()
        try issue("init", workspace.file("authority"), "--name", "test")
        try issue(
            "server", workspace.file("authority"), "server", "--address", "127.0.0.1", "--out",
            workspace.file("server"))
        for agent in 0..<count {
            try issue(
                "agent", workspace.file("authority"), Self.name(agent), "--out",
                workspace.file(Self.name(agent)))
            try workspace.write("shard-\(agent).csv", Self.rows(from: agent * 20, count: 20))
        }
        try workspace.write("holdout.csv", Self.rows(from: 5000, count: 60))
        try workspace.write("roster.txt", (0..<count).map { Self.name($0) + "\n" }.joined())
    }

    deinit { stopAll(SIGKILL) }

    /// Certified name of an agent; names sort as numbers.
    static func name(_ agent: Int) -> String { "agent-\(agent + 10)" }

    /// Three classes around three corners, exactly the same in every test.
    static func rows(from start: Int, count: Int) -> String {
        (start..<start + count).map { row in
            let noise = (0..<3).map { Double((row * 7919 + $0 * 104_729) % 1000) / 2500 - 0.2 }
            let corner = row % 3
            let values = (0..<3).map { noise[$0] + ($0 == corner ? 1 : 0) }
            return values.map { "\($0)" }.joined(separator: ",") + ",\(corner)\n"
        }.joined()
    }

    static let schema = #"format: "csv", header: false, label: 3"#

    private func issue(_ arguments: String...) throws {
        let result = try Sordino.run(["certs"] + arguments)
        guard result.status == 0 else { throw Failure(description: result.errors) }
    }

    /// The server's file; a scenario may stand beside it.
    func configuration(simulation: String = "") throws -> String {
        try workspace.write(
            "server/server.json5",
            """
            { task: \(task),
              server: {
                listen: "127.0.0.1:\(port)", admin: "127.0.0.1:0", state_directory: "state",
                roster: "../roster.txt", gather: "1s", presence: "2s", seed: 3,
                data: { path: "../holdout.csv", \(Self.schema) }, \(serverKeys)
                tls: { certificate: "server.crt", key: "server.key", ca: "ca.crt", crl: "../authority/crl.pem" } },
              \(simulation) }
            """)
    }

    /// Starts the server, or starts it again on the same port.
    func startServer() throws {
        let command = try Sordino.start([
            "serve", configuration(), "--format", "json", "--log-level", "debug",
        ])
        server = command
        let line = try waitForServer { $0["message"]?.string == "serving" }
        port = line["agents"]?.integer ?? 0
    }

    /// Starts an agent; `policy` are the keys of its policy, `keys` further ones of its file, and `line` is the port at which it
    /// finds the server, nil: the server's own.
    func startAgent(_ agent: Int, policy: String, keys: String = "", line: UInt16? = nil) throws {
        let name = Self.name(agent)
        let file = try workspace.write(
            "\(name)/agent.json5",
            """
            { server: "https://127.0.0.1:\(line.map { Int($0) } ?? port)", \(keys)
              tls: { certificate: "agent.crt", key: "agent.key", ca: "ca.crt" },
              state_directory: "state", poll_seconds: 20,
              data: { path: "../shard-\(agent).csv", \(Self.schema) },
              log: { level: "debug" }, policy: { \(policy) } }
            """)
        let binary = Sordino.binary + "-agent"
        let command = try RunningCommand(
            binary, ["run", file, "--until-finished"], patienceSeconds: 120)
        if agent < agents.count { agents[agent] = command } else { agents.append(command) }
    }

    /// Starts all agents that are not started yet, with one policy.
    func startAgents(policy: String) throws {
        for agent in agents.count..<count { try startAgent(agent, policy: policy) }
    }

    /// Waits until the server has an agent's first check-in, which it registers before it keeps it for work. Throws
    /// after half a minute.
    func waitForCheckIn(_ agent: Int) throws {
        let isKnown = eventually(within: 30) {
            (try? workspace.text("server/state/agents.jsonl"))?.contains("\"\(Self.name(agent))\"") == true
        }
        guard !isKnown else { return }
        throw Failure(description: "agent \(agent) never checked in: \(agents[agent].errorsSoFar)")
    }

    /// Waits for the end of the run, of the agents that are left, and of the server. Returns the results of
    /// server and agents.
    func finish(agents left: some Sequence<Int>) throws -> (server: CommandResult, agents: [CommandResult]) {
        try waitForServer { $0["message"]?.string == "run finished" }
        let ended = try left.map { try agents[$0].wait() }
        guard let server else { throw Failure(description: "no server") }
        server.send(SIGTERM)
        return (try server.wait(), ended)
    }

    /// The server's log so far.
    func log() throws -> [JSON] {
        let text = server?.errorsSoFar ?? ""
        return text.split(separator: "\n").compactMap { try? JSON(text: String($0)) }
    }

    /// Waits for a line of the server's log. Throws with the log's end after four minutes, or when the server ends.
    @discardableResult
    func waitForServer(_ matches: (JSON) -> Bool) throws -> JSON {
        var line: JSON?
        let isSaid = try eventually(within: 240, every: 10) {
            line = try log().first(where: matches)
            return line != nil
        }
        if isSaid, let line { return line }
        let tail = server?.errorsSoFar.suffix(2000) ?? ""
        throw Failure(description: "the server never said it; its log ends: \(tail)")
    }

    /// Waits until the server has taken `count` messages of a step.
    func waitForMessages(_ count: Int, step: String, round: Int) throws {
        let areTaken = try eventually(within: 30, every: 10) {
            let taken = try log().count {
                $0["message"]?.string == "message taken" && $0["step"]?.string == step
                    && $0["round"]?.integer == round
            }
            return taken >= count
        }
        guard !areTaken else { return }
        throw Failure(description: "too few messages of step \(step): \(server?.errorsSoFar ?? "")")
    }

    /// Waits until a step of secure aggregation is done.
    func waitForStep(_ step: String, round: Int) throws {
        try waitForServer {
            $0["message"]?.string == "step done" && $0["step"]?.string == step
                && $0["round"]?.integer == round
        }
    }

    /// The file of a round.
    func round(_ number: Int) throws -> JSON {
        let digits = String(number)
        let name = String(repeating: "0", count: 6 - digits.count) + digits
        return try JSON(text: workspace.text("server/state/rounds/\(name).json"))
    }

    private func stopAll(_ signal: Int32) {
        for command in agents + [server].compactMap(\.self) {
            command.send(signal)
            _ = try? command.wait()
        }
    }
}
