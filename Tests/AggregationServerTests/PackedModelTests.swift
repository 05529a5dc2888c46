import Compute
import Configuration
import Cryptography
import Federation
import HTTPWire
import Messages
import Testing
import Transport

@testable import AggregationServer

/// Published models on a grid, as agents download them in few bits.
@Suite struct PackedModelTests {
    private static let task = [
        "task.compression={ download: { bits: 4 } }", "task.cohort_size=2", "task.rounds=4",
    ]

    private func get(_ path: String, _ agent: TestAgent) throws -> ClientResponse {
        try agent.client.exchange(ClientRequest(.get, path))
    }

    /// What unpacks is the file that is announced, to the byte, before and after a restart; the initial model comes whole only.
    @Test func packedModelsAreTheAnnouncedFiles() throws {
        let fixture = try ServerFixture(Self.task)
        let section = try Section(JSONValue(json5: "{bits: 4}".utf8, source: "t"), path: "download")
        let grid = try ModelGrid(section)
        for round in 1...3 {
            let agents = try [0, 1].map { try TestAgent($0, fixture) }
            for agent in agents { _ = try agent.checkIn() }
            let plans = try agents.map { try $0.plan() }
            let model = plans[0].model
            let answer = try get(AgentProtocol.paths.packedModel(round: model.round), agents[0])
            if round == 1 {
                #expect(model.round == 0 && answer.status == 404)
            } else {
                #expect(answer.status == 200 && answer.body.count < model.bytes)
                let file = answer.body.withUnsafeBytes {
                    PackedModel.unpack($0, on: grid, fileBytes: model.bytes)
                }
                #expect(try SHA256.text(of: #require(file)) == model.sha256)
                #expect(file == (try get(AgentProtocol.paths.model(round: model.round), agents[0]).body))
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

    @Test func otherTasksHaveNone() throws {
        let fixture = try ServerFixture(["task.cohort_size=2"])
        let agents = try [0, 1].map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let plans = try agents.map { try $0.plan() }
        #expect(
            try get(AgentProtocol.paths.packedModel(round: plans[0].model.round), agents[0]).status == 404)
    }
}
