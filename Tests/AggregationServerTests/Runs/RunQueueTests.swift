import Configuration
import Cryptography
import Encoding
import Foundation
import HTTPWire
import Messages
import Notation
import Operations
import TestSupport
import Testing
import Transport

@testable import AggregationServer

/// Tasks that are submitted to a server while it serves.
@Suite(.timeLimit(.minutes(2))) struct RunQueueTests {
    /// Three agents serve whatever comes until the run is over. Returns the runs that gave them work.
    private func serve(_ fixture: ServiceFixture, until letter: Character, old: Bool = false) throws
        -> [String]
    {
        let clients = try (0..<3).map { try fixture.client("agent-\($0)") }
        var served: [String] = []
        var last: [[String: Int]] = [[:], [:], [:]]
        _ = try TestSupport.eventually(within: 20, every: 10) {
            for (index, client) in clients.enumerated() {
                let request = CheckInRequest(
                    software: "test", waitSeconds: 0, served: old ? nil : last[index])
                let answer = try client.exchange(
                    ClientRequest(.post, AgentProtocol.checkInPath, body: .bytes(request.encoded())))
                guard answer.status == 200 else { continue }
                let plan = try RoundOffer(decoding: answer.body)
                #expect(plan.hasRunPaths == true)
                let paths = old ? AgentProtocol.paths : AgentProtocol.paths(of: plan.run)
                let model = try client.exchange(
                    ClientRequest(.get, paths.model(round: plan.model.round)), limit: 1 << 20)
                #expect(model.status == 200)
                let header = try #require(
                    UpdateHeader(
                        run: plan.run, round: plan.round, weight: 5, count: plan.report.count,
                        bits: plan.report.bits))
                let body = header.encoded() + TestAgent.vector(plan.client, plan).packed()
                let receipt = try client.exchange(
                    ClientRequest(.put, paths.update(round: plan.round), body: .bytes(body)))
                #expect(receipt.status == 202)
                last[index][plan.run] = plan.round
                served.append(plan.run)
            }
            return try fixture.state(letter) != "active" && fixture.state(letter) != "queued"
        }
        return served
    }

    @Test(arguments: [false, true])
    func runsWaitTakeTurnsEndAndStayReadable(old: Bool) throws {
        let fixture = try ServiceFixture()
        #expect(try fixture.submit("a", "first").status == 201)
        #expect(try fixture.reaches("a", "active"))
        #expect(try fixture.submit("b", "second").status == 201)
        #expect(try fixture.submit("c", "third", ["run.priority=5"]).status == 201)
        #expect(try fixture.state("b") == "queued")
        let served = try serve(fixture, until: "b", old: old)
        // The more urgent one goes before the older one, and each round is served once.
        let order = ["a", "c", "b"].map { ServiceFixture.identity($0) }
        #expect(served.count == 9)
        #expect(order.flatMap { run in served.filter { $0 == run } } == served)
        for letter: Character in ["a", "b", "c"] {
            #expect(try fixture.reaches(letter, "finished"))
            let path = "/api/runs/\(ServiceFixture.identity(letter))"
            for part in ["", "/rounds", "/models", "/ledger", "/status", "/models/1"] {
                #expect(try fixture.admin(.get, path + part, as: "vera").status == 200, "\(part)")
            }
        }
        // What is over has no room for an agent any more.
        let late = try fixture.client("agent-0").exchange(
            ClientRequest(.get, AgentProtocol.paths(of: ServiceFixture.identity("a")).model(round: 1)))
        #expect(late.status == 404)
    }

    @Test func theSameSubmissionIsNoSecondRunAndAnotherIsRefused() throws {
        let fixture = try ServiceFixture()
        #expect(try fixture.submit("a", "first").status == 201)
        #expect(try fixture.submit("a", "first").status == 200)
        #expect(try fixture.submit("a", "first", ["task.rounds=2"]).status == 409)
        #expect(try fixture.admin(.get, "/api/runs", as: "otto").body.count > 0)
        fixture.stop()
        try fixture.start()
        #expect(try fixture.submit("a", "first").status == 200)
        for identity in ["x", "A", "../a", "aa", String(repeating: "a", count: 33)] {
            let answer = try fixture.admin(
                .post, "/api/runs/\(identity)", as: "otto", body: ServiceFixture.submission("x"))
            #expect([400, 404].contains(answer.status), "\(identity)")
        }
    }

    @Test(
        arguments: [
            (["task.rounds=0"], 422), (["task.unknown=1"], 422), (["run.unknown=1"], 422),
            (["task.name=''"], 422),
            (["run.data=passwd"], 422), (["task.schema='/etc/passwd'"], 422),
            (["task.model.from.file='/etc/passwd'"], 422),
            (["run.from.file='../../x'"], 422), (["run.from.run=x"], 422),
            (["run.from.run=\(ServiceFixture.identity("e"))"], 422), (["task.rounds=11"], 403),
            (
                ["task.privacy={ mode: 'local', clipping_norm: 1, noise_multiplier: 1, target_delta: 1e-5 }"],
                403
            ),
            (
                [
                    "task.privacy={ mode: 'central', clipping_norm: 1, noise_multiplier: 0.1, target_delta: 1e-5 }"
                ], 403
            ),
            (["task.min_reports=1"], 403), (["task.model={ layers: [ { dense: 2000 } ] }"], 403),
        ] as [([String], Int)])
    func whatMayNotRunIsRefusedInWords(changes: [String], status: Int) throws {
        let fixture = try ServiceFixture(
            runs:
                "maximum_rounds: 10, minimum_noise_multiplier: 0.5, maximum_parameters: 1000, minimum_cohort: 2"
        )
        let answer = try fixture.submit("a", "first", changes)
        #expect(answer.status == status)
        #expect((try? ErrorAnswer(decoding: answer.body))?.detail.isEmpty == false)
        #expect(try fixture.state("a") == "404")
        #expect(
            !FileManager.default.fileExists(
                atPath: "\(fixture.folder)/state/runs/\(ServiceFixture.identity("a"))/submission.json"))
    }

    @Test func whoMayNotDoesNothing() throws {
        let fixture = try ServiceFixture()
        #expect(try fixture.submit("a", "first", as: "vera").status == 403)
        #expect(try fixture.submit("a", "first").status == 201)
        #expect(try fixture.reaches("a", "active"))
        for order in ["cancel", "pause", "stop", "archive"] {
            let path = "/api/runs/\(ServiceFixture.identity("a"))/\(order)"
            #expect(try fixture.admin(.post, path, as: "vera").status == 403, "\(order)")
        }
        #expect(try fixture.state("a") == "active")
    }

    @Test func aRunIsCancelledBeforeItBeginsAndAtWork() throws {
        let fixture = try ServiceFixture()
        for letter: Character in ["a", "b"] { #expect(try fixture.submit(letter, "task").status == 201) }
        #expect(try fixture.reaches("a", "active"))
        let path = { (run: Character, part: String) in "/api/runs/\(ServiceFixture.identity(run))/\(part)" }
        #expect(try fixture.admin(.post, path("b", "archive"), as: "otto").status == 409)
        #expect(try fixture.admin(.post, path("b", "cancel"), as: "otto").status == 200)
        #expect(try fixture.state("b") == "cancelled")
        #expect(try fixture.admin(.post, path("a", "cancel"), as: "otto").status == 200)
        #expect(try fixture.reaches("a", "cancelled"))
        #expect(try fixture.admin(.post, path("a", "cancel"), as: "otto").status == 409)
        #expect(try fixture.admin(.post, path("a", "archive"), as: "otto").status == 200)
        let list = String(decoding: try fixture.admin(.get, "/api/runs", as: "otto").body, as: UTF8.self)
        #expect(!list.contains(ServiceFixture.identity("a")) && list.contains(ServiceFixture.identity("b")))
        let all = String(decoding: try fixture.admin(.get, "/api/runs?all=1", as: "otto").body, as: UTF8.self)
        #expect(all.contains(ServiceFixture.identity("a")))
    }

    @Test func whatWasAtWorkGoesOnAfterAStart() throws {
        let fixture = try ServiceFixture()
        #expect(try fixture.submit("a", "first", ["task.rounds=2"]).status == 201)
        #expect(try fixture.submit("b", "second").status == 201)
        #expect(try fixture.reaches("a", "active"))
        fixture.stop()
        try fixture.start()
        #expect(try fixture.state("a") == "active")
        #expect(try fixture.state("b") == "queued")
        let served = try serve(fixture, until: "b")
        #expect(served.count == 9)
    }

    @Test func aRunStartsFromAModelOfAnother() throws {
        let fixture = try ServiceFixture()
        #expect(try fixture.submit("a", "first").status == 201)
        _ = try serve(fixture, until: "a")
        let from = ["run.from.run=\(ServiceFixture.identity("a"))"]
        #expect(try fixture.submit("b", "second", from).status == 201)
        #expect(try fixture.reaches("b", "active"))
        let path = { (run: Character, part: String) in "/api/runs/\(ServiceFixture.identity(run))/\(part)" }
        func tensors(_ run: Character, _ round: Int) throws -> [SafeTensors.Tensor] {
            let answer = try fixture.admin(.get, path(run, "models/\(round)"), as: "otto")
            return try answer.body.withUnsafeBytes { try SafeTensors(decoding: $0).tensors }
        }
        #expect(try tensors("b", 0) == tensors("a", 1))
    }

    @Test func agentsAreToldWhatRunsAndWillRun() throws {
        let fixture = try ServiceFixture()
        for letter: Character in ["a", "b"] {
            #expect(try fixture.submit(letter, "task \(letter)").status == 201)
        }
        #expect(try fixture.reaches("a", "active"))
        let answer = try fixture.client("agent-0").exchange(ClientRequest(.get, AgentProtocol.tasksPath))
        let list = try TaskList(decoding: answer.body)
        #expect(list.tasks.map(\.name) == ["task a", "task b"])
        #expect(list.tasks.map(\.submittedBy) == ["otto", "otto"])
        let key = try Signature.PublicKey(bytes: #require(Hexadecimal.bytes(of: list.key)))
        for task in list.tasks {
            let signature = try #require(Hexadecimal.bytes(of: task.signature))
            #expect(key.isValid(signature, for: task.statement))
            var forged = task
            forged.taskSHA256 = String(task.taskSHA256.reversed())
            #expect(!key.isValid(signature, for: forged.statement))
        }
        let offer = try fixture.client("agent-0").exchange(
            ClientRequest(.get, AgentProtocol.paths(of: ServiceFixture.identity("a")).task), limit: 1 << 20)
        #expect(try TaskOffer(decoding: offer.body).taskSHA256 == list.tasks[0].taskSHA256)
    }

    @Test func anAgentThatDeclinesARunIsNotAskedToServeIt() throws {
        let fixture = try ServiceFixture()
        #expect(try fixture.submit("a", "first", ["task.cohort_size=1", "task.min_reports=1"]).status == 201)
        #expect(try fixture.reaches("a", "active"))
        let client = try fixture.client("agent-0")
        let declining = CheckInRequest(
            software: "test", waitSeconds: 1, declines: [ServiceFixture.identity("a")])
        for _ in 0..<3 {
            let answer = try client.exchange(
                ClientRequest(.post, AgentProtocol.checkInPath, body: .bytes(declining.encoded())))
            #expect(answer.status == 204)
        }
        let willing = CheckInRequest(software: "test", waitSeconds: 10)
        let answer = try client.exchange(
            ClientRequest(.post, AgentProtocol.checkInPath, body: .bytes(willing.encoded())))
        #expect(answer.status == 200)
    }

    @Test func anAgentThatLeavesIsOutOfAllRunsForGood() throws {
        let fixture = try ServiceFixture()
        #expect(try fixture.submit("a", "first").status == 201)
        #expect(try fixture.reaches("a", "active"))
        let client = try fixture.client("agent-0")
        func checkIn() throws -> Int {
            let request = CheckInRequest(software: "test", waitSeconds: 0)
            return try client.exchange(
                ClientRequest(.post, AgentProtocol.checkInPath, body: .bytes(request.encoded()))
            ).status
        }
        #expect(try checkIn() == 204)
        #expect(try client.exchange(ClientRequest(.post, "/v1/leave", body: .bytes([]))).status == 204)
        #expect(try TestSupport.eventually(within: 5, every: 10) { try checkIn() == 403 })
        fixture.stop()
        try fixture.start()
        let again = try fixture.client("agent-0").exchange(ClientRequest(.get, AgentProtocol.tasksPath))
        #expect(again.status == 403)
    }

    /// What a crash, a careless hand or a newer program may have left of a run's record.
    enum Damage: CaseIterable, Sendable {
        case emptied, cut, newer, renamed, gone, keyGone, shutOutDamaged
    }

    @Test(arguments: Damage.allCases)
    func damagedRecordsAreToldInOneLine(damage: Damage) throws {
        let fixture = try ServiceFixture()
        #expect(try fixture.submit("a", "first").status == 201)
        #expect(try fixture.reaches("a", "active"))
        fixture.stop()
        let state = "\(fixture.folder)/state"
        let folder = "\(state)/runs/\(ServiceFixture.identity("a"))"
        let record = "\(folder)/submission.json"
        let text = try String(contentsOfFile: record, encoding: .utf8)
        switch damage {
        case .emptied: try AtomicFile.write([], to: record)
        case .cut: try AtomicFile.write(String(text.prefix(text.count / 2)), to: record)
        case .newer:
            try AtomicFile.write(text.replacing("\"version\" : 1", with: "\"version\" : 99"), to: record)
        case .renamed:
            try FileManager.default.moveItem(
                atPath: folder, toPath: "\(state)/runs/\(ServiceFixture.identity("d"))")
        case .gone: try FileManager.default.removeItem(atPath: record)
        case .keyGone: try FileManager.default.removeItem(atPath: "\(state)/signing.key")
        case .shutOutDamaged: try AtomicFile.write("{]\n", to: "\(state)/shut-out.jsonl")
        }
        let failure = #expect(throws: Failure.self) { try fixture.start() }
        #expect(failure?.exitCode == .storage)
        #expect(failure?.message.contains(state) == true && failure?.message.contains("\n") == false)
    }

    @Test func anUnfinishedSubmissionWasNeverAccepted() throws {
        let fixture = try ServiceFixture()
        fixture.stop()
        let folder = "\(fixture.folder)/state/runs/\(ServiceFixture.identity("f"))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try AtomicFile.write("half", to: "\(folder)/.submission.json.tmp")
        try fixture.start()
        #expect(try fixture.state("f") == "404")
        #expect(try fixture.submit("f", "first").status == 201)
    }
}
