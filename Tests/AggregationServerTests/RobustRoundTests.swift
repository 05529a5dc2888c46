import Encoding
import Federation
import Foundation
import Learning
import Messages
import Testing
import Transport

@testable import AggregationServer

/// Rounds whose single reports a robust rule combines: from what is kept on disk, whenever the process ends.
@Suite struct RobustRoundTests {
    /// Reports of so many outputs are small enough for the journal, or have files of their own.
    private func fixture(outputs: Int, _ robust: String, rounds: Int = 1) throws -> ServerFixture {
        try ServerFixture([
            "task.rounds=\(rounds)", "task.min_reports=3", "task.robust=\(robust)",
            "task.model={layers:[{dense:\(outputs)}]}",
        ])
    }

    /// Bytes that a report keeps.
    private final class Kept {
        let bytes: UnsafeMutableRawBufferPointer

        init(_ content: [UInt8]) {
            bytes = .allocate(byteCount: content.count, alignment: 8)
            bytes.copyBytes(from: content)
        }

        deinit { bytes.deallocate() }
    }

    /// The model's file after one round of these agents.
    private func expected(_ fixture: ServerFixture, _ plans: [RoundOffer]) throws -> [UInt8] {
        let task = try fixture.setup.plan
        let reports = plans.sorted { $0.client < $1.client }.map { plan in
            let kept = Kept(TestAgent.vector(plan.client, plan).packed())
            return IndividualReport(
                UnsafeRawBufferPointer(kept.bytes), as: .integers(bits: 64), keptBy: kept)
        }
        var model = try GlobalModel(parameters: task.model.initialParameters(seed: 7), plan: task)
        let sum = try task.robustSum(of: reports, seed: 7, round: 1, threads: 3)
        model.apply(noisySum: sum.vector, weight: sum.weight)
        return try fixture.setup.modelFile(model.parameters, round: 1)
    }

    @Test(arguments: [2, 3000], ["{rule:\"median\"}", "{rule:\"mean\",bucketing:2}"])
    func singleReportsSurviveRestarts(outputs: Int, robust: String) throws {
        let fixture = try fixture(outputs: outputs, robust)
        var agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let plans = try agents.map { try $0.plan() }
        for index in 0..<3 {
            #expect(
                try agents[index].send(agents[index].body(plans[index], weight: 1), round: 1).status == 202)
            guard index < 2 else { break }
            fixture.stop()
            try fixture.start()
            agents = try (0..<3).map { try TestAgent($0, fixture) }
        }
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        #expect(try fixture.state.readModel(1) == expected(fixture, plans))
        #expect(try fixture.keptReports(1) == [])
    }

    /// The median is not moved by a report that is far off; the mean would be.
    @Test func aReportFarOffDoesNotCount() throws {
        let fixture = try fixture(outputs: 2, "{rule:\"median\"}")
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let plans = try agents.map { try $0.plan() }
        for (agent, plan) in zip(agents, plans) {
            var body = try agent.body(plan, weight: 1)
            if plan.client == 2 {
                for place in stride(from: UpdateHeader.byteCount + 7, to: body.count, by: 8) {
                    body[place] = 0x10
                }
            }
            #expect(try agent.send(body, round: 1).status == 202)
        }
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        // The middle one is client 1's either way.
        #expect(try fixture.state.readModel(1) == expected(fixture, plans))
    }

    @Test func aWeightIsNotTaken() throws {
        let fixture = try fixture(outputs: 2, "{rule:\"median\"}")
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let plan = try agents[0].plan()
        #expect(try agents[0].send(agents[0].body(plan, weight: 5), round: 1).status == 422)
    }
}
