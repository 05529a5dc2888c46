import Configuration
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

/// Several runs, several servers, one agent: what it serves, what it declines, and what never reaches its data.
@Suite("An agent of many runs") struct ManyRunsTests {
    let authority: TestAuthority
    let federation: TestFederation
    private let a = TestFederation.run("a")
    private let b = TestFederation.run("b")
    private let key: Signature.PrivateKey

    init() throws {
        authority = try TestAuthority()
        federation = try TestFederation(authority)
        key = try Signature.PrivateKey()
    }

    private func task(_ name: String) throws -> TestTask {
        try TestTask(privacy: TestTask.local, name: name, folder: authority.folder)
    }

    private func approve(_ task: TestTask, _ agent: TestAgent, _ kind: Verdict.Kind = .approve) throws {
        try Decision.take(
            Verdict(kind, digest: task.offer().taskSHA256, time: 1), agent.configuration)
    }

    private func run(
        _ agent: TestAgent, until isDone: @escaping @Sendable () -> Bool
    ) throws -> CountingTrainer {
        let trainer = CountingTrainer(agent.configuration)
        let running = try Agent(
            agent.configuration, stop: agent.stop, log: agent.log.logger, trainer: trainer)
        Thread { [stop = agent.stop] in
            _ = eventually(within: 60, isDone)
            stop.request()
        }.start()
        #expect(try running.run() == .interrupted)
        #expect(isDone(), "\(agent.log.text)")
        return trainer
    }

