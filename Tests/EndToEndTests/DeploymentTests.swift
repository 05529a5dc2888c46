import Foundation
import Testing

/// The deployed system against the simulator: the same task, seed and clients, as real processes.
@Suite(.tags(.endToEnd)) struct DeploymentTests {
    private static func task(_ privacy: String, rounds: Int = 3, agents: Int) -> String {
        """
        { name: "equality", model: { preset: "mlp", hidden: [8], classes: 10 },
          training: { local_epochs: 2, batch_size: 5, optimizer: "sgd", learning_rate: 0.2 },
          rounds: \(rounds), cohort_size: \(agents), min_reports: \(agents), report_deadline: "5m",
          privacy: \(privacy), evaluation: { every: 2, holdout: "server" } }
        """
    }

    /// Runs a federation to its end; every process must end by itself with status 0.
    private func run(_ deployment: Deployment, task: String) throws {
        try deployment.startServer(task: task, "gather: '5m'")
        let agents = try (1...deployment.agents).map { try deployment.startAgent($0) }
        let server = try #require(deployment.server).wait()
        #expect(server.status == 0, "\(server.errors)")
        for agent in agents {
            let result = try agent.wait()
            #expect(result.status == 0, "\(result.errors)")
        }
    }

    @Test func withoutNoiseTheModelIsTheSimulatorsBitForBit() throws {
        let deployment = try Deployment(agents: 5)
        let task = Self.task("{ mode: 'none' }", agents: 5)
        try run(deployment, task: task)
        let simulated = try deployment.simulate(task: task)
        let workspace = deployment.workspace
        #expect(
            try workspace.data("state/models/latest.safetensors")
                == workspace.data("\(simulated)/model.safetensors"))
        // Evaluations come in beside the rounds, each into its own: every second, and the last.
        let rounds = try workspace.jsonLines("\(simulated)/rounds.jsonl")
        for (index, round) in rounds.enumerated() {
            let file = try JSON(text: workspace.text("state/rounds/00000\(index + 1).json"))
            #expect(file["accuracy"]?.number == round["accuracy"]?.number, "round \(index + 1)")
        }
        #expect(rounds.last?["accuracy"]?.number != nil)
        try expectRoundsOfTheFolder(workspace, rounds.count)
    }

    /// The server is gone; its folder tells its rounds, all or those of some numbers.
    private func expectRoundsOfTheFolder(_ workspace: Workspace, _ count: Int) throws {
        let command = ["rounds", "--state", workspace.file("state")]
        for (more, numbers) in [
            ([], Array(1...count)), (["--from", "2"], Array(2...count)), (["--to", "2"], [1, 2]),
            (["--from", "2", "--to", "2"], [2]), (["--from", "\(count + 1)"], []),
        ] as [([String], [Int])] {
            let told = try Sordino.run(command + more + ["--format", "json"])
            #expect(told.status == 0 && told.errors.isEmpty, "\(told.errors)")
            #expect(try told.json.items?.map { $0["round"]?.integer } == numbers)
        }
        let table = try Sordino.run(command + ["--from", "2"]).output.split(separator: "\n")
        #expect(table.count == count && table[0].hasPrefix("round  state") && table[1].contains("published"))
        #expect(try Sordino.run(["rounds", "--state", workspace.file("nothing")]).status == 6)
        for wrong in [["--from", "0"], ["--from", "3", "--to", "2"], ["--server", "127.0.0.1:1"]] {
            #expect(try Sordino.run(command + wrong).status == 2)
        }
    }

    @Test func withNoiseTheLedgersEpsilonIsTheSimulators() throws {
        let deployment = try Deployment(agents: 4)
        let task = Self.task(
            "{ mode: 'central', clipping_norm: 1, noise_multiplier: 2, target_delta: 1e-5 }", agents: 4)
        try run(deployment, task: task)
        let simulated = try deployment.simulate(task: task)
        let ledgers = try ["state", simulated].map { folder in
            try deployment.expectDone(
                "ledger", "show", deployment.workspace.file(folder), "--format", "json"
            ).json
        }
        #expect(ledgers[0]["epsilon"]?.number != nil)
        #expect(ledgers[0]["epsilon"] == ledgers[1]["epsilon"])
        try deployment.expectDone("ledger", "verify", deployment.workspace.file("state"))
    }
}
