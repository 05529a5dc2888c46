import Cryptography
import Foundation
import Messages
import Operations
import Synchronization
import TestSupport
import Testing
import Transport

@testable import ClientAgent

@Suite("The agent against a server, over TLS") struct AgentTests {
    let authority: TestAuthority
    let federation: TestFederation

    init() throws {
        authority = try TestAuthority()
        federation = try TestFederation(authority)
    }

    @Test("Checks in, serves what it is given, retries with the same bytes, ends with the run")
    func wholeRun() throws {
        defer { federation.shutdown() }
        let task = try TestTask(privacy: TestTask.local, folder: authority.folder)
        let plans = try [1, 2, 3].map { try task.message(round: $0) }
        federation.state.withLock { state in
            state.models[0] = task.file
            state.plans = plans
            state.updateStatuses = [503]
        }
        let agent = try TestAgent(federation)
        let ending = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
            .run(untilFinished: true)
        #expect(ending == .done)
        let state = federation.state.withLock { $0 }
        #expect(state.updates.mapValues(\.count) == [1: 2, 2: 1, 3: 1])
        #expect(Set(state.updates[1] ?? []).count == 1)
        #expect(state.checkIns.map(\.lastRound) == [0, 1, 2, 3])
        #expect(state.checkIns.map(\.run) == [nil] + Array(repeating: TestFederation.run, count: 3))
        #expect(!agent.log.text.contains("PRIVATE KEY"))
    }

