import Encoding
import Federation
import Foundation
import HTTPWire
import Messages
import Operations
import SecureAggregation
import TestSupport
import Testing
import Transport

@testable import AggregationServer

/// A run whose rounds are abandoned one after the other waits, says why, and goes on by itself once it can.
@Suite struct StallTests {
    private static var pauses: StallPauses {
        var pauses = StallPauses()
        // An hour of pauses of up to five minutes, a thousand times as fast.
        (pauses.first, pauses.longest) = (0.005, 0.3)
        return pauses
    }

    /// The status as administrators see it.
    private func status(_ fixture: ServerFixture) throws -> [String: Any] {
        let answer = try fixture.admin(.get, "/api/status", token: ServerFixture.viewerToken)
        return try #require(try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
    }

    private func gauge(_ fixture: ServerFixture) throws -> Double? {
        let answer = try fixture.admin(.get, "/metrics", token: ServerFixture.viewerToken)
        return try PrometheusText(String(decoding: answer.body, as: UTF8.self))
            .families["sordino_run_stalled"]?.samples.first?.value
    }

    /// One turn of a site: what it was assigned, it gives up, or reports once its file is mended.
    private func turn(_ agent: TestAgent, isMended: Bool) throws -> ClientResponse {
        let answer = try agent.checkIn(CheckInRequest(software: "test", waitSeconds: 1))
        guard answer.status == 200 else { return answer }
        let plan = try RoundOffer(decoding: answer.body)
        if isMended {
            _ = try agent.send(agent.body(plan), round: plan.round)
        } else {
            let report = FailureReport(run: plan.run, reason: .data, detail: "two columns of 64")
            _ = try agent.client.exchange(
                ClientRequest(
                    .post, AgentProtocol.paths.failure(round: plan.round), body: .bytes(report.encoded())))
        }
        return answer
    }

