import Foundation
import Testing

/// Agents that keep their last layer, as real processes: the shared part is the simulator's, and each site predicts with its
/// own.
@Suite("Parameters that stay at the agents, deployed", .tags(.endToEnd)) struct OwnParametersTests {
    private static let task = """
        { name: "own",
          model: { preset: "mlp", hidden: [16], classes: 10, local: ["2.*"] },
          training: { local_epochs: 1, batch_size: 5, learning_rate: 0.2 },
          strategy: { name: "fedrep", head_epochs: 2 },
          rounds: 3, cohort_size: 3, min_reports: 3, report_deadline: "5m", privacy: { mode: "none" } }
        """

    /// The file of what an agent keeps.
    private func kept(_ deployment: Deployment, _ agent: Int) throws -> String {
        let folder = "agent-\(agent)/state/memory"
        let names = deployment.workspace.names(folder)
        try #require(names.count == 1 && names[0].hasSuffix(".kept"))
        return deployment.workspace.file("\(folder)/\(names[0])")
    }

    @Test func threeAgentsMakeTheSimulatorsModelAndPredictWithTheirOwn() throws {
        let deployment = try Deployment(agents: 3)
        let workspace = deployment.workspace
        let simulated = try deployment.simulate(task: Self.task)
        try deployment.startServer(task: Self.task, "gather: '5m'")
        let agents = try (1...3).map { try deployment.startAgent($0) }
        let server = try #require(deployment.server).wait()
        #expect(server.status == 0, "\(server.errors)")
        for agent in agents {
            let result = try agent.wait()
            #expect(result.status == 0, "\(result.errors)")
        }
        let model = workspace.file("state/models/latest.safetensors")
        #expect(
            try workspace.data("state/models/latest.safetensors")
                == workspace.data("\(simulated)/model.safetensors"))

        let data = "{ path: '\(workspace.file("holdout.csv"))', \(Deployment.schema) }"
        func evaluate(_ more: String...) throws -> CommandResult {
            try Sordino.run(["evaluate", "--model", model, "--data", data, "--format", "json"] + more)
        }
        let alone = try evaluate()
        #expect(alone.status == 3 && alone.errors.contains("lacks 2.weight, 2.bias"), "\(alone.errors)")
        #expect(alone.errors.contains("--local"))
        let own = try (1...3).map { try evaluate("--local", kept(deployment, $0)) }
        for result in own { try #require(result.status == 0, "\(result.errors)") }
        #expect(Set(try own.map { try #require(try $0.json["loss"]?.number) }).count == 3)
        let merged = try Sordino.run([
            "export", model, "--merge", "--out", workspace.file("whole.safetensors"),
        ])
        #expect(merged.status == 3 && merged.errors.contains("stay at each client"))
        let central = try Sordino.run([
            "train", "--model", "{ preset: 'mlp', classes: 10, local: ['2.*'] }", "--data", data, "--out",
            workspace.file("central.safetensors"),
        ])
        #expect(central.status == 3 && central.errors.contains("give local: []"), "\(central.errors)")
        let notOne = try evaluate("--local", model)
        #expect(notOne.status == 3 && notOne.errors.contains("not what an agent keeps"), "\(notOne.errors)")
    }
}
