import Foundation
import Glibc
import Testing

/// Secure aggregation between real processes, some of which are killed in the middle of its steps.
@Suite(.tags(.endToEnd)) struct MaskedFederationTests {
    private static func task(
        rounds: Int, cohort: Int, minimum: Int, deadline: String, noise: String = "1",
        holdout: String = "server"
    ) -> String {
        """
        { name: "masked", model: { preset: "logistic", classes: 3 },
          training: { local_epochs: 1, batch_size: 5, learning_rate: 0.5 },
          rounds: \(rounds), cohort_size: \(cohort), min_reports: \(minimum), report_deadline: "\(deadline)",
          privacy: { mode: "distributed", clipping_norm: 1.0, noise_multiplier: \(noise), target_delta: 1e-5 },
          secure_aggregation: { estimated_dropout_rate: 0.35, adversarial_client_rate: 0.1 },
          evaluation: { holdout: "\(holdout)" } }
        """
    }

    /// One agent never sends keys, one is killed after its keys, one after its shares and one after its masked
    /// report. Each leaves a step open until its deadline, which is the window to kill the next one in.
    @Test func roundsCompleteWhileAgentsAreKilledBetweenSteps() throws {
        let federation = try DeployedFederation(
            task: Self.task(rounds: 2, cohort: 10, minimum: 5, deadline: "4s"), agents: 10)
        let policy = "minimal_cohort: 5, maximal_epsilon: 60"
        try federation.startServer()
        try federation.startAgent(0, policy: policy)
        // It is here while it waits for work, and is invited; stopped, it does not answer.
        try federation.waitForCheckIn(0)
        federation.agents[0].send(SIGSTOP)
        try federation.startAgents(policy: policy)
        try federation.waitForServer { $0["message"]?.string == "round opened" }
        for (step, killed) in [("keys", 1), ("shares", 2), ("masked", 3)] {
            try federation.waitForMessages(10 - killed, step: step, round: 1)
            federation.agents[killed].send(SIGKILL)
            try federation.waitForStep(step, round: 1)
        }
        federation.agents[0].send(SIGKILL)
        let results = try federation.finish(agents: 4..<10)
        #expect(results.server.status == 0, "\(results.server.errors.suffix(2000))")
        #expect(results.agents.allSatisfy { $0.status == 0 })
        let rounds = try (1...2).map { try federation.round($0) }
        for round in rounds {
            #expect(round["state"]?.string == "published", "\(round["abandoned"]?.string ?? "")")
        }
        #expect(rounds.map { $0["survivors"]?.items?.count } == [7, 6])
        let verdict = try Sordino.run("ledger", "verify", federation.workspace.file("server/state"))
        #expect(verdict.status == 0, "\(verdict.output)\(verdict.errors)")
    }

    /// The deployed system and the simulator give the same model, bit for bit, from the same task, seed and
    /// participants. Noise is random: here there is so little of it that all of it is zero but once in 5,000 runs.
    @Test func theDeployedSumIsTheSimulatedOne() throws {
        let task = Self.task(
            rounds: 3, cohort: 4, minimum: 3, deadline: "20s", noise: "5e-7", holdout: "federated")
        let federation = try DeployedFederation(task: task, agents: 4)
        try federation.startServer()
        let policy = "minimal_cohort: 3, maximal_epsilon: 1e300, minimal_noise_multiplier: 0"
        try federation.startAgents(policy: policy)
        let results = try federation.finish(agents: 0..<4)
        #expect(results.server.status == 0, "\(results.server.errors.suffix(2000))")
        // Each owner has it written down: of a masked report what has left is the masked vector.
        let sent = try (0..<4).map {
            try federation.workspace.jsonLines("\(DeployedFederation.name($0))/state/sent.jsonl")
        }
        #expect(sent.allSatisfy { $0.map { $0["round"]?.integer } == [1, 2, 3] })
        #expect(Set(sent.flatMap { $0.compactMap { $0["sha256"]?.string } }).count == 12)
        let scenario = try federation.configuration(
            simulation: """
                simulation: {
                  data: { path: "../shard-*.csv", test_path: "../holdout.csv", group: "file",
                          \(DeployedFederation.schema) },
                  clients: 4, partition: { scheme: "column" }, seed: 3, baselines: [] }
                """)
        let out = federation.workspace.file("simulated")
        let simulated = try Sordino.run("simulate", scenario, "--secagg", "real", "--out", out, "--quiet")
        #expect(simulated.status == 0, "\(simulated.errors)")
        let deployed = try federation.workspace.data("server/state/models/000003.safetensors")
        let rehearsed = try federation.workspace.data("simulated/model.safetensors")
        #expect(Self.tensors(deployed) == Self.tensors(rehearsed))
        let simulatedRounds = try federation.workspace.jsonLines("simulated/rounds.jsonl")
        for (number, simulated) in zip(1...3, simulatedRounds) {
            // What clients said of the models, through the mechanism.
            let deployed = try federation.round(number)
            #expect(deployed["accuracy"]?.number != nil && deployed["loss"]?.number != nil)
            #expect(abs((deployed["examples_per_client"]?.number ?? 0) - 20) < 5)
            #expect(deployed["accuracy"] == simulated["accuracy"] && deployed["loss"] == simulated["loss"])
        }
        #expect(Self.tensors(deployed).count == 4 * (3 * 3 + 3))
    }

    /// A model's numbers, without the file's header.
    private static func tensors(_ file: Data) -> Data {
        let header = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        return Data(file.dropFirst(8 + header))
    }

    /// A server that is killed while members exchange keys and shares abandons that round, which is charged only
    /// if it was closed; its number is not used again and the run goes on.
    @Test func aKilledServerAbandonsTheMaskedRoundAndGoesOn() throws {
        let federation = try DeployedFederation(
            task: Self.task(rounds: 1, cohort: 4, minimum: 3, deadline: "6s"), agents: 4)
        let policy = "minimal_cohort: 3, maximal_epsilon: 60"
        try federation.startServer()
        try federation.startAgent(0, policy: policy)
        try federation.waitForCheckIn(0)
        federation.agents[0].send(SIGSTOP)
        try federation.startAgents(policy: policy)
        try federation.waitForServer { $0["message"]?.string == "round opened" }
        federation.server?.send(SIGKILL)
        _ = try federation.server?.wait()
        federation.agents[0].send(SIGCONT)
        try federation.startServer()
        let results = try federation.finish(agents: 0..<4)
        #expect(results.server.status == 0, "\(results.server.errors.suffix(2000))")
        #expect(try federation.round(1)["state"]?.string == "abandoned")
        let published = try federation.round(2)
        #expect(published["state"]?.string == "published" && published["survivors"]?.items?.count == 4)
    }
}
