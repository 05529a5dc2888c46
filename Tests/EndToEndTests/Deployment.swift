import Foundation
import Glibc
import TestSupport
import Testing

/// A federation as real processes on loopback: an authority's certificates, a server and agents, each with its share
/// of the digits.
final class Deployment {
    let workspace: Workspace
    let agents: Int
    private(set) var server: RunningCommand?
    private var running: [RunningCommand] = []

    /// The data section of every file, without its path.
    static let schema = "format: 'csv', header: false, label: 64, classes: 10, normalize: { range: [0, 16] }"

    /// Makes certificates and data; `rows` of the digits are dealt out, every fifth to the server.
    init(agents: Int, rows: Int = 400) throws {
        workspace = try Workspace()
        self.agents = agents
        try expectDone("certs", "init", folder("authority"))
        try expectDone(
            "certs", "server", folder("authority"), "server", "--address", "127.0.0.1", "--out",
            folder("server"))
        let token = try expectDone("certs", "admin-token", folder("authority"), "test", "--role", "operator")
        try workspace.write("admin.token", token.output)
        chmod(workspace.file("admin.token"), 0o600)
        for agent in 1...agents {
            try expectDone(
                "certs", "agent", folder("authority"), "agent-\(agent)", "--out", folder("agent-\(agent)"))
        }
        try workspace.write("roster", (1...agents).map { "agent-\($0)\n" }.joined())
        try deal(rows)
    }

    deinit { for command in running { command.send(SIGKILL) } }

    /// Writes the server's file and starts it; returns when it listens. `section` is put into its section; `admin` is the
    /// port for administrators, 0: any.
    func startServer(task: String, _ section: String = "", admin: Int = 0) throws {
        let path = try workspace.write(
            "server/server.json5",
            """
            { task: \(task),
              server: {
                listen: "127.0.0.1:0", admin: "127.0.0.1:\(admin)", state_directory: "../state", roster: "../roster",
                seed: 11, data: { path: "../holdout.csv", \(Self.schema) }, exit_when_finished: true,
                tls: { certificate: "server.crt", key: "server.key", ca: "ca.crt",
                       crl: "../authority/crl.pem" },
                admin_tokens: "../authority/admin-tokens.json", \(section) } }
            """)
        let server = try Sordino.start(["serve", path, "--format", "json"])
        running.append(server)
        self.server = server
        #expect(eventually { port(of: "agents") != nil }, "\(server.errorsSoFar)")
    }

    /// Starts an agent on its share; `line` is the port at which it finds the server, nil: the server's own.
    func startAgent(_ number: Int, _ keys: String = "", line: Int? = nil) throws -> RunningCommand {
        let path = try workspace.write(
            "agent-\(number)/agent.json5",
            """
            { server: "https://127.0.0.1:\(line ?? port(of: "agents") ?? 0)",
              tls: { certificate: "agent.crt", key: "agent.key", ca: "ca.crt" }, state_directory: "state",
              data: { path: "../\(Self.shard(number))", \(Self.schema) },
              policy: { modes: ["none", "central"], trust_server: true, minimal_cohort: 1,
                        maximal_epsilon: 1e6, minimal_noise_multiplier: 0.01, maximal_clipping_norm: 10 },
              \(keys) }
            """)
        let agent = try Sordino.startAgent(["run", path, "--until-finished"])
        running.append(agent)
        return agent
    }

    /// Where the server listens, from its log: for `agents` or for `admin`.
    func port(of listener: String) -> Int? {
        for line in (server?.errorsSoFar ?? "").split(separator: "\n") where line.contains("\"serving\"") {
            return (try? JSON(text: String(line)))?[listener]?.integer
        }
        return nil
    }

    /// A simulation of the same task on the same clients; returns its folder.
    func simulate(task: String) throws -> String {
        let scenario = try workspace.write(
            "scenario.json5",
            """
            { task: \(task),
              simulation: {
                data: { path: "shard-*.csv", test_path: "holdout.csv", group: "file", \(Self.schema) },
                clients: \(agents), partition: { scheme: "natural" }, seed: 11, baselines: [] } }
            """)
        try expectDone("simulate", scenario, "--quiet", "--out", workspace.file("simulated"))
        return "simulated"
    }

    @discardableResult
    func expectDone(_ arguments: String...) throws -> CommandResult {
        let result = try Sordino.run(arguments)
        #expect(result.status == 0, "\(arguments): \(result.errors)")
        return result
    }

    private func folder(_ name: String) -> String { workspace.file(name) }

    private static func shard(_ number: Int) -> String {
        "shard-\(String(repeating: "0", count: 3 - String(number).count))\(number).csv"
    }

    private func deal(_ rows: Int) throws {
        let unpacked = try RunningCommand("/bin/gzip", ["-dc", Scenarios.digits], patienceSeconds: 60).wait()
        var files: [String: String] = [:]
        var dealt = 0
        for (row, line) in unpacked.output.split(separator: "\n").prefix(rows).enumerated() {
            let isHeldOut = row % 5 == 4
            let name = isHeldOut ? "holdout.csv" : Self.shard(dealt % agents + 1)
            dealt += isHeldOut ? 0 : 1
            files[name, default: ""] += line + "\n"
        }
        for (name, text) in files { try workspace.write(name, text) }
    }
}
