import Federation
import Foundation
import HTTPWire
import Messages
import Testing
import Transport

@testable import AggregationServer

/// Rounds whose model follows from the whole of the one before.
@Suite struct ForestRoundTests {
    @Test func theServerGrowsWhatTheSumsGive() throws {
        let fixture = try ServerFixture([
            "task.model={ preset: 'trees', trees: 2, depth: 1, outputs: 2, edges: [-1, 0, 1] }",
            "task.strategy={ name: 'trees', min_child_weight: 0 }", "task.training={ loss: 'mse' }",
        ])
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { #expect(try agent.checkIn().status == 204) }
        var rounds: [[RoundOffer]] = []
        for round in 1...2 {
            let plans = try agents.map { try $0.plan() }
            for (agent, plan) in zip(agents, plans) {
                #expect(try agent.send(agent.body(plan, weight: 1), round: round).status == 202)
            }
            rounds.append(plans)
        }
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        let model = try #require(try fixture.state.readModel(2))
        #expect(try model == RoundTests.expected(fixture, rounds: rounds, weight: 1))
        #expect(try model != RoundTests.expected(fixture, rounds: [rounds[0]], weight: 1))
    }
}
