import Compute
import Configuration
import Encoding
import Federation
import Foundation
import HTTPWire
import Learning
import Messages
import SecureAggregation
import Testing
import Transport

@testable import AggregationServer

/// The same of masked rounds: every message of every step a round early, a round late and twice, held back at any byte.
@Suite struct MaskedReplayTests {
    private static let steps: [ProtocolStep] = [.keys, .shares, .masked, .consistency, .unmask]

    /// The request of a member's message of a step, for a round that it may not belong to.
    private func put(_ step: ProtocolStep, _ body: [UInt8], _ run: String, round: Int) -> ClientRequest {
        ClientRequest(
            .put, AgentProtocol.paths.secureAggregation(round: round, step: step.rawValue),
            query: [("run", run)], body: .bytes(body))
    }

    @Test func messagesReplayedAcrossRoundBordersSpoilNothing() throws {
        let rounds = 3
        let fleet = try MaskedFleet(
            4, minimum: 4, deadline: "60s", rounds: rounds,
            changes: [
                "server.limits.connections_per_agent=1000", "task.privacy.clipping_norm=1",
                "task.secure_aggregation={ estimated_dropout_rate: 0, adversarial_client_rate: 0.1 }",
            ])
        let setup = try fleet.fixture.setup
        let task = setup.plan
        var model = try GlobalModel(parameters: task.model.initialParameters(seed: 7), plan: task)
        var early: [HeldRequest] = []
        var last: [ProtocolStep: [[UInt8]]] = [:]
        var generator = SeededGenerator(seed: 5, purpose: .test)
        for round in 1...rounds {
            for member in fleet.members { member.plan = nil }
            try fleet.assemble()
            let run = try #require(fleet.members[0].plan).run
            #expect(fleet.members.allSatisfy { $0.plan?.round == round })
            var nextEarly: [HeldRequest] = []
            for step in Self.steps {
                let members = fleet.members
                var (late, twice): ([HeldRequest], [HeldRequest]) = ([], [])
                var messages: [[UInt8]] = []
                for (place, member) in members.enumerated() {
                    guard
                        let message = step == .unmask
                            ? try? fleet.message(member, step) : try fleet.message(member, step)
                    else { continue }
                    messages.append(message)
                    // A request whose head has not left is none yet; sealed bytes that come in a round's own time
                    // cannot be told from others.
                    func held(_ body: [UInt8], round: Int, afterHead: Bool = false) throws -> HeldRequest {
                        let request = put(step, body, run, round: round)
                        let whole = try HeldRequest.bytes(member.http, request).count
                        let cut = generator.index(below: afterHead ? body.count : whole)
                        return try HeldRequest(
                            member.http, request, first: cut + (afterHead ? whole - body.count : 0))
                    }
                    for _ in 0..<12 {
                        nextEarly.append(try held(message, round: round + 1, afterHead: true))
                        if step != .unmask { twice.append(try held(message, round: round)) }
                        if let old = last[step], old.indices.contains(place) {
                            late.append(try held(old[place], round: round - 1))
                        }
                    }
                    // Those of the round before, now that theirs is here and in just this step.
                    for _ in 0..<min(6, early.count) {
                        let answer = try early.remove(at: generator.index(below: early.count)).finish()
                        #expect(answer?.status != 202 && answer?.status != 200)
                    }
                    let answer = try fleet.put(member, step.rawValue, message)
                    #expect(
                        answer.status == 202 || (step == .unmask && answer.status == 409),
                        "\(member.name) \(step): \(answer.status)")
                }
                last[step] = messages
                for request in twice { #expect(try request.finish()?.status == 200) }
                for request in late { #expect(try request.finish()?.status == 200 || step == .unmask) }
            }
            for request in early {
                let status = try request.finish()?.status
                #expect(status != 202 && status != 200)
            }
            early = nextEarly
            #expect(try fleet.fixture.eventually { try fleet.fixture.state.run()?.round == round })
            let file = try #require(try fleet.fixture.state.round(round))
            let clients = fleet.members.compactMap { $0.plan?.client }.sorted()
            #expect(file.state == .published && file.survivors == clients && file.reports.count == 4)
            var sum = Aggregation(count: task.report.count, bits: task.codec.bits)
            for member in fleet.members {
                let plan = try #require(member.plan)
                sum.add(TestAgent.vector(plan.client, plan), weight: 1)
            }
            model.apply(
                noisySum: sum.sum, weight: 4, rotation: try task.rotation(seed: 7, round: round))
            #expect(
                try fleet.fixture.state.readModel(round) == setup.modelFile(model.parameters, round: round))
        }
        let ledger = try String(contentsOfFile: fleet.fixture.state.ledger, encoding: .utf8)
        #expect(ledger.components(separatedBy: "\"survivors\":4").count == rounds + 1)
    }
}
