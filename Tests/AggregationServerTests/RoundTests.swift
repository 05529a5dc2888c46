import Cryptography
import Encoding
import Federation
import Foundation
import HTTPWire
import Learning
import Messages
import Testing
import Transport

@testable import AggregationServer

@Suite struct RoundTests {
    /// The model that the reports of these rounds must give, computed beside the server.
    static func expected(_ fixture: ServerFixture, rounds: [[RoundOffer]], weight: Int = 5) throws -> [UInt8]
    {
        let setup = try fixture.setup
        let task = setup.plan
        var model = try GlobalModel(parameters: task.model.initialParameters(seed: 7), plan: task)
        for plans in rounds {
            var sum = Aggregation(count: task.report.count, bits: task.codec.bits)
            for plan in plans { sum.add(TestAgent.vector(plan.client, plan), weight: weight) }
            model.apply(noisySum: sum.sum, weight: sum.weight)
        }
        return setup.modelFile(model.parameters, round: rounds.last?.first?.round ?? 0)
    }

    @Test(arguments: UploadTests.memories) func playsRoundsOverTLSAndCountsEveryReportOnce(memory: Int) throws
    {
        let fixture = try ServerFixture(["server.limits.upload_memory=\(memory)"])
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { #expect(try agent.checkIn().status == 204) }
        var rounds: [[RoundOffer]] = []
        for round in 1...2 {
            let plans = try agents.map { try $0.plan() }
            #expect(plans.allSatisfy { $0.round == round && $0.model.round == round - 1 })
            #expect(Set(plans.map(\.client)) == [0, 1, 2])
            for (agent, plan) in zip(agents, plans) {
                let body = try agent.body(plan)
                #expect(try agent.send(body, round: round).status == 202)
                #expect(try agent.send(body, round: round).status == 200)
                #expect(try agent.send(agent.body(plan, weight: 6), round: round).status == 409)
            }
            rounds.append(plans)
        }
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        let run = try #require(try fixture.state.run())
        #expect(run.finished == FinishReason.allRounds.rawValue)
        #expect(run.published == 2 && run.charged == 2)
        let model = try #require(try fixture.state.readModel(2))
        #expect(try model == Self.expected(fixture, rounds: rounds))
        #expect(
            FileManager.default.contents(atPath: "\(fixture.folder)/state/models/latest.safetensors")
                == Data(model))
        #expect(try fixture.keptReports(2).isEmpty)
        let answer = try agents[0].checkIn()
        #expect(answer.status == 204)
        #expect(answer.head.headers[AgentProtocol.runStateHeader] == "finished")
        // A report sent again after the round is over is still known.
        #expect(try agents[0].send(agents[0].body(rounds[1][0]), round: 2).status == 200)
    }

    @Test func anAdministratorsCertificateIsNoAgents() throws {
        let fixture = try ServerFixture()
        let request = CheckInRequest(software: "test", waitSeconds: 0)
        let client = try fixture.client(named: "admin")
        let answer = try client.exchange(
            ClientRequest(.post, AgentProtocol.checkInPath, body: .bytes(request.encoded())))
        #expect(answer.status == 403)
        #expect(try ErrorAnswer(decoding: answer.body).error == "certificate")
        #expect(try TestAgent(0, fixture).checkIn().status == 204)
    }