    /// Also where the server hands out what was declined.
    @Test("What a site refused, or never approved, is never computed", arguments: [false, true])
    func refusedIsNeverComputed(isManual: Bool) throws {
        defer { federation.shutdown() }
        let (wanted, refused) = (try task("wanted"), try task("refused"))
        try federation.list([(b, refused), (a, wanted)], key: key)
        let agent = try TestAgent(
            federation, set: isManual ? ["policy.approval=\"manual\""] : [])
        if isManual { try approve(wanted, agent) } else { try approve(refused, agent, .refuse) }
        let plans = try [1, 2].map { try wanted.message(round: $0, run: a, hasRunPaths: true) }
        federation.state.withLock { $0.plans = plans }
        let trainer = try run(agent) { [federation] in federation.updatePaths.count == 2 }
        let declined = federation.state.withLock { $0.checkIns.compactMap(\.declines) }
        #expect(!declined.isEmpty && declined.allSatisfy { $0 == [b] })
        // A server that does not heed it.
        let hostile = try TestAgent(federation, set: isManual ? ["policy.approval=\"manual\""] : [])
        let runner = try hostile.runner(trainer: trainer)
        let outcome = try runner.serve(refused.message(round: 1, run: b, hasRunPaths: true))
        #expect(outcome == .forbidden)
        #expect(federation.state.withLock { $0.failures.map(\.reason) } == [.policy])
        let calls = trainer.calls.withLock { $0 }
        #expect(!calls.examined.isEmpty && calls.trained.count == 2)
        #expect((calls.examined + calls.trained).allSatisfy { $0 == "wanted" })
        #expect(federation.updatePaths.allSatisfy { $0.hasPrefix("/v1/runs/\(a)/") })
        #expect(try AgentLedgers.reading(agent.configuration.stateDirectory).runs == [a])
        // Not even its model was asked for.
        #expect(
            federation.state.withLock { $0.runPaths.allSatisfy { !$0.hasPrefix("/v1/runs/\(b)/models") } })
    }

    @Test("A verdict counts for the agent at work") func heedsVerdicts() throws {
        defer { federation.shutdown() }
        let task = try task("late")
        try federation.list([(a, task)], key: key)
        let plan = try task.message(round: 1, run: a, hasRunPaths: true)
        federation.state.withLock { $0.plans = [plan] }
        let agent = try TestAgent(federation, set: ["policy.approval=\"manual\""])
        let isApproved = Atomic(false)
        _ = try run(agent) { [federation, a] in
            let declined = federation.state.withLock { $0.checkIns.contains { $0.declines == [a] } }
            if declined, !isApproved.exchange(true, ordering: .relaxed) { try? approve(task, agent) }
            return federation.updatePaths.count == 1
        }
    }

    @Test("An entry that the server's key has not signed is declined") func forgedEntry() throws {
        defer { federation.shutdown() }
        let (good, forged) = (try task("good"), try task("forged"))
        try federation.list([(a, good), (b, forged)], key: key, forged: [b])
        let agent = try TestAgent(federation)
        let trainer = try run(agent) { [federation] in
            federation.state.withLock { !$0.checkIns.isEmpty }
        }
        #expect(federation.state.withLock { $0.checkIns[0].declines } == [b])
        #expect(trainer.calls.withLock { $0.examined } == ["good"])
    }

    @Test("Says which rounds of which runs it has begun, and counts all runs against one budget")
    func oneBudget() throws {
        defer { federation.shutdown() }
        let (first, second) = (try task("first"), try task("second"))
        try federation.list([(a, first), (b, second)], key: key)
        let plans = try [
            first.message(round: 1, run: a, hasRunPaths: true),
            second.message(round: 4, run: b, hasRunPaths: true),
            first.message(round: 2, run: a, hasRunPaths: true),
        ]
        federation.state.withLock { $0.plans = plans }
        let agent = try TestAgent(federation)
        _ = try run(agent) { [federation] in federation.state.withLock { $0.checkIns.count == 4 } }
        #expect(
            federation.state.withLock { $0.checkIns.map(\.served) } == [
                [:], [a: 1], [a: 1, b: 4], [a: 2, b: 4],
            ])
        let policy = agent.configuration.policy
        let ledgers = try AgentLedgers.reading(agent.configuration.stateDirectory)
        let (all, one) = (try ledgers.account(under: policy), try ledgers.account(of: a, under: policy))
        #expect(all.rounds == 3 && one.rounds == 2 && all.server > one.server && one.server > 0)
        // What a third run costs comes on top.
        let limit = (all.server + 0.01)
        let spent = try TestAgent(
            federation, set: ["policy.maximal_epsilon=\(limit)", "policy.modes=[\"local\"]"])
        let third = try spent.runner().serve(
            second.message(round: 1, run: TestFederation.run("c"), hasRunPaths: true))
        #expect(third == .notDelivered)
        #expect(federation.state.withLock { $0.failures.last?.reason } == .budget)
    }

    @Test("A server of one run is asked as before, and what is not approved there is not asked for")
    func serverOfOneRun() throws {
        defer { federation.shutdown() }
        let task = try task("only")
        let (offer, plan) = (try task.offer(), try task.message(round: 1))
        federation.state.withLock { state in
            state.offer = offer
            state.models[0] = task.file
            state.plans = [plan]
        }
        let agent = try TestAgent(federation, set: ["policy.approval=\"manual\""])
        let isApproved = Atomic(false)
        let trainer = CountingTrainer(agent.configuration)
        let running = try Agent(
            agent.configuration, stop: agent.stop, log: agent.log.logger, trainer: trainer)
        Thread { [stop = agent.stop, log = agent.log, federation] in
            _ = eventually(within: 30) { log.text.contains("waits for this site's approval") }
            // Nothing but time shows that nobody asks.
            _ = stays(for: 0.3) { federation.state.withLock { $0.checkIns.isEmpty } }
            isApproved.store(trainer.calls.withLock { $0.examined.isEmpty }, ordering: .relaxed)
            try? approve(task, agent)
            _ = eventually(within: 60) { federation.state.withLock { $0.updates[1] != nil } }
            stop.request()
        }.start()
        #expect(try running.run() == .interrupted)
        let wasUntouched = isApproved.load(ordering: .relaxed)
        #expect(wasUntouched)
        let state = federation.state.withLock { $0 }
        #expect(state.updates[1]?.count == 1 && state.runPaths.isEmpty)
        #expect(state.checkIns.allSatisfy { $0.served == nil && $0.declines == nil })
    }

    // MARK: Several servers

    @Test("Serves two servers in turn, and tells neither of the other's runs") func twoServers() throws {
        let second = try TestFederation(authority)
        defer {
            federation.shutdown()
            second.shutdown()
        }
        let tasks = [try task("one"), try task("two")]
        try federation.list([(a, tasks[0])], key: key)
        try second.list([(b, tasks[1])], key: Signature.PrivateKey())
        for (index, (server, run)) in [(federation, a), (second, b)].enumerated() {
            let plans = try [1, 2].map { try tasks[index].message(round: $0, run: run, hasRunPaths: true) }
            server.state.withLock { $0.plans = plans }
        }
        let agent = try TestAgent(federation, others: [second])
        _ = try run(agent) { [federation] in
            federation.updatePaths.count == 2 && second.updatePaths.count == 2
        }
        for (server, run) in [(federation, a), (second, b)] {
            let checkIns = server.state.withLock { $0.checkIns }
            #expect(
                checkIns.allSatisfy {
                    $0.run ?? run == run && Set($0.served?.keys.map(\.self) ?? []).isSubset(of: [run])
                })
        }
        let status = try AgentStatus(agent.configuration)
        // In turn, though the first has work all the time.
        let names = [federation, second].map(\.endpoint.description)
        #expect(status.sent.map(\.server) == names + names)
        #expect(status.runs.map(\.home?.task) == ["one", "two"] && status.total.rounds == 4)
    }

    @Test("A report goes to the server that it was made for, and no server takes another's run")
    func reportsStayAtHome() throws {
        let second = try TestFederation(authority)
        defer {
            federation.shutdown()
            second.shutdown()
        }
        let task = try task("one")
        for server in [federation, second] { server.state.withLock { $0.models[0] = task.file } }
        let agent = try TestAgent(federation, others: [second])
        struct Death: Error {}
        do {
            let runner = try agent.runner()
            runner.server = try agent.server(federation)
            runner.reached = { if $0 == .stored { throw Death() } }
            #expect(throws: Death.self) {
                try runner.serve(task.message(round: 1, run: a, hasRunPaths: true))
            }
        }
        let runner = try agent.runner()
        runner.server = try agent.server(second)
        try runner.sendLeftovers()
        #expect(second.updatePaths.isEmpty)
        #expect(try runner.serve(task.message(round: 2, run: a, hasRunPaths: true)) == .notDelivered)
        #expect(second.updatePaths.isEmpty && second.state.withLock { $0.failures.count } == 1)
        runner.server = try agent.server(federation)
        try runner.sendLeftovers()
        #expect(federation.updatePaths == ["/v1/runs/\(a)/rounds/1/update"])
    }

    @Test(
        "Both forms at once, none, or a server twice is refused",
        arguments: [
            "{ server: 'https://h:1', servers: [{ server: 'https://h:1', tls: TLS }] }",
            "{ servers: [] }", "{ servers: [{ server: 'https://h:1' }] }",
            "{ servers: [{ server: 'https://h:1', tls: TLS }, { server: 'https://h:1', tls: TLS }] }",
            "{ servers: [{ server: 'https://h:1', tls: TLS, prxy: 'p:1' }] }",
        ])
    func configurations(text: String) throws {
        defer { federation.shutdown() }
        let tls = "{ certificate: 'a', key: 'b', ca: 'c' }"
        let written =
            text.replacingOccurrences(of: "TLS", with: tls).dropLast()
            + ", state_directory: 's', data: { format: 'csv', path: 'd', label: 'l' } }"
        #expect(throws: (any Error).self) {
            try AgentConfiguration(
                ConfigurationDocument(root: JSONValue(json5: written.utf8, source: "t"), file: "/t"))
        }
    }
}
