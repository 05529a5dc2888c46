import Configuration
import Cryptography
import Encoding
import Foundation
import Glibc
import HTTPWire
import Messages
import Notation
import Operations
import Synchronization
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
        _ = try TestSupport.eventually(within: 60, every: 10) {
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
                        run: plan.run, round: plan.round, weight: plan.privacy == nil ? 5 : 1,
                        count: plan.report.count, bits: plan.report.bits))
                // What is clipped may not be long: then the report is of no change.
                let body =
                    plan.privacy == nil
                    ? header.encoded() + TestAgent.vector(plan.client, plan).packed()
                    : try StateDamageTests.silence(plan)
                let receipt = try client.exchange(
                    ClientRequest(.put, paths.update(round: plan.round), body: .bytes(body)))
                #expect(receipt.status == 202)
                last[index][plan.run] = plan.round
                served.append(plan.run)
            }
            // One answer: it may begin between two.
            return try !["active", "queued"].contains(fixture.state(letter))
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
            (["run.continues=\(ServiceFixture.identity("e"))"], 422),
            (["run.input_shape=[2147483647,2147483647,2147483647]"], 422),
            (["run.input_shape=[1,1,1,1,1,1,1,1,1]"], 422),
            (
                [
                    "task.privacy={ mode: 'central', clipping_norm: 1, noise_multiplier: 1, target_delta: 0.5 }"
                ], 403
            ),
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

    @Test func aResearcherSeesAndChangesItsOwnRunsOnly() throws {
        let fixture = try ServiceFixture()
        #expect(try fixture.submit("a", "first", as: "rosa").status == 201)
        #expect(try fixture.reaches("a", "active"))
        let path = { (run: Character, part: String) in "/api/runs/\(ServiceFixture.identity(run))\(part)" }
        #expect(try fixture.admin(.get, path("a", ""), as: "rosa").status == 200)
        #expect(try fixture.admin(.get, path("a", "/status"), as: "rudi").status == 404)
        #expect(try fixture.admin(.post, path("a", "/cancel"), as: "rudi").status == 404)
        let list = String(decoding: try fixture.admin(.get, "/api/runs", as: "rudi").body, as: UTF8.self)
        #expect(!list.contains(ServiceFixture.identity("a")))
        // Nor is another's model or budget to be had by way of a run of one's own.
        for key in ["from.run", "continues"] {
            let own = ["run.\(key)=\(ServiceFixture.identity("a"))"]
            #expect(try fixture.submit("b", "second", as: "rudi", own).status == 422)
        }
        let client = try fixture.client("agent-0")
        let request = CheckInRequest(software: "test", waitSeconds: 0)
        _ = try client.exchange(
            ClientRequest(.post, AgentProtocol.checkInPath, body: .bytes(request.encoded())))
        // An agent that is shut out is lost to everybody.
        #expect(try fixture.admin(.post, path("a", "/agents/0/revoke"), as: "rosa").status == 403)
        #expect(try fixture.admin(.post, path("a", "/agents/0/revoke"), as: "otto").status == 200)
        #expect(try fixture.admin(.post, path("a", "/pause"), as: "rosa").status == 200)
    }

    @Test(arguments: ["vera", "rosa"]) func ordersByTheRunsPathTakeTheSameRight(person: String) throws {
        let fixture = try ServerFixture()
        let run = try #require(try fixture.state.run()?.run)
        let hash = try SHA256.text(of: Array("x-0123456789abcdef".utf8))
        let role = person == "vera" ? "viewer" : "researcher"
        try AtomicFile.write(
            "{ tokens: [ { name: \"\(person)\", role: \"\(role)\", sha256: \"\(hash)\" } ] }",
            to: "\(fixture.folder)/tokens.json5", mode: 0o600)
        for order in ["stop", "pause", "agents/0/revoke"] {
            let answer = try fixture.admin(.post, "/api/runs/\(run)/\(order)", token: "x-0123456789abcdef")
            #expect(answer.status == 403, "\(order)")
        }
        #expect(try fixture.state.run()?.isStopping == false)
    }

    @Test func aRunThatCannotBeTakenUpKeepsNoOtherDown() throws {
        let fixture = try ServiceFixture(runs: "at_once: 2,")
        for letter: Character in ["a", "b"] { #expect(try fixture.submit(letter, "task").status == 201) }
        for letter: Character in ["a", "b"] { #expect(try fixture.reaches(letter, "active")) }
        fixture.stop()
        let run = "\(fixture.folder)/state/runs/\(ServiceFixture.identity("a"))/run.json"
        let text = try String(contentsOfFile: run, encoding: .utf8)
        try AtomicFile.write("{", to: run)
        try fixture.start()
        #expect(try fixture.state("a") == "held")
        #expect(try fixture.state("b") == "active")
        fixture.stop()
        try AtomicFile.write(text, to: run)
        try fixture.start()
        #expect(try fixture.state("a") == "active")
        fixture.stop()
        try AtomicFile.write("{", to: run)
        try fixture.start()
        let path = "/api/runs/\(ServiceFixture.identity("a"))/cancel"
        #expect(try fixture.admin(.post, path, as: "otto").status == 200)
        #expect(try fixture.state("a") == "cancelled")
    }

    @Test func whatARunStartsFromStaysAsItWas() throws {
        let fixture = try ServiceFixture(runs: "at_once: 2,")
        #expect(try fixture.submit("a", "first").status == 201)
        _ = try serve(fixture, until: "a")
        let from = ["run.from.run=\(ServiceFixture.identity("a"))", "task.rounds=2"]
        #expect(try fixture.submit("b", "second", from).status == 201)
        #expect(try fixture.reaches("b", "active"))
        fixture.stop()
        // Retention, or a careless hand, takes the model away that it began from.
        let models = "\(fixture.folder)/state/runs/\(ServiceFixture.identity("a"))/models"
        try FileManager.default.removeItem(atPath: "\(models)/000001.safetensors")
        try fixture.start()
        #expect(try fixture.state("b") == "active")
    }

    @Test(arguments: ["0", "-1", "9223372036854775807", "99999999999999999999", "x"])
    func anExtensionOfNoSenseIsRefused(rounds: String) throws {
        let fixture = try ServiceFixture()
        #expect(try fixture.submit("a", "first").status == 201)
        _ = try serve(fixture, until: "a")
        let query = [("rounds", rounds), ("run", ServiceFixture.identity("b"))]
        let path = "/api/runs/\(ServiceFixture.identity("a"))/extend"
        #expect(try fixture.admin(.post, path, query: query, as: "otto").status == 400)
    }

    @Test func extensionsStayBelowTheTargetAllTogether() throws {
        let fixture = try ServiceFixture(runs: "at_once: 4,")
        let privacy =
            "task.privacy={ mode: 'central', clipping_norm: 1, noise_multiplier: 2, target_epsilon: 3, target_delta: 1e-5, sampling: 'none' }"
        #expect(
            try fixture.submit("a", "first", [privacy, "task.rounds=1", "task.min_reports=3"]).status == 201)
        _ = try serve(fixture, until: "a")
        #expect(try fixture.reaches("a", "finished"))
        func extend(_ old: Character, _ new: Character, _ rounds: Int) throws -> Int {
            let path = "/api/runs/\(ServiceFixture.identity(old))/extend"
            let query = [("rounds", String(rounds)), ("run", ServiceFixture.identity(new))]
            return try fixture.admin(.post, path, query: query, as: "otto").status
        }
        #expect(try extend("a", "b", 50) == 403)
        #expect(try extend("a", "c", 1) == 201)
        // Beside what is under way there is room for so much and no more, whichever run of the chain is extended.
        var taken = 0
        for letter: Character in ["d", "e", "f", "0", "1", "2"] {
            if try extend("a", letter, 1) == 201 { taken += 1 } else { break }
        }
        #expect((0..<6).contains(taken))
        #expect(try extend("a", "9", 1) == 403)
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
        let all = String(
            decoding: try fixture.admin(
                .get, "/api/runs", query: [("all", "1")], as: "otto"
            ).body, as: UTF8.self)
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
        // Those that wait too: owners decide before their agents are asked.
        for (place, letter) in ["a", "b"].enumerated() {
            let path = AgentProtocol.paths(of: ServiceFixture.identity(Character(letter))).task
            let answer = try fixture.client("agent-0").exchange(ClientRequest(.get, path), limit: 1 << 20)
            let offer = try TaskOffer(decoding: answer.body)
            #expect(offer.taskSHA256 == list.tasks[place].taskSHA256 && offer.run == list.tasks[place].run)
        }
    }

    @Test func whoWaitsForARunIsGivenItAsItBegins() throws {
        let fixture = try ServiceFixture()
        // `@unchecked Sendable`: each client is used by one thread alone.
        struct Box: @unchecked Sendable { let client: HTTPClient }
        let boxes = try (0..<2).map { Box(client: try fixture.client("agent-\($0)")) }
        let statuses = Mutex<[Int]>([])
        let threads = try boxes.map { box in
            try WorkerThread(name: "waits") {
                let request = CheckInRequest(software: "test", waitSeconds: 30)
                let status = try? box.client.exchange(
                    ClientRequest(.post, AgentProtocol.checkInPath, body: .bytes(request.encoded()))
                ).status
                statuses.withLock { $0.append(status ?? 0) }
            }
        }
        usleep(300_000)
        #expect(try fixture.submit("a", "first", ["task.cohort_size=2", "task.min_reports=2"]).status == 201)
        for thread in threads { thread.join() }
        #expect(statuses.withLock { $0 } == [200, 200])
    }

    @Test func whoWaitsForNothingIsToldWhenToComeBack() throws {
        let fixture = try ServiceFixture()
        let request = CheckInRequest(software: "test", waitSeconds: 1)
        let answer = try fixture.client("agent-0").exchange(
            ClientRequest(.post, AgentProtocol.checkInPath, body: .bytes(request.encoded())))
        #expect(answer.status == 204)
        #expect((answer.head.headers["retry-after"].flatMap { Int($0) } ?? 0) > 0)
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

    @Test func aRunComesBackFromItsBackupWithWhatItWasSubmittedWith() throws {
        let fixture = try ServiceFixture()
        #expect(try fixture.submit("a", "first").status == 201)
        _ = try serve(fixture, until: "a")
        #expect(try fixture.reaches("a", "finished"))
        fixture.stop()
        let runs = "\(fixture.folder)/state/runs"
        let folder = "\(runs)/\(ServiceFixture.identity("a"))"
        let failure = #expect(throws: Failure.self) {
            try Backup.make(of: "\(fixture.folder)/state", to: "\(fixture.folder)/whole")
        }
        #expect(failure?.message.contains(runs) == true)
        _ = try Backup.make(of: folder, to: "\(fixture.folder)/run.backup")
        try FileManager.default.removeItem(atPath: folder)
        _ = try Backup.restore("\(fixture.folder)/run.backup", to: folder)
        try fixture.start()
        #expect(try fixture.state("a") == "finished")
        #expect(try fixture.submit("a", "first").status == 200)
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
