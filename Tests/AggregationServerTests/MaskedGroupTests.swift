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

/// Rounds that are masked in groups, over TLS: the server sees a sum a group, and a robust rule goes across them.
@Suite struct MaskedGroupTests {
    private static let steps: [ProtocolStep] = [.keys, .shares, .masked, .consistency, .unmask]

    private func fleet() throws -> MaskedFleet {
        try MaskedFleet(
            15, minimum: 9,
            changes: [
                "task.robust={ rule: \"median\" }",
                "task.secure_aggregation={ groups: 3, estimated_dropout_rate: 0.3, adversarial_client_rate: 0.1 }",
            ])
    }

    private func groups(_ fleet: MaskedFleet) throws -> [[Int]] {
        try GroupedRound(fleet.fixture.setup.plan).groups(of: Array(0..<15), seed: 7, round: 1)
    }

    private func client(_ member: MaskedFleet.Member) throws -> Int { try #require(member.plan).client }

    /// The model of the median over the sums of these groups, formed in the clear.
    private func plainModel(_ fleet: MaskedFleet, _ groups: [[Int]]) throws -> [UInt8] {
        let setup = try fleet.fixture.setup
        let task = setup.plan
        let sums = try groups.map { group in
            var sum = Aggregation(count: task.report.count, bits: task.codec.bits)
            for member in fleet.members where try group.contains(client(member)) {
                let plan = try #require(member.plan)
                sum.add(TestAgent.vector(plan.client, plan), weight: 1)
            }
            return sum.sum
        }
        let (vector, weight) = try GroupedRound(task).robustSum(
            ofGroups: sums, reports: 5 * sums.count, seed: 7, round: 1, threads: 1)
        var model = try GlobalModel(parameters: task.model.initialParameters(seed: 7), plan: task)
        model.apply(noisySum: vector, weight: weight, rotation: try task.rotation(seed: 7, round: 1))
        return setup.modelFile(model.parameters, round: 1)
    }

    @Test func theModelIsThatOfTheGroupsSums() throws {
        let fleet = try fleet()
        try fleet.assemble()
        for step in Self.steps { try fleet.play(step) }
        let file = try fleet.round(in: .published)
        #expect(file.survivors.count == 15)
        #expect(try fleet.fixture.state.readModel(1) == plainModel(fleet, groups(fleet)))
    }

    /// Nobody is left of one group, after one step or another: it is left out, and no other is.
    @Test(arguments: [ProtocolStep.keys, .shares, .consistency])
    func aGroupThatLeavesIsLeftOut(leavesAfter: ProtocolStep) throws {
        let fleet = try fleet()
        try fleet.assemble()
        let groups = try groups(fleet)
        var there = fleet.members
        for step in Self.steps {
            try fleet.play(step, there)
            guard step == leavesAfter else { continue }
            for member in there where try groups[1].contains(client(member)) {
                let plan = try #require(member.plan)
                let report = FailureReport(run: plan.run, reason: .other, detail: "leaves")
                let answer = try member.http.exchange(
                    ClientRequest(
                        .post, AgentProtocol.paths.failure(round: 1), body: .bytes(report.encoded())))
                #expect(answer.status == 204)
            }
            there = try there.filter { try !groups[1].contains(client($0)) }
        }
        _ = try fleet.round(in: .published)
        #expect(try fleet.fixture.state.readModel(1) == plainModel(fleet, [groups[0], groups[2]]))
    }
}
