import Foundation
import Testing

/// A model with adapters as real processes: what nobody trains is fetched once, and all that follows is the simulator's.
@Suite("Frozen parameters, deployed", .tags(.endToEnd)) struct FrozenModelTests {
    private static let task = """
        { name: "adapted",
          model: { preset: "mlp", hidden: [16], classes: 10,
                   adapters: { rank: 2, alpha: 4, targets: ["0"], train: ["2.*"] } },
          training: { local_epochs: 2, batch_size: 5, learning_rate: 0.2 },
          rounds: 3, cohort_size: 3, min_reports: 3, report_deadline: "5m",
          privacy: { mode: "none" }, evaluation: { holdout: "server" } }
        """

    /// The names of an agent's frozen files.
    private func files(_ deployment: Deployment, _ agent: Int) -> [String] {
        deployment.workspace.names("agent-\(agent)/state/frozen").sorted()
    }

    @Test func threeAgentsMakeTheSimulatorsModel() throws {
        let deployment = try Deployment(agents: 3)
        let workspace = deployment.workspace
        let simulated = try deployment.simulate(task: Self.task)
        let frozen = try workspace.data("\(simulated)/frozen.safetensors")
        let digest = try Digest.sha256(ofFile: workspace.file("\(simulated)/frozen.safetensors"))
        // One agent was killed in the middle of the fetch, and another one's file has rotted since.
        try workspace.write("agent-1/state/frozen/\(digest).part", frozen.prefix(1000))
        var rotten = frozen
        rotten[frozen.count / 2] ^= 1
        try workspace.write("agent-2/state/frozen/\(digest).safetensors", rotten)

        try deployment.startServer(task: Self.task, "gather: '5m'")
        let agents = try (1...3).map { try deployment.startAgent($0) }
        let server = try #require(deployment.server).wait()
        #expect(server.status == 0, "\(server.errors)")
        for agent in agents {
            let result = try agent.wait()
            #expect(result.status == 0, "\(result.errors)")
        }
        let model = try workspace.data("state/models/latest.safetensors")
        #expect(try model == workspace.data("\(simulated)/model.safetensors"))
        #expect(try workspace.data("state/models/frozen.safetensors") == frozen)
        for agent in 1...3 { #expect(files(deployment, agent) == ["\(digest).safetensors"]) }
    }

    /// What a published model with adapters is worth does not depend on how it is written.
    @Test func mergedItIsAnOrdinaryModel() throws {
        let deployment = try Deployment(agents: 3)
        let (workspace, folder) = (deployment.workspace, try deployment.simulate(task: Self.task))
        let model = workspace.file("\(folder)/model.safetensors")
        let data = "{ path: '\(workspace.file("holdout.csv"))', \(Deployment.schema) }"
        func evaluate(_ model: String, _ more: String...) throws -> CommandResult {
            try Sordino.run(["evaluate", "--model", model, "--data", data, "--format", "json"] + more)
        }
        try workspace.write("apart/note", "")
        try deployment.expectDone(
            "export", model, "--merge", "--out", workspace.file("apart/whole.safetensors"))
        try deployment.expectDone("export", model, "--out", workspace.file("apart/adapters.safetensors"))
        #expect(
            try workspace.data("apart/adapters.safetensors") == workspace.data("\(folder)/model.safetensors"))
        let results = try [
            evaluate(model), evaluate(workspace.file("apart/whole.safetensors")),
            evaluate(
                workspace.file("apart/adapters.safetensors"), "--frozen",
                workspace.file("\(folder)/frozen.safetensors")),
        ]
        for result in results { try #require(result.status == 0, "\(result.errors)") }
        for key in ["loss", "accuracy"] {
            let values = try results.map { try #require(try $0.json[key]?.number) }
            #expect(abs(values[0] - values[1]) < 1e-5 && values[0] == values[2], "\(key): \(values)")
        }
        let rounds = try workspace.jsonLines("\(folder)/rounds.jsonl")
        #expect(try results[0].json["accuracy"]?.number == rounds.last?["accuracy"]?.number)

        // Without its other half, or with another model's, it is refused in one line.
        let missing = try evaluate(workspace.file("apart/adapters.safetensors"))
        #expect(missing.status == 3 && missing.errors.contains("apart/frozen.safetensors: no such file"))
        try workspace.write("apart/frozen.safetensors", workspace.data("apart/whole.safetensors"))
        let other = try evaluate(workspace.file("apart/adapters.safetensors"))
        #expect(other.status == 3 && other.errors.contains("another model's, or damaged"))
        let needless = try evaluate(
            workspace.file("apart/whole.safetensors"), "--frozen", workspace.file("apart/frozen.safetensors"))
        #expect(needless.status == 3 && needless.errors.contains("is frozen"))
        for result in [missing, other, needless] { #expect(result.errors.split(separator: "\n").count == 1) }
    }

    @Test func centralTrainingWritesBothHalves() throws {
        let workspace = try Workspace()
        let model = workspace.file("model.safetensors")
        let run = try Sordino.run(
            "train", "--data", Scenarios.quickstart, "--epochs", "2", "--quiet", "--format", "json", "--out",
            model, "--model", "{ preset: 'mlp', hidden: [16], freeze: ['0.*'] }")
        try #require(run.status == 0, "\(run.errors)")
        let evaluation = try Sordino.run(
            "evaluate", "--model", model, "--data", Scenarios.quickstart, "--format", "json")
        #expect(evaluation.status == 0, "\(evaluation.errors)")
        #expect(try evaluation.json["loss"] == run.json["final_loss"])
    }
}
