import Foundation
import Glibc
import TestSupport
import Testing

/// Agents at the end of a line that breaks after every few hundred kilobytes: models of more than that come down, reports
/// of more than that go up, and the model is the one of a line that holds.
@Suite(.tags(.endToEnd), .timeLimit(.minutes(10))) struct BrokenLineTests {
    /// A model of 300,010 parameters, 1.2 MB: so long are its files and the reports.
    private static let task = """
        { name: "broken", model: { preset: "mlp", hidden: [4000], classes: 10 },
          training: { local_epochs: 1, batch_size: 20, optimizer: "sgd", learning_rate: 0.05 },
          rounds: 2, cohort_size: 2, min_reports: 2, report_deadline: "5m",
          privacy: { mode: "none" }, evaluation: { holdout: "none" } }
        """

    @Test func modelsAndReportsArriveWhole() throws {
        let deployment = try Deployment(agents: 2, rows: 100)
        try deployment.startServer(task: Self.task, "gather: '5m'")
        let port = try #require(deployment.port(of: "agents").flatMap { UInt16(exactly: $0) })
        let line = try CuttingRelay(to: port, cuttingEvery: 500_000)
        defer { line.stop() }
        let agents = try ["", "bandwidth: { up: '4 MB/s', between: [] }"].enumerated().map { number, keys in
            try deployment.startAgent(number + 1, keys, line: Int(line.port))
        }
        let server = try #require(deployment.server).wait()
        #expect(server.status == 0, "\(server.errors)")
        for agent in agents {
            let result = try agent.wait()
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.errors.contains("sending what is missing of a report"), "\(result.errors)")
        }
        // Two rounds of two agents, each of at least two breaks in either direction.
        #expect(line.cuts >= 16, "\(line.cuts)")
        let simulated = try deployment.simulate(task: Self.task)
        let workspace = deployment.workspace
        #expect(
            try workspace.data("state/models/latest.safetensors")
                == workspace.data("\(simulated)/model.safetensors"))
        let left = try FileManager.default.contentsOfDirectory(atPath: workspace.file("state/spool"))
        #expect(left.allSatisfy { !$0.hasPrefix("part-") && !$0.hasPrefix("whole-") }, "\(left)")
    }

    /// Killed under a report the server goes on with what it has of it.
    @Test func aKilledServerGoesOnWithWhatItHas() throws {
        let federation = try DeployedFederation(
            task: """
                { name: "killed", model: { preset: "mlp", hidden: [50000], classes: 3 },
                  training: { learning_rate: 0.1, batch_size: 20 }, rounds: 1, cohort_size: 2, min_reports: 2,
                  report_deadline: "5m", privacy: { mode: "none" }, evaluation: { holdout: "none" } }
                """, agents: 2)
        try federation.startServer()
        let port = try #require(UInt16(exactly: federation.port))
        let line = try CuttingRelay(to: port, cuttingEvery: 400_000)
        defer { line.stop() }
        let policy = "modes: [\"none\"], trust_server: true, minimal_cohort: 1"
        for agent in 0..<2 {
            try federation.startAgent(
                agent, policy: policy, keys: "bandwidth: { up: \"500 kB/s\" },", line: line.port)
        }
        let spool = federation.workspace.file("server/state/spool")
        func parts() throws -> [Int] {
            try FileManager.default.contentsOfDirectory(atPath: spool).filter { $0.hasPrefix("part-") }
                .compactMap {
                    try? FileManager.default.attributesOfItem(atPath: "\(spool)/\($0)")[.size] as? Int
                }
        }
        #expect(try eventually(within: 60) { try parts().contains { $0 > 100_000 } })
        federation.server?.send(SIGKILL)
        _ = try federation.server?.wait()
        let kept = try parts()
        #expect(kept.contains { $0 > 100_000 }, "\(kept)")
        try federation.startServer()
        let (server, agents) = try federation.finish(agents: 0..<2)
        #expect(server.status == 0 || server.status == 7, "\(server.errors)")
        for agent in agents {
            #expect(agent.status == 0, "\(agent.errors)")
            #expect(agent.errors.contains("sending what is missing of a report"))
        }
        #expect(try federation.round(1)["reports"]?.members?.count == 2)
        #expect(try parts().isEmpty)
    }
}