    @Test func twoSitesWithWrongFilesForAnHourAreMended() throws {
        let fixture = try ServerFixture(
            ["task.cohort_size=2", "task.rounds=3", "task.abandon_limit=3", "server.population=2"],
            stallPauses: Self.pauses)
        let agents = try (0..<2).map { try TestAgent($0, fixture) }
        for agent in agents { #expect(try agent.checkIn().status == 204) }
        let began = ContinuousClock.now
        var words: Set<String> = []
        while ContinuousClock.now - began < .seconds(3.6) {
            for agent in agents {
                let answer = try turn(agent, isMended: false)
                if let word = answer.head.headers[AgentProtocol.runStateHeader] { words.insert(word) }
            }
        }
        let run = try #require(try fixture.state.run())
        #expect(run.finished == nil && run.published == 0)
        // Three attempts, then pauses of 5, 10, 20 … 300 ms: far fewer than without.
        #expect(run.round >= 10 && run.round < 30, "\(run.round) attempts")
        var seen = try status(fixture)
        #expect(seen["state"] as? String == "stalled")
        let trouble = try #require(seen["trouble"] as? String)
        // Another attempt may have been made since.
        let counted = try #require(trouble.split(separator: " ").first.flatMap { Int($0) })
        #expect((run.round...run.round + 2).contains(counted) && trouble.contains("\(2 * counted) x data"))
        #expect(seen["stalled_since"] is Double && seen["next_attempt"] is Double)
        let ready = try fixture.admin(.get, "/readyz")
        #expect(ready.status == 503)
        #expect(String(decoding: ready.body, as: UTF8.self).hasPrefix("stalled: "))
        #expect(try fixture.admin(.get, "/healthz").status == 200)
        #expect(try gauge(fixture) == 1)
        #expect(words.isSubset(of: ["active", "stalled"]) && words.contains("stalled"))
        // Also after a restart.
        fixture.stop()
        try fixture.start()
        seen = try status(fixture)
        #expect(seen["state"] as? String == "stalled")
        let again = try (0..<2).map { try TestAgent($0, fixture) }
        for _ in 0..<40 where try fixture.state.run()?.finished == nil {
            for agent in again { _ = try turn(agent, isMended: true) }
        }
        #expect(try fixture.state.run()?.finished == FinishReason.allRounds.rawValue)
        #expect(try fixture.state.run()?.published == 3)
        #expect(try gauge(fixture) == 0)
        #expect(try fixture.admin(.get, "/readyz").status == 200)
        let lines = try fixture.logged.lines().compactMap { $0["message"] as? String }
        #expect(lines.contains("the run is stalled; it tries again after growing pauses"))
        #expect(lines.contains("the run goes on"))
    }

    @Test func anOperatorHasItTriedAtOnce() throws {
        var pauses = StallPauses()
        pauses.first = 3600
        pauses.longest = 3600
        let fixture = try ServerFixture(
            ["task.cohort_size=2", "task.abandon_limit=1", "server.population=2"], stallPauses: pauses)
        let agents = try (0..<2).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        for agent in agents { #expect(try turn(agent, isMended: false).status == 200) }
        #expect(try fixture.eventually { try status(fixture)["state"] as? String == "stalled" })
        for agent in agents { #expect(try turn(agent, isMended: true).status == 204) }
        #expect(try fixture.state.run()?.round == 1)
        let order = try fixture.admin(.post, "/api/resume", token: ServerFixture.operatorToken)
        #expect(order.status == 200)
        for agent in agents { #expect(try turn(agent, isMended: true).status == 200) }
        #expect(try fixture.eventually { try fixture.state.run()?.published == 1 })
        #expect(try status(fixture)["state"] as? String == "active")
        let ledger = try String(contentsOfFile: fixture.state.ledger, encoding: .utf8)
        #expect(ledger.contains("\"resume\""))
    }

    /// A run that an earlier version ended for want of reports is taken up again.
    @Test func whatAnEarlierVersionEndedGoesOn() throws {
        let fixture = try ServerFixture(["task.rounds=1"])
        fixture.stop()
        var run = try #require(try fixture.state.run())
        run.finished = FinishReason.abandonedTooOften.rawValue
        try fixture.state.write(run)
        try fixture.start()
        #expect(try fixture.state.run()?.finished == nil)
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        for agent in agents { #expect(try turn(agent, isMended: true).status == 200) }
        #expect(try fixture.eventually { try fixture.state.run()?.published == 1 })
    }

    /// How a run ended is told to whoever started the process.
    @Test func aRunThatPublishedNothingDoesNotEndWell() throws {
        let fixture = try ServerFixture(["task.abandon_limit=9"])
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        for agent in agents { #expect(try turn(agent, isMended: false).status == 200) }
        #expect(try fixture.eventually { try fixture.state.run()?.round == 1 })
        #expect(
            try fixture.admin(.post, "/api/stop", token: ServerFixture.operatorToken).status == 200)
        // What has opened meanwhile is given up too.
        for agent in agents where try fixture.state.run()?.finished == nil {
            _ = try turn(agent, isMended: false)
        }
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        func said() throws -> [String: Any]? {
            try fixture.logged.lines().first { $0["message"] as? String == "the run published nothing" }
        }
        #expect(try fixture.eventually { try said() != nil })
        let line = try #require(try said())
        #expect((line["why"] as? String)?.contains("x data") == true)
        #expect(try status(fixture)["trouble"] as? String == line["why"] as? String)
        #expect(fixture.end() == .nothingPublished(isBudget: false))
    }

    /// A published model that is far off is warned about in its round, in private modes too; others are not.
    @Test(arguments: [1.0, 1e6], [false, true]) func divergenceIsWarnedAbout(size: Double, isPrivate: Bool)
        throws
    {
        let data = try TemporaryFolders.make("sordino-holdout") + "/rows.csv"
        try AtomicFile.write("1,0,0,0\n0,1,0,1\n0,0,1,1\n1,1,0,0\n", to: data)
        let privacy =
            "{mode:'local',clipping_norm:\(size * 10),noise_multiplier:1,target_delta:1e-5}"
        let fixture = try ServerFixture(
            [
                "task.rounds=1", "server.input_shape=null", "server.preprocessing=null",
                "task.evaluation={holdout:'server'}",
                "server.data={path:\"\(data)\",format:'csv',header:false,label:3}",
                "task.training.loss='softmax_cross_entropy'",
            ] + (isPrivate ? ["task.privacy=\(privacy)"] : []))
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        for agent in agents {
            let plan = try agent.plan()
            // All agree on what is wrong for half of the rows.
            let unit = Int64(plan.report.scale * size)
            let values = (0..<plan.report.count).map { $0 % 2 == 0 ? unit : -unit }
            var vector = RingVector(zeros: plan.report.count, bits: plan.report.bits)
            values.withUnsafeBufferPointer { vector.add(integers: $0) }
            let header = try #require(
                UpdateHeader(
                    run: plan.run, round: 1, weight: 1, count: plan.report.count, bits: plan.report.bits))
            #expect(try agent.send(header.encoded() + vector.packed(), round: 1).status == 202)
        }
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        let trouble = try status(fixture)["trouble"] as? String
        let isFarOff = size > 1
        #expect(trouble?.contains("training has diverged") == (isFarOff ? true : nil))
        let warned = try fixture.logged.lines().contains {
            $0["level"] as? String == "warning"
                && ($0["message"] as? String)?.contains("training has diverged") == true
        }
        #expect(warned == isFarOff)
        #expect(fixture.end() == .finished)
    }

    /// The limit is the server's own: agents, also those that do not know the key, see the same task, and a run goes on
    /// with another limit.
    @Test func theLimitIsNoPartOfWhatAgentsAgreeTo() throws {
        let plain = try ServerFixture().setup
        let limited = try ServerFixture(["task.abandon_limit=3"]).setup
        #expect(plain.taskText == limited.taskText && plain.taskDigest == limited.taskDigest)
        #expect(plain.plan.rules.abandonLimit == 10 && limited.plan.rules.abandonLimit == 3)
        for wrong in ["0", "-1", "1.5", "'3'"] {
            #expect(throws: (any Error).self) { try ServerFixture(["task.abandon_limit=\(wrong)"]) }
        }
    }

    @Test func pausesDoubleUpToTheLongest() {
        var pauses = StallPauses()
        pauses.jitter = 0
        #expect((0..<5).map(pauses.seconds) == [1, 2, 4, 8, 16])
        #expect(pauses.seconds(before: 8) == 256 && pauses.seconds(before: 9) == 300)
        #expect(pauses.seconds(before: .max) == 300)
        pauses.jitter = 0.1
        for number in 0..<100 {
            let seconds = pauses.seconds(before: number % 12)
            let whole = min(300, Double(1 << (number % 12)))
            #expect(seconds <= whole && seconds >= 0.9 * whole)
        }
    }

    @Test func abandonedRoundsAreSummedUp() {
        func file(_ number: Int, _ state: RoundFile.State, _ failures: [String: Int] = [:]) -> RoundFile {
            RoundFile(
                run: "", round: number, state: state, opened: 0, deadline: 0, invited: [],
                failures: failures,
                abandoned: state == .abandoned ? "0 reports, 2 required" : nil)
        }
        #expect(AbandonedRounds(since: []).text == nil)
        #expect(AbandonedRounds(since: [file(1, .abandoned), file(2, .published)]).text == nil)
        let failing = (2...13).map { file($0, .abandoned, ["training": 2]) }
        #expect(
            AbandonedRounds(since: [file(1, .published)] + failing).text
                == "12 rounds abandoned in a row: 12 x 0 reports, 2 required; agents gave up: 24 x training "
                + "(lower task.training.learning_rate)")
        #expect(AbandonedRounds(since: [file(1, .abandoned)]).text?.contains("no agent said why") == true)
    }
}
