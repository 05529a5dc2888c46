import Cryptography
import Foundation
import Ledger
import Messages
import Operations
import Synchronization
import TestSupport
import Testing
import Transport

@testable import ClientAgent

/// What an owner sees of the agent, and how it rests and leaves.
@Suite("The agent's owner") struct OwnerTests {
    let authority: TestAuthority
    let federation: TestFederation
    private let run = TestFederation.run("a")
    private let key: Signature.PrivateKey

    init() throws {
        authority = try TestAuthority()
        federation = try TestFederation(authority)
        key = try Signature.PrivateKey()
    }

    private func task(_ name: String = "t") throws -> TestTask {
        try TestTask(privacy: TestTask.local, name: name, folder: authority.folder)
    }

    private func names(_ folder: String) -> [String] {
        (FileManager.default.enumerator(atPath: folder)?.allObjects as? [String] ?? []).sorted()
    }

    @Test("Status equals the ledgers, and what it says was sent is what came") func status() throws {
        defer { federation.shutdown() }
        let task = try task()
        federation.state.withLock { $0.models[0] = task.file }
        let agent = try TestAgent(federation)
        let runner = try agent.runner()
        for round in 1...3 { try runner.serve(task.message(round: round, run: run)) }
        let other = TestFederation.run("b")
        try runner.serve(task.message(round: 1, run: other))
        // The runner is alive: its state directory is read beside it.
        let status = try AgentStatus(agent.configuration)
        #expect(status.isRunning && !status.isPaused && !status.isLeaving)
        let policy = agent.configuration.policy
        try withExtendedLifetime(runner) {
            let ledgers = try AgentLedgers.reading(agent.configuration.stateDirectory)
            #expect(try status.total.server == ledgers.spent(delta: policy.maximalDelta))
            #expect(status.total.server > 0 && status.total.rounds == 4)
            #expect(status.runs.map(\.run) == [run, other] && status.runs.map(\.account.rounds) == [3, 1])
            for run in status.runs { #expect(try run.account == ledgers.account(of: run.run, under: policy)) }
        }
        let came = federation.state.withLock { $0.updates }
        #expect(status.sent.map(\.round) == [1, 2, 3, 1] && status.sent.allSatisfy(\.isAccepted))
        for report in status.sent {
            let digests = try (came[report.round] ?? []).map { try SHA256.text(of: $0) }
            #expect(digests.contains(report.sha256))
            #expect(report.bytes == came[report.round]?.first?.count)
        }
        #expect(status.certificates.count == 1 && status.certificates[0].ends != nil)
        #expect(status.lines(now: 0).contains { $0.contains(run) })
    }

    @Test("The journal keeps the newest, each round once, and says where it is damaged") func journal() throws
    {
        defer { federation.shutdown() }
        let folder = authority.folder
        let journal = SentJournal(folder, most: 4)
        func report(_ round: Int) -> SentReport {
            SentReport(
                run: run, round: round, server: "h:1", time: round, bytes: 10,
                sha256: String(repeating: "0", count: 64), isAccepted: true)
        }
        for round in 1...21 { try journal.note(report(round)) }
        let kept = try journal.reports().map(\.round)
        #expect(kept.last == 21 && (4...8).contains(kept.count) && kept == kept.sorted())
        try journal.note(report(21))
        #expect(try journal.reports().map(\.round) == kept)
        let path = "\(folder)/\(SentJournal.fileName)"
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        // What a crash leaves is passed over, and written over.
        try whole.dropLast(7).write(to: URL(fileURLWithPath: path))
        try journal.note(report(22))
        #expect(try journal.reports().last?.round == 22)
        try (Data("{}\n".utf8) + whole).write(to: URL(fileURLWithPath: path))
        #expect(throws: Failure.self) { try journal.reports() }
    }

    @Test(
        "A paused agent asks for nothing, and works again when it is resumed",
        arguments: ["{\"since\":5}\n", "nonsense", ""])
    func pause(content: String) throws {
        defer { federation.shutdown() }
        let task = try task()
        try federation.list([(run, task)], key: key)
        let plan = try task.message(round: 1, run: run, hasRunPaths: true)
        federation.state.withLock { $0.plans = [plan] }
        let agent = try TestAgent(federation)
        let folder = agent.configuration.stateDirectory
        try PauseFile.put(in: folder, reason: "stocktaking", now: 5)
        #expect(PauseFile.contents(in: folder).reason == "stocktaking")
        // Whatever has the name is a pause.
        try Data(content.utf8).write(to: URL(fileURLWithPath: "\(folder)/paused.json"))
        let running = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
        Thread { [stop = agent.stop, log = agent.log, federation] in
            _ = eventually(within: 30) { log.text.contains("has paused it") }
            _ = stays(for: 0.3) { federation.state.withLock { $0.checkIns.isEmpty } }
            try? PauseFile.remove(in: folder)
            _ = eventually(within: 60) { federation.updatePaths.count == 1 }
            stop.request()
        }.start()
        #expect(try running.run() == .interrupted)
        #expect(federation.updatePaths.count == 1)
    }

    @Test("A pause that comes while the server is asked counts for the round that it answers with")
    func pauseWhileAsking() throws {
        defer { federation.shutdown() }
        let task = try task()
        try federation.list([(run, task)], key: key)
        let agent = try TestAgent(federation)
        let folder = agent.configuration.stateDirectory
        let plan = try task.message(round: 1, run: run, hasRunPaths: true)
        federation.state.withLock { state in
            state.plans = [plan]
            state.onCheckIn = { try? PauseFile.put(in: folder, reason: nil, now: 1) }
        }
        let trainer = CountingTrainer(agent.configuration)
        let running = try Agent(
            agent.configuration, stop: agent.stop, log: agent.log.logger, trainer: trainer)
        Thread { [stop = agent.stop, log = agent.log] in
            _ = eventually(within: 30) { log.text.contains("has paused it") }
            stop.request()
        }.start()
        #expect(try running.run() == .interrupted)
        #expect(federation.state.withLock { $0.failures.map(\.reason) } == [.busy])
        #expect(federation.updatePaths.isEmpty && trainer.calls.withLock { $0.trained.isEmpty })
        #expect(federation.state.withLock { $0.runPaths.last } == "/v1/runs/\(run)/rounds/1/failure")
    }

    // MARK: Leaving

    /// An agent that has served a round and has a report that waits; hard links show what becomes of the bytes.
    private func servedAgent() throws -> (agent: TestAgent, links: [String]) {
        let task = try task()
        federation.state.withLock { $0.models[0] = task.file }
        let agent = try TestAgent(federation)
        struct Death: Error {}
        do {
            let runner = try agent.runner()
            try runner.serve(task.message(round: 1, run: run))
            runner.reached = { if $0 == .stored { throw Death() } }
            #expect(throws: Death.self) { try runner.serve(task.message(round: 2, run: run)) }
        }
        let folder = agent.configuration.stateDirectory
        _ = try IdentifierKey.hash(in: folder)
        try Data("half a report".utf8).write(to: URL(fileURLWithPath: "\(folder)/outbox/.x.1.2.tmp"))
        try Data("the owner's".utf8).write(to: URL(fileURLWithPath: "\(folder)/notes.txt"))
        let secrets = [
            authority.path("agent.key"), "\(folder)/outbox/\(run)-2", "\(folder)/outbox/.x.1.2.tmp",
            "\(folder)/\(IdentifierKey.fileName)",
        ]
        let links = secrets.enumerated().map { authority.path("link-\($0.offset)") }
        for (secret, link) in zip(secrets, links) {
            try FileManager.default.linkItem(atPath: secret, toPath: link)
        }
        return (agent, links)
    }

    @Test(
        "Leaving leaves nothing readable, and ledgers only where they are to stay", arguments: [false, true])
    func leaves(isAll: Bool) throws {
        defer { federation.shutdown() }
        let (agent, links) = try servedAgent()
        let folder = agent.configuration.stateDirectory
        let spent = try AgentStatus(agent.configuration).total
        let outcome = try Departure.leave(
            agent.configuration, Departure.Wishes(isAll: isAll), log: agent.log.logger)
        #expect(outcome.servers.count == 1 && federation.state.withLock { $0.leaves } == 1)
        for link in links { #expect(try Data(contentsOf: URL(fileURLWithPath: link)).isEmpty, "\(link)") }
        let left = names(folder)
        if isAll {
            #expect(left == ["notes.txt"])
        } else {
            let account: Set = [
                "ledger.key", "lock", "leave.json", "notes.txt", "progress.json", "runs", "sent.jsonl",
            ]
            #expect(Set(left.filter { !$0.contains("/") }) == account)
            #expect(try AgentStatus(agent.configuration).total == spent && spent.rounds == 2)
            #expect(
                performing: {
                    try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
                }, throws: { Failure(wrapping: $0).exitCode == .refused })
        }
        for name in ["agent.key", "agent.crt"] { #expect(access(authority.path(name), F_OK) != 0) }
        #expect(access(authority.path("data.csv"), F_OK) == 0)
        // Again: nothing is left to do.
        let again = try Departure.leave(
            agent.configuration, Departure.Wishes(isAll: isAll), log: agent.log.logger)
        #expect(again.removed.allSatisfy { $0.hasSuffix("lock") || $0.hasSuffix("leave.json") })
        #expect(federation.state.withLock { $0.leaves } == 1)
    }

    /// What a kill after each of its steps leaves.
    @Test("Killed in the middle, it is finished when it is run again", arguments: 0..<4)
    func finishes(step: Int) throws {
        defer { federation.shutdown() }
        let (agent, links) = try servedAgent()
        let folder = agent.configuration.stateDirectory
        let asked = step > 0 ? "\"\(federation.endpoint)\"" : ""
        try Data("{\"asked\":[\(asked)],\"done\":false}\n".utf8)
            .write(to: URL(fileURLWithPath: "\(folder)/leave.json"))
        if step > 1 { _ = try Shredder.shred(authority.path("agent.key")) }
        if step > 2 { _ = try Shredder.shred("\(folder)/outbox") }
        #expect(
            performing: {
                try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
            }, throws: { Failure(wrapping: $0).exitCode == .refused })
        _ = try Departure.leave(agent.configuration, log: agent.log.logger)
        for link in links { #expect(try Data(contentsOf: URL(fileURLWithPath: link)).isEmpty, "\(link)") }
        #expect(federation.state.withLock { $0.leaves } == (step > 0 ? 0 : 1))
    }

    @Test("A server that cannot be asked keeps an agent from leaving unsaid")
    func unreachable() throws {
        let (agent, links) = try servedAgent()
        federation.shutdown()
        #expect(
            performing: {
                try Departure.leave(agent.configuration, log: agent.log.logger)
            }, throws: { Failure(wrapping: $0).exitCode == .network })
        #expect(access(authority.path("agent.key"), F_OK) == 0)
        #expect(try !Data(contentsOf: URL(fileURLWithPath: links[0])).isEmpty)
        let outcome = try Departure.leave(
            agent.configuration, Departure.Wishes(isOffline: true), log: agent.log.logger)
        #expect(outcome.servers[0].answer.hasPrefix("was not asked"))
        #expect(access(authority.path("agent.key"), F_OK) != 0)
    }

    @Test("The agent at work ends when its owner has it leave") func endsAtWork() throws {
        defer { federation.shutdown() }
        let task = try task()
        try federation.list([(run, task)], key: key)
        federation.state.withLock { $0.leaveStatus = 404 }
        let agent = try TestAgent(federation)
        let answers = Mutex<[String]>([])
        let leaver = Thread { [federation, configuration = agent.configuration, log = agent.log] in
            _ = eventually(within: 30) { federation.state.withLock { !$0.checkIns.isEmpty } }
            do {
                let outcome = try Departure.leave(configuration, log: log.logger)
                answers.withLock { $0 = outcome.servers.map(\.answer) }
            } catch {
                answers.withLock { $0 = ["\(error)"] }
            }
        }
        leaver.start()
        // The lock goes with the agent's parts.
        func work() throws -> ExitCode {
            try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger).run()
        }
        #expect(try work() == .done)
        _ = eventually(within: 30) { answers.withLock { !$0.isEmpty } }
        let all = answers.withLock { $0 }
        #expect(
            all.count == 1 && (all[0].contains("ask its operator") || all[0].contains("still in a round")),
            "\(all)")
    }
}
