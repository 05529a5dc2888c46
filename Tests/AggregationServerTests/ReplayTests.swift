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

/// What certified agents can do to a round by sending what is right at the wrong time: a round early, a round late or
/// twice, held back at any byte and let go on the other side of a round's border. Whatever they do, the survivors in
/// ledger and round file are the reports that were summed, and nobody's honest report is turned away.
@Suite struct ReplayTests {
    /// A mode in which the server sees reports one by one.
    enum Mode: String, CaseIterable { case none, central, local }

    private static let rounds = 4

    private func fixture(_ mode: Mode) throws -> ServerFixture {
        let privacy =
            mode == .none
            ? "{mode: 'none'}" : "{mode: '\(mode)', clipping_norm: 1, noise_multiplier: 0.001}"
        return try ServerFixture([
            "task.rounds=\(Self.rounds)", "task.min_reports=3", "task.privacy=\(privacy)",
            "server.limits.connections_per_agent=1000", "server.population=3",
        ])
    }

    /// A report of an agent in a round, known beforehand: within the clipping norm, and different for each.
    private func body(_ mode: Mode, _ client: Int, round: Int, _ plan: RoundOffer, _ task: TaskPlan) throws
        -> [UInt8]
    {
        let header = try #require(
            UpdateHeader(
                run: plan.run, round: round, weight: mode == .none ? 5 : 1, count: plan.report.count,
                bits: plan.report.bits))
        return header.encoded() + vector(client, round: round, plan, task).packed()
    }

    private func vector(_ client: Int, round: Int, _ plan: RoundOffer, _ task: TaskPlan) -> RingVector {
        // Each has a length of at most 0.9 of the bound, and no two differ by less than a tenth of it.
        let unit = 0.1 * plan.report.scale / Double(plan.report.count).squareRoot()
        let size = Int64(unit * Double(1 + (2 * client + round) % 9))
        let values = (0..<plan.report.count).map { ($0 + client) % 2 == 0 ? size : -size }
        var vector = RingVector(zeros: plan.report.count, bits: plan.report.bits)
        values.withUnsafeBufferPointer { vector.add(integers: $0) }
        return vector
    }

    private func put(_ body: [UInt8], round: Int) -> ClientRequest {
        ClientRequest(.put, AgentProtocol.paths.update(round: round), body: .bytes(body))
    }

    /// Ledger, round file and model say that the round has summed these agents' reports, once each.
    private func expectSummed(
        _ fixture: ServerFixture, _ mode: Mode, round: Int, _ plans: [RoundOffer],
        _ model: inout GlobalModel
    ) throws {
        #expect(try fixture.eventually { try fixture.state.run()?.round ?? 0 >= round })
        let task = try fixture.setup.plan
        let file = try #require(try fixture.state.round(round))
        let clients = plans.map(\.client).sorted()
        #expect(file.state == .published && file.survivors == clients)
        #expect(file.reports.keys.compactMap { Int($0) }.sorted() == clients)
        let settled = try #require(
            try String(contentsOfFile: fixture.state.ledger, encoding: .utf8).split(separator: "\n").last {
                $0.contains("\"kind\":\"settle\"") && $0.contains("\"round\":\(round),")
            })
        #expect(settled.contains("\"survivors\":\(clients.count)"))
        var sum = Aggregation(count: task.report.count, bits: task.codec.bits)
        for plan in plans {
            sum.add(vector(plan.client, round: round, plan, task), weight: mode == .none ? 5 : 1)
        }
        model.apply(noisySum: sum.sum, weight: sum.weight)
        let stored = try StoredModel(
            round, digest: "", in: fixture.state, layout: task.model.layout
        ).parameters()
        // Noise of a thousandth of the clipping norm, over a cohort of three: six deviations fail falsely with
        // probability 1e-7, and a report more or less is at least thirty of them.
        let tolerance: Float = mode == .central ? 6 * 0.001 / 3 : 1e-6
        for (value, expected) in zip(stored, model.parameters.values) {
            #expect(abs(value - expected) <= tolerance)
        }
        // What the server goes on from, noise included.
        model = try GlobalModel(
            parameters: ParameterVector(layout: task.model.layout, values: stored), plan: task)
    }

    @Test(arguments: Mode.allCases) func reportsReplayedAcrossRoundBordersSpoilNothing(mode: Mode) throws {
        let fixture = try fixture(mode)
        let task = try fixture.setup.plan
        var model = try GlobalModel(parameters: task.model.initialParameters(seed: 7), plan: task)
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { #expect(try agent.checkIn().status == 204) }
        var (early, late): ([(cut: Int, request: HeldRequest)], [HeldRequest]) = ([], [])
        var headBytes = 0
        for round in 1...Self.rounds {
            let plans = try agents.map { try $0.plan() }
            #expect(plans.allSatisfy { $0.round == round })
            let bodies = try plans.map { try body(mode, $0.client, round: round, $0, task) }
            // Last round's early requests go on now that their round is there: half before the honest reports, half after.
            func letGo(_ requests: some Sequence<(cut: Int, request: HeldRequest)>) throws {
                for (cut, request) in requests {
                    guard let answer = try request.finish() else { continue }
                    // Whose head came before its round was there is turned away; else it is the agent's report.
                    let isReport = answer.status == 202 || answer.status == 200
                    #expect(cut < headBytes ? isReport : answer.status == 409, "cut at \(cut): \(answer)")
                }
            }
            try letGo(early.enumerated().filter { $0.offset % 2 == 0 }.map(\.element))
            // The same bytes twice, the first time held back until the second was taken.
            var twice: [HeldRequest] = []
            let whole = try HeldRequest.bytes(agents[2].client, put(bodies[2], round: round)).count
            headBytes = whole - bodies[2].count
            for cut in stride(from: round - 1, through: whole - 1, by: Self.rounds) {
                twice.append(try HeldRequest(agents[2].client, put(bodies[2], round: round), first: cut))
            }
            // A round early, and a report of the round before once more.
            var nextEarly: [(cut: Int, request: HeldRequest)] = []
            let nextBody = try body(mode, plans[0].client, round: round + 1, plans[0], task)
            func holdBack() throws {
                for cut in stride(from: round - 1, through: whole - 1, by: Self.rounds) {
                    nextEarly.append(
                        (
                            cut,
                            try HeldRequest(agents[0].client, put(nextBody, round: round + 1), first: cut)
                        ))
                    guard round > 1 else { continue }
                    let old = try body(mode, plans[1].client, round: round - 1, plans[1], task)
                    late.append(
                        try HeldRequest(agents[1].client, put(old, round: round - 1), first: cut))
                }
            }
            try holdBack()
            for (agent, content) in zip(agents, bodies) {
                let answer = try agent.send(content, round: round)
                #expect(answer.status == 202 || answer.status == 200, "\(agent.index): \(answer.status)")
                // Once more when its report of this round is known.
                if agent.index == 1 { try holdBack() }
            }
            try letGo(early.enumerated().filter { $0.offset % 2 == 1 }.map(\.element))
            for request in twice { #expect(try request.finish()?.status == 200) }
            for request in late { #expect(try request.finish()?.status == 200) }
            (early, late) = (nextEarly, [])
            try expectSummed(fixture, mode, round: round, plans, &model)
        }
        #expect(try fixture.state.run()?.finished == FinishReason.allRounds.rawValue)
    }

    /// Giving up: a round early it is refused, a round late it changes nothing, twice it is one.
    @Test func failuresReplayedChangeNothing() throws {
        let fixture = try fixture(.none)
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        for round in 1...2 {
            let plans = try agents.map { try $0.plan() }
            let report = try FailureReport(run: plans[0].run, reason: .other, detail: "").encoded()
            func fail(_ round: Int, _ body: [UInt8] = report) throws -> Int {
                let request = ClientRequest(
                    .post, AgentProtocol.paths.failure(round: round), body: .bytes(body))
                let whole = try HeldRequest.bytes(agents[0].client, request).count
                var statuses: Set<Int> = []
                for cut in stride(from: 0, through: whole, by: 7) {
                    statuses.insert(
                        try HeldRequest(agents[0].client, request, first: cut).finish()?.status ?? 0)
                }
                #expect(statuses.count == 1)
                return statuses.first ?? 0
            }
            #expect(try fail(round + 1) == 409)
            if round > 1 { #expect(try fail(round - 1) == 409) }
            let other = FailureReport(
                run: String(repeating: "0", count: 32), reason: .other, detail: "")
            #expect(try fail(round, other.encoded()) == 409)
            for (agent, plan) in zip(agents, plans) {
                #expect(try agent.send(agent.body(plan), round: round).status == 202)
            }
            #expect(try fixture.eventually { try fixture.state.run()?.round == round })
            let file = try #require(try fixture.state.round(round))
            #expect(file.failures.isEmpty && file.survivors == [0, 1, 2])
        }
    }

    /// A report that was on its way when its agent was shut out does not count.
    @Test func whoIsShutOutMeanwhileDoesNotCount() throws {
        let fixture = try ServerFixture(["task.rounds=1"])
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let plans = try agents.map { try $0.plan() }
        let content = try agents[2].body(plans[2])
        let whole = try HeldRequest.bytes(agents[2].client, put(content, round: 1)).count
        let held = try HeldRequest(agents[2].client, put(content, round: 1), first: whole - 1)
        let order = "/api/agents/\(plans[2].client)/revoke"
        #expect(
            try fixture.admin(.post, order, token: ServerFixture.operatorToken).status == 200)
        #expect(try held.finish()?.status == 403)
        for index in 0..<2 {
            #expect(try agents[index].send(agents[index].body(plans[index]), round: 1).status == 202)
        }
        let failure = FailureReport(run: plans[2].run, reason: .other, detail: "")
        let gaveUp = try agents[2].client.exchange(
            ClientRequest(.post, AgentProtocol.paths.failure(round: 1), body: .bytes(failure.encoded())))
        #expect(gaveUp.status == 403)
        #expect(try fixture.keptReports(1) == plans[..<2].map(\.client).sorted())
    }

    /// Whatever is held back, and whichever byte is missing, a round ends its collection at its deadline and says so.
    @Test func deadlinesHoldWhateverIsHeldBack() throws {
        let fixture = try ServerFixture([
            "task.report_deadline='1500ms'", "task.rounds=2", "task.min_reports=2",
            "server.limits.connections_per_agent=1000", "server.population=3",
        ])
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        var held: [HeldRequest] = []
        for round in 1...2 {
            let plans = try agents.map { try $0.plan() }
            let content = try agents[2].body(plans[2])
            let whole = try HeldRequest.bytes(agents[2].client, put(content, round: round)).count
            for ahead in 0...1 {
                for cut in stride(from: whole - 40, to: whole, by: 1) {
                    held.append(
                        try HeldRequest(agents[2].client, put(content, round: round + ahead), first: cut))
                }
            }
            for index in 0..<2 {
                #expect(try agents[index].send(agents[index].body(plans[index]), round: round).status == 202)
            }
            #expect(try fixture.eventually { try fixture.state.run()?.round == round })
            #expect(try fixture.state.round(round)?.survivors == [0, 1])
            for request in held { #expect(try request.finish()?.status != 202) }
            held = []
        }
        let closed = try fixture.logged.lines().filter { $0["message"] as? String == "collection closed" }
        #expect(closed.map { $0["round"] as? Int } == [1, 2])
        for line in closed {
            let seconds = try #require(line["seconds"] as? Double)
            #expect(seconds >= 1.5 && seconds < 3.5)
        }
    }
}