    @Test("A stop that was asked for ends it with its state saved")
    func stopped() throws {
        defer { federation.shutdown() }
        _ = try TestTask(folder: authority.folder)
        let agent = try TestAgent(federation)
        agent.stop.request()
        let ending = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger).run()
        #expect(ending == .interrupted)
    }

    /// The manual's way, without `--until-finished`: the agent stays, and hardly asks.
    @Test("After the end of the run it says so once and rests", arguments: ["0", "nonsense", nil])
    func restsAfterTheEnd(retryAfter: String?) throws {
        defer { federation.shutdown() }
        _ = try TestTask(folder: authority.folder)
        federation.state.withLock { $0.retryAfter = retryAfter }
        let agent = try TestAgent(federation)
        let running = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
        // Long enough for thousands of check-ins of an agent that does not wait.
        let stopper = Thread { [stop = agent.stop, federation] in
            _ = eventually(within: 60) { federation.state.withLock { !$0.checkIns.isEmpty } }
            // Nothing but time shows that nobody asks again.
            _ = stays(for: 1.5) { federation.state.withLock { $0.checkIns.count == 1 } }
            stop.request()
        }
        stopper.start()
        #expect(try running.run() == .interrupted)
        #expect(federation.state.withLock { $0.checkIns.count } == 1)
        #expect(agent.log.text.split(separator: "\n").count { $0.contains("the run has ended") } == 1)
    }

    /// Rounds that the policy refuses, handed out without a pause.
    @Test("A server that hands out what is refused is not asked in a hurry")
    func refusalsArePaced() throws {
        defer { federation.shutdown() }
        let task = try TestTask(folder: authority.folder)
        let plans = try (1...500).map { try task.message(round: $0) }
        federation.state.withLock { $0.plans = plans }
        let agent = try TestAgent(federation, set: ["policy.modes=[\"local\"]", "policy.trust_server=false"])
        let running = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
        let stopper = Thread { [stop = agent.stop, federation] in
            _ = eventually(within: 60) { federation.state.withLock { !$0.failures.isEmpty } }
            // Nothing but time shows that nobody asks in a hurry.
            _ = stays(for: 1.5) { federation.state.withLock { $0.checkIns.count <= 3 } }
            stop.request()
        }
        stopper.start()
        #expect(try running.run() == .interrupted)
        #expect(federation.state.withLock { $0.checkIns.count } <= 3)
    }

    @Test("The task on offer is judged before anything is asked for", arguments: [true, false])
    func offer(fits: Bool) throws {
        defer { federation.shutdown() }
        let task = try TestTask(privacy: TestTask.local, folder: authority.folder)
        let offer = try task.offer()
        federation.state.withLock { $0.offer = offer }
        let agent = try TestAgent(federation, set: fits ? [] : ["data.label=\"a\""])
        let running = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
        let findings = Dictionary(
            uniqueKeysWithValues: try {
                // The state directory is one process's.
                let other = try TestAgent(
                    federation,
                    set: ["state_directory=\"check\""] + (fits ? [] : ["data.label=\"a\""]))
                return Preflight.examine(other.configuration).map { ($0.subject, $0.problem) }
            }())
        #expect(findings["task"] == .some(nil) && findings["task policy"] == .some(nil))
        #expect((findings["task data"] == .some(nil)) == fits)
        if fits {
            #expect(try running.run(untilFinished: true) == .done)
            return
        }
        let stopper = Thread { [stop = agent.stop, log = agent.log, federation] in
            _ = eventually(within: 60) { log.text.contains("takes no part") }
            // Nothing but time shows that nobody asks.
            _ = stays(for: 0.3) { federation.state.withLock { $0.checkIns.isEmpty } }
            stop.request()
        }
        stopper.start()
        #expect(try running.run(untilFinished: true) == .interrupted)
        #expect(federation.state.withLock { $0.checkIns.isEmpty })
        #expect(agent.log.text.split(separator: "\n").count { $0.contains("takes no part") } == 1)
    }

    @Test("A trusted server's agent is not called spent, and one that is spent is")
    func budgetInTheCheck() throws {
        defer { federation.shutdown() }
        for (privacy, limit, isFine) in [
            (TestTask.central, "8", true), (TestTask.local, "1000", true), (TestTask.local, "0.01", false),
        ] {
            let task = try TestTask(privacy: privacy, folder: authority.folder)
            let offer = try task.offer()
            federation.state.withLock { state in
                state.offer = offer
                state.models[0] = task.file
            }
            let set = [
                "policy.modes=[\"local\", \"central\"]", "state_directory=\"\(limit)\"",
                "policy.maximal_epsilon=\(limit)",
            ]
            let agent = try TestAgent(federation, set: set)
            do { try agent.runner().serve(task.message(round: 1)) }
            let findings = Preflight.examine(agent.configuration)
            #expect(findings.allSatisfy { $0.problem == nil } == isFine, "\(findings)")
            let served = federation.state.withLock { state in
                defer { state.updates = [:] }
                return state.updates[1]?.count ?? 0
            }
            #expect((served == 1) == isFine, "check and run agree")
        }
    }

    @Test("A certificate of another authority is not trusted, and nothing is sent")
    func otherAuthority() throws {
        defer { federation.shutdown() }
        let other = try TestAuthority()
        _ = try TestTask(folder: authority.folder)
        let agent = try TestAgent(federation, set: ["tls.ca=\(other.path("ca.crt"))"])
        let made = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
        let failure = #expect(throws: Failure.self) { try made.run(untilFinished: true) }
        #expect(failure?.exitCode == .network && failure?.message.contains("CN=test-authority") == true)
        #expect(federation.state.withLock { $0.checkIns.isEmpty })
    }

    @Test(
        "A certificate in its last third is renewed under the same key", arguments: [(1, true), (30, false)])
    func renewal(daysLeft: Int, isRenewed: Bool) throws {
        defer { federation.shutdown() }
        _ = try TestTask(folder: authority.folder)
        let issued = Date().addingTimeInterval(Double(daysLeft - 30) * 86_400)
        try authority.issue("agent", role: .agent, lifetimeDays: 30, now: issued)
        let agent = try TestAgent(federation)
        let before = try AgentCertificate(agent.configuration.credentials)
        _ = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger).run(untilFinished: true)
        let after = try AgentCertificate(agent.configuration.credentials)
        #expect(federation.state.withLock { $0.renewals } == (isRenewed ? 1 : 0), "\(agent.log.text)")
        #expect((after.certificate.serial != before.certificate.serial) == isRenewed)
        #expect(after.certificate.matches(before.key))
    }

    @Test("Enrols by token, and then works with what it wrote")
    func enrolment() throws {
        defer { federation.shutdown() }
        let token = try EnrolmentToken(authority: authority.authority.certificate).text()
        let folder = authority.path("enrolled")
        let enrolment = try Enrolment(
            server: federation.endpoint, proxy: nil, token: token, folder: folder)
        let outcome = try enrolment.run(log: Logger(level: .error))
        #expect(outcome.name == "enrolled-agent")
        #expect(federation.state.withLock { $0.tokens } == [token])
        let configuration = try AgentConfiguration(contentsOf: outcome.configuration)
        try AgentCertificate(configuration.credentials).verify(at: Date())
        let mode = try FileManager.default.attributesOfItem(atPath: configuration.credentials.key)
        #expect(mode[.posixPermissions] as? Int == 0o600)
        #expect(throws: Failure.self) { try enrolment.run(log: Logger(level: .error)) }
    }

    @Test("A token of another authority sends nothing, a damaged one not even a connection")
    func otherToken() throws {
        defer { federation.shutdown() }
        let other = try TestAuthority()
        let token = try EnrolmentToken(authority: other.authority.certificate).text()
        let folder = authority.path("enrolled")
        let enrolment = try Enrolment(
            server: federation.endpoint, proxy: nil, token: token, folder: folder)
        #expect(throws: ClientError.self) { try enrolment.run(log: Logger(level: .error)) }
        #expect(federation.state.withLock { $0.tokens.isEmpty })
        #expect(throws: Failure.self) {
            try Enrolment(
                server: federation.endpoint, proxy: nil, token: String(token.dropLast()), folder: folder)
        }
    }

    @Test("The preflight finds nothing wrong with a sound agent")
    func soundPreflight() throws {
        defer { federation.shutdown() }
        _ = try TestTask(folder: authority.folder)
        let findings = Preflight.examine(try TestAgent(federation).configuration)
        #expect(findings.allSatisfy { $0.problem == nil }, "\(findings)")
        #expect(findings.map(\.subject).contains("clock"))
    }

    @Test("Data without a label are told of, and no problem: a task may need none")
    func unlabelledPreflight() throws {
        defer { federation.shutdown() }
        _ = try TestTask(folder: authority.folder)
        let agent = try TestAgent(federation, set: ["data.label=null", "data.ignore=[\"label\"]"])
        let finding = Preflight.examine(agent.configuration).first { $0.subject == "data" }
        #expect(finding?.problem == nil && finding?.detail.contains("without a label") == true)
    }

    @Test("The preflight names every problem, not only the first")
    func brokenPreflight() throws {
        let address = "https://\(federation.endpoint)"
        federation.shutdown()
        _ = try TestTask(folder: authority.folder)
        try authority.issue(
            "agent", role: .agent, lifetimeDays: 1, now: Date().addingTimeInterval(-10 * 86_400))
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644], ofItemAtPath: authority.path("agent.key"))
        let agent = try TestAgent(
            federation,
            set: [
                "data.path=none.csv", "policy.trust_server=false", "server=\(address)",
                "state_directory=agent.crt/state",
            ])
        let findings = Preflight.examine(agent.configuration)
        let problems = findings.filter { $0.problem != nil }.map(\.subject)
        #expect(problems == ["certificate", "key file", "state", "policy", "data", "server"], "\(findings)")
    }
}
