import Compute
import Cryptography
import Federation
import Foundation
import HTTPWire
import Messages
import Testing
import Transport

@testable import AggregationServer

/// What a strategy remembers, given to agents with the model that it goes with.
@Suite struct PublishedStateTests {
    private static let scaffold = [
        "task.strategy={ name: \"scaffold\" }", "task.cohort_size=2", "task.rounds=4",
    ]

    private func state(_ plan: RoundOffer, _ agent: TestAgent) throws -> OptimizerState {
        let stated = try #require(plan.state)
        let answer = try agent.client.exchange(
            ClientRequest(.get, AgentProtocol.paths.modelState(round: plan.model.round)))
        #expect(answer.status == 200 && answer.body.count == stated.bytes)
        #expect(try SHA256.text(of: answer.body) == stated.sha256)
        let file = try answer.body.withUnsafeBytes { try SafeTensors(decoding: $0) }
        return try #require(
            OptimizerState(
                file.tensors[0], metadata: file.metadata, names: ["control_variate"],
                count: plan.report.count / 2))
    }

    @Test func agentsAreGivenWhatTheStrategyRemembers() throws {
        let fixture = try ServerFixture(Self.scaffold)
        var expected: [Float] = []
        for round in 1...3 {
            let agents = try [0, 1].map { try TestAgent($0, fixture) }
            for agent in agents { _ = try agent.checkIn() }
            let plans = try agents.map { try $0.plan() }
            #expect(plans[0].round == round && plans[0].state == plans[1].state)
            let found = try state(plans[0], agents[0])
            if round > 1 {
                for (found, wanted) in zip(found.values, expected) { #expect(abs(found - wanted) < 1e-6) }
            }
            #expect(found.values.count == expected.count)
            if expected.isEmpty { expected = [Float](repeating: 0, count: plans[0].report.count / 2) }
            for index in expected.indices {
                // Two clients of four, and what they sent behind the change.
                let sent = plans.map { Float((index + expected.count + 1) * ($0.client + 2) * round) / 4096 }
                expected[index] += (sent[0] + sent[1]) / 4
            }
            for (agent, plan) in zip(agents, plans) {
                #expect(try agent.send(agent.body(plan, weight: 1), round: round).status == 202)
            }
            if round == 2 {
                #expect(try fixture.eventually { try fixture.state.run()?.round == 2 })
                fixture.stop()
                try fixture.start()
            }
        }
    }

    @Test func otherStrategiesGiveNone() throws {
        let fixture = try ServerFixture(["task.strategy={ name: \"feddyn\" }", "task.cohort_size=2"])
        let agents = try [0, 1].map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let plans = try agents.map { try $0.plan() }
        #expect(plans.allSatisfy { $0.state == nil })
        let path = AgentProtocol.paths.modelState(round: plans[0].model.round)
        #expect(try agents[0].client.exchange(ClientRequest(.get, path)).status == 404)
        let unweighted = try agents[0].send(agents[0].body(plans[0]), round: 1)
        #expect(unweighted.status == 422)
    }
}
