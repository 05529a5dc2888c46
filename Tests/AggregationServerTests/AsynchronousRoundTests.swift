import Encoding
import Federation
import Foundation
import Learning
import Messages
import Testing
import Transport

@testable import AggregationServer

/// Asynchronous steps over the network: agents that nobody waits for, and reports that count once whenever the process ends.
@Suite struct AsynchronousRoundTests {
    private func fixture(
        _ section: String, rounds: Int = 3, outputs: Int = 2, more: [String] = []
    ) throws -> ServerFixture {
        try ServerFixture(
            [
                "task.rounds=\(rounds)", "task.cohort_size=null", "task.min_reports=null",
                "task.asynchronous=\(section)", "task.model={layers:[{dense:\(outputs)}]}",
            ] + more)
    }

    private final class Kept {
        let bytes: UnsafeMutableRawBufferPointer

        init(_ content: [UInt8]) {
            bytes = .allocate(byteCount: content.count, alignment: 8)
            bytes.copyBytes(from: content)
        }

        deinit { bytes.deallocate() }
    }

    /// The file of the model after these steps, each of plans and how stale their reports were.
    private func expected(
        _ fixture: ServerFixture, _ steps: [[(plan: RoundOffer, staleness: Int)]]
    ) throws -> [UInt8] {
        let task = try fixture.setup.plan
        var model = try GlobalModel(parameters: task.model.initialParameters(seed: 7), plan: task)
        for step in steps {
            let reports = step.map { plan, staleness in
                let kept = Kept(TestAgent.vector(plan.client, plan).packed())
                return BufferedReport(
                    IndividualReport(
                        UnsafeRawBufferPointer(kept.bytes), as: .integers(bits: 64), keptBy: kept),
                    weight: 5, staleness: staleness)
            }
            let sum = BufferedReport.sum(of: reports, under: task)
            model.apply(noisySum: sum.vector, weight: sum.weight)
        }
        return try fixture.setup.modelFile(model.parameters, round: steps.count)
    }

    private func restarted(_ fixture: ServerFixture) throws -> [TestAgent] {
        fixture.stop()
        try fixture.start()
        return try (0..<4).map { try TestAgent($0, fixture) }
    }

    /// Small reports and large ones; the server is ended after every message.
    @Test(arguments: [2, 3000], [false, true])
    func everyReportIsInOneStep(outputs: Int, restarts: Bool) throws {
        let fixture = try fixture("{buffer:2,concurrency:4}", outputs: outputs)
        var agents = try (0..<4).map { try TestAgent($0, fixture) }
        func next() throws { if restarts { agents = try restarted(fixture) } }
        var plans: [RoundOffer] = []
        for index in 0..<4 {
            plans.append(try agents[index].plan())
            try next()
        }
        #expect(plans.allSatisfy { $0.round == 1 && $0.model.round == 0 })
        func report(_ index: Int, _ plan: RoundOffer) throws {
            let body = try agents[index].body(plan)
            #expect(try agents[index].send(body, round: plan.round).status == 202)
            try next()
            #expect(try agents[index].send(body, round: plan.round).status == 200, "the same once more")
        }
        try report(0, plans[0])
        try report(1, plans[1])
        #expect(try fixture.eventually { try fixture.state.run()?.round == 1 })
        // Two are still at the first model, and one has the second.
        let second = try agents[0].plan()
        #expect(second.round == 2 && second.model.round == 1 && second.client == plans[0].client)
        try next()
        try report(2, plans[2])
        try report(0, second)
        #expect(try fixture.eventually { try fixture.state.run()?.round == 2 })
        let third = try agents[1].plan()
        #expect(third.round == 3 && third.model.round == 2)
        try report(1, third)
        try report(3, plans[3])
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        let steps = [
            [(plans[0], 0), (plans[1], 0)], [(plans[2], 1), (second, 0)], [(third, 0), (plans[3], 2)],
        ]
        #expect(try fixture.state.readModel(3) == expected(fixture, steps))
        #expect(try Spool(fixture.state).all().isEmpty, "single reports are gone")
    }

    @Test func whatIsTooStaleIsTurnedAway() throws {
        let fixture = try fixture("{buffer:1,concurrency:3,max_staleness:1}", rounds: 5)
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        let slow = try agents[2].plan()
        for round in 1...2 {
            let plan = try agents[round - 1].plan()
            #expect(plan.round == round)
            #expect(try agents[round - 1].send(agents[round - 1].body(plan), round: round).status == 202)
            #expect(try fixture.eventually { try fixture.state.run()?.round == round })
        }
        let answer = try agents[2].send(agents[2].body(slow), round: 1)
        #expect(answer.status == 409)
        #expect(try ErrorAnswer(decoding: answer.body).error == "too_stale")
        #expect(try agents[2].plan().round == 3, "its place is free again")
    }

    /// Participations are known over restarts, from the files of charged steps.
    @Test func participationsAreBoundedOverRestarts() throws {
        let fixture = try fixture("{buffer:1,concurrency:1,max_participations:1}", rounds: 3)
        var agents = try (0..<4).map { try TestAgent($0, fixture) }
        for round in 1...3 {
            let plan = try agents[round].plan()
            #expect(plan.round == round)
            #expect(try agents[round].send(agents[round].body(plan), round: round).status == 202)
            #expect(try fixture.eventually { try fixture.state.run()?.round == round })
            guard round < 3 else { break }
            #expect(try agents[round].checkIn().status == 204, "it has taken part")
            agents = try restarted(fixture)
            #expect(try agents[round].checkIn().status == 204, "and the next process knows")
        }
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
    }

    /// A damaged account of who trains is found out.
    @Test(arguments: ["\"version\":0": "\"version\":7", "\"round\":1,\"version\"": "\"round\":9,\"version\""])
    func damagedStepsAreRefused(_ whole: String, _ damaged: String) throws {
        let fixture = try fixture("{buffer:2,concurrency:4}")
        _ = try TestAgent(0, fixture).plan()
        fixture.stop()
        let path = try fixture.state.roundPath(1)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let compact = text.replacingOccurrences(of: " ", with: "").replacingOccurrences(of: "\n", with: "")
        #expect(compact.contains(whole), "\(compact)")
        try Data(compact.replacingOccurrences(of: whole, with: damaged).utf8).write(
            to: URL(fileURLWithPath: path))
        #expect(throws: (any Error).self) { try fixture.start() }
    }
}
