import Foundation
import Testing

/// A site's people at the command line, while its agent works: they see, decide, and leave.
@Suite("A site's commands", .tags(.endToEnd)) struct OwnerCommandTests {
    private static let task = """
        { name: "asked", model: { preset: "logistic", classes: 3 },
          training: { local_epochs: 1, batch_size: 5, learning_rate: 0.5 },
          rounds: 2, cohort_size: 2, min_reports: 2, report_deadline: "30s",
          privacy: { mode: "local", clipping_norm: 1.0, noise_multiplier: 2, target_delta: 1e-5,
                     mechanism: "discrete_gaussian" },
          secure_aggregation: { enabled: false }, evaluation: { holdout: "server" } }
        """

    private func agent(_ words: String...) throws -> JSON {
        let run = try Sordino.startAgent(words + ["--format", "json"]).wait()
        #expect(run.status == 0, "\(words): \(run.errors)")
        return try JSON(text: run.output)
    }

    @Test func seesApprovesAndLeaves() throws {
        let federation = try DeployedFederation(task: Self.task, agents: 2)
        try federation.startServer()
        let policy = "minimal_cohort: 1, maximal_epsilon: 100, modes: ['local'], approval: 'manual'"
        try federation.startAgents(policy: policy)
        let files = (0..<2).map { federation.workspace.file("\(DeployedFederation.name($0))/agent.json5") }
        let asked = try #require(try agent("tasks", files[0])["tasks"]?.items?.first)
        #expect(asked["name"]?.string == "asked" && asked["approval"]?.string == "undecided")
        let digest = try #require(asked["task_sha256"]?.string)
        let cost = try #require(asked["after_all_rounds"]?["epsilon_server"]?.number)
        #expect(cost > 0)
        // One site decides by digits that were read out, the other takes what a reviewer of it signed.
        #expect(try agent("approve", files[0], String(digest.prefix(12)))["digest"]?.string == digest)
        let (key, verdict) = (federation.workspace.file("x.key"), federation.workspace.file("verdict.json"))
        let reviewer = try #require(try agent("reviewer-key", key)["key"]?.string)
        _ = try agent("approve", files[1], "asked", "--sign", key, "--out", verdict)
        let stranger = try Sordino.startAgent(["approve", files[1], "--signed", verdict]).wait()
        #expect(stranger.status == 4)
        _ = try agent(
            "approve", files[1], "--signed", verdict, "--set",
            "policy.approvals_from=[{name:'x',key:'\(reviewer)'}]")
        // The agent at work does not name the reviewer: for it nobody has decided.
        #expect(try agent("status", files[1])["verdicts"]?.items?.isEmpty == true)
        _ = try agent("approve", files[1], digest)
        let results = try federation.finish(agents: 0..<2)
        #expect(results.server.status == 0, "\(results.server.errors.suffix(2000))")
        #expect(results.agents.allSatisfy { $0.status == 0 })
        let status = try agent("status", files[0])
        #expect(status["running"]?.bool == false && status["sent"]?.items?.count == 2)
        #expect(status["total"]?["epsilon_server"]?.number == cost)
        // The server is gone: only without a word.
        let unsaid = try Sordino.startAgent(["leave", files[0]]).wait()
        #expect(unsaid.status == 5)
        let removed = try #require(try agent("leave", files[0], "--offline")["removed"]?.items)
        #expect(removed.contains { $0.string?.hasSuffix("agent.key") == true })
        #expect(try agent("status", files[0])["left"]?.bool == true)
        let again = try Sordino.startAgent(["run", files[0]]).wait()
        #expect(again.status == 4, "\(again.errors)")
    }
}
