import Foundation
import Glibc
import Testing

/// Secure aggregation between real processes, some of which are killed in the middle of its steps.
@Suite(.tags(.endToEnd)) struct MaskedFederationTests {
    private static func task(
        rounds: Int, cohort: Int, minimum: Int, deadline: String, noise: String = "1"
    ) -> String {
        """
        { name: "masked", model: { preset: "logistic", classes: 3 },
          training: { local_epochs: 1, batch_size: 5, learning_rate: 0.5 },
          rounds: \(rounds), cohort_size: \(cohort), min_reports: \(minimum), report_deadline: "\(deadline)",
          privacy: { mode: "distributed", clipping_norm: 1.0, noise_multiplier: \(noise), target_delta: 1e-5 },
          secure_aggregation: { estimated_dropout_rate: 0.35, adversarial_client_rate: 0.1 },
          evaluation: { every: 1, holdout: "server" } }
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
        try federation.waitForAgent(0, "agent started")
        // It is here while it waits for work, and is invited; stopped, it does not answer.
        usleep(500_000)
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

    /// A server that is killed while members exchange keys and shares abandons that round, which is charged only
    /// if it was closed; its number is not used again and the run goes on.
    @Test func aKilledServerAbandonsTheMaskedRoundAndGoesOn() throws {
        let federation = try DeployedFederation(
            task: Self.task(rounds: 1, cohort: 4, minimum: 3, deadline: "6s"), agents: 4)
        let policy = "minimal_cohort: 3, maximal_epsilon: 60"
        try federation.startServer()
        try federation.startAgent(0, policy: policy)
        try federation.waitForAgent(0, "agent started")
        usleep(500_000)
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
