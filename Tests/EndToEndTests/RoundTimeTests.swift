import Foundation
import Glibc
import Testing

/// What a served run tells by its time and by its end.
@Suite(.tags(.endToEnd)) struct RoundTimeTests {
    private static func task(_ keys: String) -> String {
        """
        { name: "time", model: { preset: "logistic", classes: 10 },
          training: { local_epochs: 1, batch_size: 10, learning_rate: 0.1 },
          rounds: 3, cohort_size: 2, min_reports: 1, report_deadline: "4s", \(keys) }
        """
    }

    /// With sampling claimed, rounds take the simulator's time, and the same time with an agent that never answers.
    @Test(arguments: [false, true]) func sampledRoundsTakeTheSimulatorsTime(oneIsFrozen: Bool) throws {
        let deployment = try Deployment(agents: 3)
        let task = Self.task(
            "privacy: { mode: 'central', clipping_norm: 1, noise_multiplier: 2, sampling: 'fixed-size' }")
        try deployment.startServer(task: task, "linger: '1s'")
        let agents = try (1...3).map { try deployment.startAgent($0) }
        if oneIsFrozen { agents[2].send(SIGSTOP) }
        let server = try #require(deployment.server).wait()
        #expect(server.status == 0, "\(server.errors)")
        agents[2].send(SIGCONT)
        for agent in agents { agent.send(SIGTERM) }
        let simulated = try deployment.workspace.jsonLines("\(deployment.simulate(task: task))/rounds.jsonl")
        var opened: Double?
        var reports = 0
        for (index, round) in simulated.enumerated() {
            let virtual = try #require(round["virtual_seconds"]?.number)
            #expect(virtual == 5 * Double(index + 1))
            let file = try JSON(
                text: deployment.workspace.text("state/rounds/00000\(index + 1).json"))
            let start = try #require(file["opened"]?.number)
            let shown = try #require(file["publication"]?.number)
            // A busy machine may be late, by whole seconds of this plan.
            for seconds in [shown - start - 5, start - (opened ?? start)] {
                #expect(seconds > -1e-4 && abs(seconds - seconds.rounded()) < 1e-3, "\(seconds)")
            }
            opened = shown
            if case .array(let survivors)? = file["survivors"] { reports += survivors.count }
        }
        #expect(reports > 0)
    }

    /// A run that ends without a model is no success.
    @Test func aRunWithoutAModelEndsWithThree() throws {
        let deployment = try Deployment(agents: 2)
        try deployment.startServer(task: Self.task("privacy: { mode: 'none' }"), "linger: '0s'")
        let admin = try #require(deployment.port(of: "admin"))
        try deployment.expectDone(
            "stop", "--server", "127.0.0.1:\(admin)", "--token-file",
            deployment.workspace.file("admin.token"), "--ca", deployment.workspace.file("server/ca.crt"))
        let server = try #require(deployment.server).wait()
        #expect(server.status == 3, "\(server.errors)")
        #expect(server.errors.contains("the run published nothing"))
    }
}
