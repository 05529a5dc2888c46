import Foundation
import TestSupport

/// A deployment that version 0.1.0 left with a round open: its state directories, with certificates that are made anew.
final class FirstVersion {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let workspace: Workspace
    private let mode: String
    private static let data = """
        format: "csv", path: "\(Scenarios.digits)", header: false, label: 64, classes: 10, normalize: { range: [0, 16] }
        """

    /// The state of the run in a privacy mode, `none` or `central`.
    init(mode: String) throws {
        self.mode = mode
        workspace = try Workspace()
        let authority = workspace.file("authority")
        for command in [
            ["init", authority, "--name", "test"],
            ["server", authority, "server", "--address", "127.0.0.1", "--out", workspace.file("server")],
            ["agent", authority, "agent-1", "--out", workspace.file("agent-1")],
        ] {
            let result = try Sordino.run(["certs"] + command)
            guard result.status == 0 else { throw Failure(description: result.errors) }
        }
        let folder = Vectors.folder.appendingPathComponent("version-0.1.0/\(mode)")
        let files = FileManager.default
        for part in ["server", "agent-1"] {
            try files.copyItem(
                atPath: folder.appendingPathComponent(part).path, toPath: workspace.file("\(part)/state"))
        }
        try files.copyItem(
            atPath: workspace.file("server/state/models/000004.safetensors"),
            toPath: workspace.file("server/state/models/latest.safetensors"))
        for (test, key) in [
            ("server/state/ledger.jsonl.test-key", "server/state/ledger.jsonl.key"),
            ("agent-1/state/ledger.test-key", "agent-1/state/ledger.key"),
        ] {
            try files.moveItem(atPath: workspace.file(test), toPath: workspace.file(key))
            try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: workspace.file(key))
        }
    }

    /// The server's file, as it was served by 0.1.0 but for ports and times.
    func serverFile() throws -> String {
        let privacy =
            mode == "central"
            ? #"mode: "central", clipping_norm: 1.0, noise_multiplier: 1.0, target_delta: 1e-5"#
            : "mode: \"none\""
        return try workspace.write(
            "server/server.json5",
            """
            { task: {
                name: "digits", model: { preset: "logistic", classes: 10 },
                training: { local_epochs: 1, batch_size: 10, optimizer: "sgd", learning_rate: 0.5 },
                strategy: { name: "fedavg" },
                rounds: 6, cohort_size: 2, min_reports: 1, report_deadline: "20m",
                privacy: { \(privacy) }, evaluation: { every: 1, holdout: "server" } },
              server: {
                listen: "127.0.0.1:0", admin: "127.0.0.1:0", state_directory: "state", population: 2, gather: "1s",
                data: { \(Self.data), split: { test: 0.2 } }, exit_when_finished: true, linger: "10s",
                tls: { certificate: "server.crt", key: "server.key", ca: "ca.crt" } } }
            """)
    }

    /// Starts the server and returns it with its port, once it serves.
    func startServer() throws -> (RunningCommand, port: Int) {
        let server = try Sordino.start(["serve", serverFile(), "--format", "json"])
        var port: Int?
        _ = eventually(within: 60) {
            for line in server.errorsSoFar.split(separator: "\n") where line.contains("\"serving\"") {
                port = (try? JSON(text: String(line)))?["agents"]?.integer
            }
            return port != nil
        }
        guard let port else { throw Failure(description: server.errorsSoFar) }
        return (server, port)
    }

    /// The agent's file.
    func agentFile(port: Int) throws -> String {
        let policy =
            mode == "central"
            ? #"modes: ["central"], trust_server: true, minimal_cohort: 1, minimal_noise_multiplier: 1.0, maximal_epsilon: 200"#
            : #"modes: ["none"], trust_server: true, minimal_cohort: 1"#
        return try workspace.write(
            "agent-1/agent.json5",
            """
            { server: "https://127.0.0.1:\(port)", tls: { certificate: "agent.crt", key: "agent.key", ca: "ca.crt" },
              state_directory: "state", data: { \(Self.data) }, policy: { \(policy) } }
            """)
    }

    /// Puts another number for the form's version into a file of the state.
    func setVersion(_ version: Int, in name: String) throws {
        let data = try workspace.data(name)
        guard var object = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw Failure(description: "\(name) is no object")
        }
        object["version"] = version
        try workspace.write(name, try JSONSerialization.data(withJSONObject: object))
    }
}