    @Test func servesTheModelInParts() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client(0)
        let model = try #require(try fixture.state.readModel(0))
        let whole = try client.exchange(ClientRequest(.get, AgentProtocol.paths.model(round: 0)))
        let tag = try "\"\(SHA256.text(of: model))\""
        #expect(whole.status == 200 && whole.body == model && whole.head.headers["etag"] == tag)
        let part = try client.exchange(
            ClientRequest(
                .get, AgentProtocol.paths.model(round: 0), headers: ["Range": "bytes=10-", "If-Range": tag]))
        #expect(part.status == 206 && part.body == Array(model[10...]))
        let same = try client.exchange(
            ClientRequest(.get, AgentProtocol.paths.model(round: 0), headers: ["If-None-Match": tag]))
        #expect(same.status == 304)
        #expect(try client.exchange(ClientRequest(.get, AgentProtocol.paths.model(round: 1))).status == 404)
    }

    @Test(arguments: UploadTests.memories) func refusesHostileReportsAndPlaysOn(memory: Int) throws {
        let fixture = try ServerFixture(["task.rounds=1", "server.limits.upload_memory=\(memory)"])
        let agents = try (0..<4).map { try TestAgent($0, fixture) }
        for agent in agents[..<3] { #expect(try agent.checkIn().status == 204) }
        let plans = try agents[..<3].map { try $0.plan() }
        let good = try agents[0].body(plans[0])
        func status(_ body: [UInt8], round: Int = 1, agent: Int = 0) throws -> Int {
            // A refusal may close the connection while the body is still on its way.
            defer { agents[agent].client.disconnect() }
            return try agents[agent].send(body, round: round).status
        }
        #expect(try status([]) == 422)
        #expect(try status(Array(good.dropLast())) == 422)
        #expect(try status(good + [0]) == 413)
        for place in [0, 40, 48, 52] {
            var damaged = good
            damaged[place] ^= 1
            #expect(try status(damaged) == 422)
        }
        var other = good
        other[8] ^= 1
        #expect(try status(other) == 409)
        #expect(try status(agents[0].body(plans[0], weight: 0)) == 422)
        #expect(try status(good, round: 2) == 409)
        #expect(try status(good, agent: 3) == 409)
        let text = Array("{\"run\":\"\(plans[0].run)\",\"reason\":\"because\",\"detail\":\"\"}".utf8)
        let malformed = try agents[0].client.exchange(
            ClientRequest(.post, AgentProtocol.paths.failure(round: 1), body: .bytes(text)))
        #expect(malformed.status == 422)
        // Nothing of all that is kept; the round goes on with one agent giving up.
        #expect(try fixture.keptReports(1).isEmpty)
        let failure = FailureReport(run: plans[2].run, reason: .data, detail: "<b>no data</b>")
        let given = try agents[2].client.exchange(
            ClientRequest(.post, AgentProtocol.paths.failure(round: 1), body: .bytes(failure.encoded())))
        #expect(given.status == 204)
        #expect(try agents[2].send(agents[2].body(plans[2]), round: 1).status == 409)
        for index in 0..<2 {
            #expect(try agents[index].send(agents[index].body(plans[index]), round: 1).status == 202)
        }
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        #expect(try fixture.state.readModel(1) == Self.expected(fixture, rounds: [Array(plans[..<2])]))
        #expect(try fixture.state.round(1)?.failures == ["data": 1])
    }

    @Test func refusesStrangersAndOtherProtocols() throws {
        let fixture = try ServerFixture()
        #expect(throws: (any Error).self) {
            try fixture.client(nil).exchange(ClientRequest(.get, AgentProtocol.paths.model(round: 0)))
        }
        let agent = try TestAgent(0, fixture)
        var request = CheckInRequest(software: "test", waitSeconds: 0)
        request.protocolVersion = 2
        #expect(try agent.checkIn(request).status == 409)
        request = CheckInRequest(
            run: String(repeating: "0", count: 32), acceptsOtherRun: false, software: "test", waitSeconds: 0)
        #expect(try agent.checkIn(request).status == 409)
        let enrolment = try agent.client.exchange(
            ClientRequest(.post, AgentProtocol.enrolmentPath, body: .bytes(Array("{}".utf8))))
        #expect(enrolment.status == 404)
    }

    @Test func closesTooFewReportsAtTheDeadline() throws {
        let fixture = try ServerFixture(["task.report_deadline=300ms", "task.rounds=1"])
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let plan = try agents[0].plan()
        #expect(try agents[0].send(agents[0].body(plan), round: plan.round).status == 202)
        #expect(try fixture.eventually { try fixture.state.round(plan.round)?.state == .abandoned })
        #expect(try fixture.eventually { (try fixture.state.run()?.round ?? 0) >= plan.round })
        #expect(try fixture.state.run()?.published == 0)
    }

    @Test func refusesUnearnedAmplification() throws {
        let error = #expect(throws: (any Error).self) {
            _ = try ServerFixture([
                "task.privacy={mode:\"central\",clipping_norm:1,noise_multiplier:1,sampling:\"fixed-size\"}"
            ])
        }
        #expect("\(String(describing: error))".contains("roster"))
    }
}
