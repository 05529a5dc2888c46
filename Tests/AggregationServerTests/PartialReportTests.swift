import Cryptography
import Encoding
import Federation
import Foundation
import HTTPWire
import Learning
import Messages
import Operations
import SecureAggregation
import TestSupport
import Testing
import Transport

@testable import AggregationServer

/// Reports that come in parts: whatever breaks, lies or comes twice, a report is its own bytes, and counts once.
@Suite(.timeLimit(.minutes(10))) struct PartialReportTests {
    /// A server of one round, three agents with work, and what they report.
    private struct Round {
        let fixture: ServerFixture
        var agents: [TestAgent] = []
        var plans: [RoundOffer] = []
        var bodies: [[UInt8]] = []

        init(_ changes: [String] = []) throws {
            fixture = try ServerFixture(
                ["task.rounds=1", "task.model={ layers: [ { dense: 3000 } ] }"] + changes)
            agents = try (0..<3).map { try TestAgent($0, fixture) }
            for agent in agents { _ = try agent.checkIn() }
            plans = try agents.map { try $0.plan() }
            bodies = try zip(agents, plans).map { try $0.body($1) }
        }

        var run: String { plans[0].run }

        func digest(_ agent: Int) throws -> String { try SHA256.text(of: bodies[agent]) }

        /// How much the server has of an agent's report.
        func ask(_ agent: Int, sha256: String? = nil, bytes: Int? = nil, run: String? = nil) throws
            -> ClientResponse
        {
            try agents[agent].client.exchange(question(agent, sha256: sha256, bytes: bytes, run: run))
        }

        func question(_ agent: Int, sha256: String? = nil, bytes: Int? = nil, run: String? = nil) throws
            -> ClientRequest
        {
            ClientRequest(
                .get, AgentProtocol.paths.update(round: 1),
                query: [
                    ("run", run ?? self.run), ("sha256", try sha256 ?? digest(agent)),
                    ("bytes", String(bytes ?? bodies[agent].count)),
                ])
        }

        func received(_ agent: Int) throws -> Int {
            try ReceivedBytes(decoding: ask(agent).body).received
        }

        /// Sends bytes under a `Content-Range` that may say anything.
        func put(
            _ agent: Int, _ bytes: some Collection<UInt8>, range: String, sha256: String? = nil,
            run: String? = nil
        ) throws -> ClientResponse {
            defer { agents[agent].client.disconnect() }
            return try agents[agent].client.exchange(
                ClientRequest(
                    .put, AgentProtocol.paths.update(round: 1),
                    query: [("run", run ?? self.run), ("sha256", try sha256 ?? digest(agent))],
                    headers: ["Content-Range": range], body: .bytes(Array(bytes))))
        }

        /// What follows the first `count` bytes, said as it is.
        func rest(_ agent: Int, after count: Int) throws -> ClientResponse {
            let body = bodies[agent]
            return try put(
                agent, body[count...], range: "bytes \(count)-\(body.count - 1)/\(body.count)")
        }

        /// Begins a report over a line that breaks once `count` bytes have passed, and returns how much of it is there.
        func begin(_ agent: Int, breakingAfter count: Int) throws -> Int {
            let relay = try CuttingRelay(to: fixture.server?.port ?? 0, cuttingEvery: count, times: 1)
            defer { relay.stop() }
            let client = try fixture.client(agent, port: relay.port)
            let body = bodies[agent]
            #expect(throws: ClientError.self) {
                try client.exchange(
                    ClientRequest(
                        .put, AgentProtocol.paths.update(round: 1),
                        query: [("run", run), ("sha256", digest(agent))],
                        headers: ["Content-Range": "bytes 0-\(body.count - 1)/\(body.count)"],
                        body: .bytes(body)))
            }
            return try received(agent)
        }

        /// The other agents report, and the model is what all three reports give.
        func expectEnd(after agent: Int = 0) throws {
            for other in 0..<3 where other != agent {
                #expect(try agents[other].send(bodies[other], round: 1).status == 202)
            }
            #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
            let file = try #require(try fixture.state.round(1))
            #expect(file.state == .published && file.reports.count == 3)
            #expect(file.reports[String(plans[agent].client)] == (try digest(agent)))
            #expect(try fixture.state.readModel(1) == expectedModel())
            #expect(try parts().isEmpty)
        }

        func expectedModel() throws -> [UInt8] {
            let setup = try fixture.setup
            var model = try GlobalModel(
                parameters: setup.plan.model.initialParameters(seed: 7), plan: setup.plan)
            var sum = Aggregation(count: setup.plan.report.count, bits: setup.plan.codec.bits)
            for plan in plans { sum.add(TestAgent.vector(plan.client, plan), weight: 5) }
            model.apply(noisySum: sum.sum, weight: sum.weight)
            return setup.modelFile(model.parameters, round: 1)
        }

        /// Files of reports that are not whole or not taken.
        func parts() throws -> [String] {
            try Spool(fixture.state).names().filter { $0.hasPrefix("part-") || $0.hasPrefix("whole-") }
        }
    }

    @Test(arguments: [20_000, 50_000]) func aReportArrivesOverALineThatBreaksAgainAndAgain(span: Int) throws {
        let round = try Round()
        let relay = try CuttingRelay(to: round.fixture.server?.port ?? 0, cuttingEvery: span, times: 40)
        defer { relay.stop() }
        let client = try round.fixture.client(0, port: relay.port)
        client.configuration.retry = RetryPolicy(attempts: 3, base: 1, maximum: 2)
        let body = round.bodies[0]
        let upload = ResumableUpload(
            path: AgentProtocol.paths.update(round: 1),
            query: [("run", round.run), ("sha256", try round.digest(0))], body: body,
            question: try round.question(0), offsetField: AgentProtocol.uploadOffsetHeader
        ) { try? ReceivedBytes(decoding: $0).received }
        let answer = try client.upload(upload, asks: false)
        #expect(answer.status == 202)
        #expect(try UpdateReceipt(decoding: answer.body).sha256 == round.digest(0))
        // Less than two spans are lost: what went before the first question, and the ends of the others.
        #expect(relay.cuts >= body.count / span)
        client.disconnect()
        try round.expectEnd()
    }

    @Test func whatIsThereOutlivesTheServer() throws {
        var round = try Round()
        let count = try round.begin(0, breakingAfter: 60_000)
        #expect(count > 20_000 && count < 60_000)
        #expect(try round.parts().count == 1)
        round.fixture.stop()
        try round.fixture.start()
        round.agents = try (0..<3).map { try TestAgent($0, round.fixture) }
        #expect(try round.received(0) == count)
        #expect(try round.rest(0, after: count).status == 202)
        try round.expectEnd()
    }

    @Test func aPartIsNeverAnythingButWhatIsMissing() throws {
        let round = try Round()
        let count = try round.begin(0, breakingAfter: 60_000)
        let body = round.bodies[0]
        let (last, all) = (body.count - 1, body.count)
        let tail = body[count...]
        let refused: [(String, Int, [UInt8])] = [
            ("bytes \(count - 1)-\(last)/\(all)", 409, Array(body[(count - 1)...])),
            ("bytes 0-\(last)/\(all)", 409, body), ("bytes \(last)-\(last)/\(all)", 409, [body[last]]),
            ("bytes \(count)-\(last - 1)/\(all)", 422, Array(tail.dropLast())),
            ("bytes \(count)-\(last)/*", 422, Array(tail)),
            ("bytes \(count)-\(last)/\(all + 1)", 422, Array(tail)),
            ("bytes \(count)-\(last)/\(all)", 422, Array(tail.dropLast())),
            ("bytes \(last)-\(count)/\(all)", 422, Array(tail)),
            ("bytes -1-\(last)/\(all)", 422, Array(tail)),
            ("bytes \(count)-\(last)/\(all),0-1/2", 422, Array(tail)), ("bytes", 422, Array(tail)),
            ("items \(count)-\(last)/\(all)", 422, Array(tail)),
            ("bytes 999999999999999998-999999999999999998/999999999999999999", 413, [1]),
            ("bytes 9999999999999999999-9999999999999999999/99999999999999999999", 422, [1]),
            ("bytes 0-9/10", 422, Array(body[..<10])),
        ]
        for (range, status, bytes) in refused {
            let answer = try round.put(0, bytes, range: range)
            #expect(answer.status == status, "\(range): \(answer.reason)")
            if status == 409 {
                #expect(answer.head.headers[AgentProtocol.uploadOffsetHeader] == String(count))
            }
        }
        let range = "bytes \(count)-\(last)/\(all)"
        #expect(try round.put(0, tail, range: range, sha256: "").status == 422)
        #expect(try round.put(0, tail, range: range, sha256: round.digest(0).uppercased()).status == 422)
        let other = String(repeating: "0", count: 32)
        #expect(try round.put(0, tail, range: range, run: other).status == 409)
        #expect(try round.ask(0, run: other).status == 409)
        #expect(try round.ask(0, bytes: 1 << 40).status == 413)
        #expect(try round.ask(0, bytes: 3).status == 422)
        #expect(try round.ask(0, sha256: "..%2f").status == 422)
        #expect(try round.received(0) == count)
        #expect(try round.rest(0, after: count).status == 202)
        try round.expectEnd()
    }

    @Test func anotherReportsPartIsDropped() throws {
        let round = try Round()
        let count = try round.begin(0, breakingAfter: 60_000)
        #expect(count > 0)
        let other = String(repeating: "ab", count: 32)
        #expect(try ReceivedBytes(decoding: round.ask(0, sha256: other).body).received == 0)
        #expect(try round.parts().isEmpty)
        #expect(try round.received(0) == 0)
        #expect(try round.rest(0, after: 0).status == 202)
        try round.expectEnd()
    }

    @Test func bytesThatAreNotTheReportAreDropped() throws {
        let round = try Round()
        let count = try round.begin(0, breakingAfter: 60_000)
        let body = round.bodies[0]
        let zeros = [UInt8](repeating: 0, count: body.count - count)
        let answer = try round.put(
            0, zeros, range: "bytes \(count)-\(body.count - 1)/\(body.count)")
        #expect(answer.status == 422)
        #expect(try ErrorAnswer(decoding: answer.body).error == "digest")
        #expect(answer.head.headers[AgentProtocol.uploadOffsetHeader] == "0")
        #expect(try round.received(0) == 0 && round.parts().isEmpty)
        // The same of bytes that have the digest and are no report.
        let digest = try SHA256.text(of: zeros)
        let none = try round.put(0, zeros, range: "bytes 0-\(zeros.count - 1)/\(zeros.count)", sha256: digest)
        #expect(none.status == 422)
        #expect(try round.parts().isEmpty)
        #expect(try round.agents[0].send(body, round: 1).status == 202)
        try round.expectEnd()
    }

    @Test func aReportInPartsCountsOnceWhateverIsReplayed() throws {
        let round = try Round()
        let body = round.bodies[0]
        #expect(try round.rest(0, after: 0).status == 202)
        #expect(try round.received(0) == body.count - 1)
        for count in [body.count - 1, 0, 17] {
            let again = try round.rest(0, after: count)
            #expect(again.status == 200)
            #expect(try UpdateReceipt(decoding: again.body).sha256 == round.digest(0))
        }
        #expect(try round.agents[0].send(body, round: 1).status == 200)
        let other = String(repeating: "ab", count: 32)
        #expect(try round.ask(0, sha256: other).status == 409)
        #expect(
            try round.put(0, body, range: "bytes 0-\(body.count - 1)/\(body.count)", sha256: other).status
                == 409)
        try round.expectEnd()
        #expect(try round.ask(0).status == 200, "the receipt may still be asked for")
    }

    @Test func strangersAndEndedRoundsKeepNothing() throws {
        let round = try Round(["task.report_deadline=\"3s\""])
        #expect(try round.begin(0, breakingAfter: 60_000) > 0)
        let stranger = try TestAgent(3, round.fixture)
        #expect(try stranger.client.exchange(round.question(0)).status == 409)
        #expect(throws: ClientError.self) {
            try round.fixture.client(nil).exchange(round.question(0))
        }
        // Two suffice at the deadline: the round ends without the first, and its part goes.
        for other in 1..<3 {
            #expect(try round.agents[other].send(round.bodies[other], round: 1).status == 202)
        }
        #expect(try round.fixture.eventually { try round.parts().isEmpty })
        #expect(try round.fixture.eventually { try round.fixture.state.run()?.finished != nil })
        #expect(try round.fixture.state.round(1)?.survivors.count == 2)
        #expect(try round.ask(0).status == 409)
        #expect(try round.rest(0, after: 0).status == 409)
        #expect(try round.parts().isEmpty)
    }

    @Test func onlyTheNewestOfTwoRequestsAddsToAPart() throws {
        let round = try Round()
        let spool = Spool(try round.fixture.state)
        let shelf = try PartShelf(spool)
        defer { shelf.close() }
        let key = RoundKey(run: round.run, round: 1)
        let part = try PartName(key, agent: "agent-0", sha256: round.digest(0), bytes: 10)
        func begun(at offset: Int) throws -> PartShelf.Lease {
            guard case .begun(let lease) = shelf.begin(part, at: offset) else {
                throw MessageError("not begun at \(offset)")
            }
            return lease
        }
        func isAdded(_ bytes: [UInt8], _ lease: PartShelf.Lease) -> Bool {
            guard case .added = bytes.withUnsafeBytes({ lease.append($0) }) else { return false }
            return true
        }
        let first = try begun(at: 0)
        #expect(isAdded([1, 2, 3], first))
        guard case .elsewhere(3) = shelf.begin(part, at: 0) else {
            Issue.record("the part was begun anew under another request")
            return
        }
        #expect(!isAdded([9], first), "a question of the same agent ends what was there before")
        let second = try begun(at: 3)
        let third = try begun(at: 3)
        #expect(!isAdded([9], second) && isAdded([4, 5], third))
        shelf.give(back: second, removing: true)
        #expect(isAdded([6, 7, 8, 9, 10], third))
        // Whole, but nobody was told: all but the last byte is promised.
        shelf.give(back: third)
        let fourth = try begun(at: 9)
        #expect(isAdded([10], fourth))
        #expect(FileManager.default.contents(atPath: spool.path(of: part)) == Data(1...10))
        shelf.give(back: fourth, removing: true)
        #expect(try round.parts().isEmpty)
    }

    @Test func aStartTakesUpWhatIsWholeAndRemovesWhatIsOver() throws {
        let round = try Round()
        let spool = Spool(try round.fixture.state)
        round.fixture.stop()
        let body = round.bodies[0]
        func name(_ round: Int, _ run: String, _ agent: String, _ digest: String) throws -> PartName {
            try PartName(RoundKey(run: run, round: round), agent: agent, sha256: digest, bytes: body.count)
        }
        let mine = try name(1, round.run, "agent-0", round.digest(0))
        let later = try name(2, round.run, "agent-1", round.digest(1))
        let foreign = try name(1, String(repeating: "0", count: 32), "agent-2", round.digest(2))
        try AtomicFile.write(body, to: "\(spool.path)/whole-1f-\(mine.file)", mode: 0o600)
        for other in [later, foreign] { try AtomicFile.write(body, to: spool.path(of: other)) }
        for other in ["part-", "part-x-1", "whole-", "whole-1-part-x", "part-\(round.run)-1-2-3-4"] {
            try AtomicFile.write(body, to: "\(spool.path)/\(other)")
        }
        try round.fixture.start()
        #expect(try round.fixture.eventually { try round.parts() == [mine.file] })
        var again = round
        again.agents = try (0..<3).map { try TestAgent($0, round.fixture) }
        #expect(try again.received(0) == body.count - 1)
        #expect(try again.rest(0, after: body.count - 1).status == 202)
        try again.expectEnd()
    }

    /// In an asynchronous task a report may be on its way over several steps.
    @Test func aPartOutlivesTheStepsThatItsAgentTrainsIn() throws {
        let fixture = try ServerFixture([
            "task.rounds=2", "task.cohort_size=null", "task.min_reports=null",
            "task.asynchronous={buffer:2,concurrency:4}", "task.model={layers:[{dense:3000}]}",
        ])
        var agents = try (0..<3).map { try TestAgent($0, fixture) }
        let plans = try agents.map { try $0.plan() }
        let body = try agents[0].body(plans[0])
        let digest = try SHA256.text(of: body)
        let spool = Spool(try fixture.state)
        func part(_ agent: String, round: Int) throws -> PartName {
            try PartName(
                RoundKey(run: plans[0].run, round: round), agent: agent, sha256: digest, bytes: body.count)
        }
        let (mine, foreign) = (try part("agent-0", round: 1), try part("agent-3", round: 9))
        for name in [mine, foreign] {
            try AtomicFile.write(Array(body[..<1000]), to: spool.path(of: name), mode: 0o600)
        }
        for index in 1...2 {
            #expect(try agents[index].send(agents[index].body(plans[index]), round: 1).status == 202)
        }
        #expect(try fixture.eventually { try fixture.state.run()?.round ?? 0 >= 1 })
        #expect(try fixture.eventually { try spool.parts() == [mine] })
        fixture.stop()
        try fixture.start()
        agents = try (0..<3).map { try TestAgent($0, fixture) }
        let query = [("run", plans[0].run), ("sha256", digest)]
        let path = AgentProtocol.paths.update(round: 1)
        let answer = try agents[0].client.exchange(
            ClientRequest(.get, path, query: query + [("bytes", String(body.count))]))
        #expect(try ReceivedBytes(decoding: answer.body).received == 1000)
        for (count, status) in [(1000, 202), (body.count - 1, 200)] {
            let rest = try agents[0].client.exchange(
                ClientRequest(
                    .put, path, query: query,
                    headers: ["Content-Range": "bytes \(count)-\(body.count - 1)/\(body.count)"],
                    body: .bytes(Array(body[count...]))))
            #expect(rest.status == status, "\(rest.reason)")
        }
        #expect(try spool.parts().isEmpty)
        #expect(try spool.all().map(\.client) == [plans[0].client])
    }

    @Test func whoLostTheAnswerIsToldToWaitForIt() throws {
        let recent = RecentlyWhole()
        let key = RoundKey(run: String(repeating: "5e", count: 16), round: 1)
        let parts = try ["a", "b"].map { try PartName(key, agent: $0, sha256: $0, bytes: 9) }
        let now = ContinuousClock.now
        recent.note(parts[0], at: now)
        #expect(recent.has(parts[0], at: now + .seconds(19)) && !recent.has(parts[1], at: now))
        #expect(!recent.has(parts[0], at: now + .seconds(20)))
        recent.note(parts[1], at: now + .seconds(25))
        #expect(!recent.has(parts[0], at: now), "what is over is forgotten")
        recent.forget(parts[1])
        #expect(!recent.has(parts[1], at: now + .seconds(25)))
        // At a server: of bytes that were no report the next question is answered, of a masked report that is whole it is
        // not.
        let fleet = try MaskedFleet(4, minimum: 3, deadline: "60s")
        try fleet.assemble()
        for step in [ProtocolStep.keys, .shares] { try fleet.play(step) }
        let member = fleet.members[0]
        let body = try fleet.message(member, .masked)
        let run = try #require(member.plan).run
        func ask(_ digest: String) throws -> Int {
            try member.http.exchange(
                ClientRequest(
                    .get, AgentProtocol.paths.update(round: 1),
                    query: [("run", run), ("sha256", digest), ("bytes", String(body.count))])
            ).status
        }
        for (digest, sent, next) in [
            (String(repeating: "ab", count: 32), 422, 200), (try SHA256.text(of: body), 202, 503),
        ] {
            let answer = try member.http.exchange(
                ClientRequest(
                    .put, AgentProtocol.paths.secureAggregation(round: 1, step: "masked"),
                    query: [("run", run), ("sha256", digest)],
                    headers: ["Content-Range": "bytes 0-\(body.count - 1)/\(body.count)"],
                    body: .bytes(body)))
            #expect(answer.status == sent)
            #expect(try ask(digest) == next)
        }
    }

    @Test func namesOfPartsAreReadAsTheyAreWritten() throws {
        let key = RoundKey(run: String(repeating: "5e", count: 16), round: 12)
        let digest = String(repeating: "ab", count: 32)
        let part = try PartName(key, agent: "../../å/agent", sha256: digest, bytes: 7)
        #expect(PartName(file: part.file) == part)
        #expect(part.file.utf8.count < 200 && !part.file.contains("/"))
        for (old, new) in [
            ("-12-", "-012-"), ("-12-", "-+12-"), ("-7", "-0"), ("-7", "-07"), ("-7", ""), ("ab", "AB"),
            ("5e", "5f5f"), ("part", "Part"), ("-7", "-7-7"), ("-12-", "--"),
        ] {
            let text = part.file.replacingOccurrences(of: old, with: new)
            #expect(PartName(file: text) == nil, "\(text)")
        }
    }

    @Test func maskedReportsComeInPartsToo() throws {
        let fleet = try MaskedFleet(4, minimum: 3, deadline: "60s")
        try fleet.assemble()
        for step in [ProtocolStep.keys, .shares] { try fleet.play(step) }
        let spool = Spool(try fleet.fixture.state)
        for (place, member) in fleet.members.enumerated() {
            let body = try fleet.message(member, .masked)
            let plan = try #require(member.plan)
            let query = [("run", plan.run), ("sha256", try SHA256.text(of: body))]
            func received() throws -> Int {
                let answer = try member.http.exchange(
                    ClientRequest(
                        .get, AgentProtocol.paths.update(round: 1),
                        query: query + [("bytes", String(body.count))]))
                return try ReceivedBytes(decoding: answer.body).received
            }
            func rest(after count: Int) throws -> ClientResponse {
                try member.http.exchange(
                    ClientRequest(
                        .put, AgentProtocol.paths.secureAggregation(round: 1, step: "masked"), query: query,
                        headers: ["Content-Range": "bytes \(count)-\(body.count - 1)/\(body.count)"],
                        body: .bytes(Array(body[count...]))))
            }
            #expect(try received() == 0)
            if place == 0 {
                // What an earlier request left.
                let part = try PartName(
                    RoundKey(run: plan.run, round: 1), agent: member.name, sha256: query[1].1,
                    bytes: body.count)
                try AtomicFile.write(Array(body[..<60]), to: spool.path(of: part), mode: 0o600)
                #expect(try received() == 60)
                #expect(try rest(after: 0).status == 409)
                member.http.disconnect()
            }
            #expect(try rest(after: received()).status == 202)
            #expect(try rest(after: 0).status == 200, "the same again")
        }
        #expect(try spool.names().allSatisfy { !$0.contains("part-") })
        for step in [ProtocolStep.consistency, .unmask] { try fleet.play(step) }
        #expect(try fleet.round(in: .published).survivors.count == 4)
    }
}
