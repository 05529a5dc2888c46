import Cryptography
import Foundation
import HTTPWire
import Messages
import Operations
import Synchronization
import TestSupport
import Testing
import Transport

@testable import ClientAgent

@Suite("Large reports over lines that break") struct ResumedDeliveryTests {
    let authority: TestAuthority
    let federation: TestFederation

    init() throws {
        authority = try TestAuthority()
        federation = try TestFederation(authority)
        _ = try TestTask(folder: authority.folder)
    }

    private func entry(bytes: Int) -> OutboxEntry {
        OutboxEntry(
            run: TestFederation.run, round: 1,
            body: (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 9) })
    }

    @Test("A report goes whole at first, and in what is missing once a line broke")
    func afterABreak() throws {
        defer { federation.shutdown() }
        let entry = entry(bytes: ServerLink.longestWhole + 1000)
        federation.state.withLock { $0.updateStatuses = [503] }
        federation.state.withLock { $0.received = 900_000 }
        let link = try TestAgent(federation).link()
        #expect(try link.deliver(entry) == .accepted)
        let state = federation.state.withLock { $0 }
        let last = entry.body.count - 1
        #expect(state.contentRanges == [nil, "bytes 900000-\(last)/\(last + 1)"])
        #expect(state.updates[1]?.map(\.count) == [entry.body.count, entry.body.count - 900_000])
        #expect(state.updates[1]?.last.map { $0.elementsEqual(entry.body[900_000...]) } == true)
        #expect(state.questions == ["\(try entry.digest()) \(last + 1) \(TestFederation.run)"])
    }

    @Test("A server that keeps no parts gets all of it", arguments: [404, 405])
    func olderServers(status: Int) throws {
        defer { federation.shutdown() }
        let entry = entry(bytes: ServerLink.longestWhole + 1)
        federation.state.withLock { $0.updateStatuses = [502] }
        federation.state.withLock { $0.questionStatus = status }
        #expect(try TestAgent(federation).link().deliver(entry) == .accepted)
        let state = federation.state.withLock { $0 }
        #expect(state.contentRanges == [nil, nil] && state.questions.count == 1)
        #expect(state.updates[1] == [entry.body, entry.body])
    }

    @Test("Of a short report nothing is asked")
    func shortReports() throws {
        defer { federation.shutdown() }
        federation.state.withLock { $0.updateStatuses = [503] }
        let entry = entry(bytes: ServerLink.longestWhole)
        #expect(try TestAgent(federation).link().deliver(entry, mayBeThere: true) == .accepted)
        let state = federation.state.withLock { $0 }
        #expect(state.questions.isEmpty && state.contentRanges == [nil, nil])
    }

    @Test(
        "Answers that make no sense end in a failure, not in a loop",
        arguments: [ServerLink.longestWhole + 1, 2 << 20, Int.max])
    func nonsense(received: Int) throws {
        defer { federation.shutdown() }
        let entry = entry(bytes: ServerLink.longestWhole + 1)
        federation.state.withLock { $0.received = received }
        let agent = try TestAgent(federation)
        let link = try agent.link()
        let upload = try link.upload(
            entry.body, to: AgentProtocol.paths.update(round: 1), run: entry.run, round: 1)
        let error = #expect(throws: ClientError.self) { try link.send(upload, asks: true) }
        #expect(error?.isTransient == true, "the report stays in the outbox")
        #expect(federation.state.withLock { $0.questions.count } == 4)
        #expect(federation.state.withLock { $0.updates.isEmpty })
    }

    @Test("Of a large report whose run is over nothing is sent")
    func largeAndOver() throws {
        defer { federation.shutdown() }
        federation.state.withLock { $0.questionStatus = 409 }
        let outcome = try TestAgent(federation).link()
            .deliver(entry(bytes: ServerLink.longestWhole + 1), mayBeThere: true)
        #expect(outcome == .turnedAway("409: no such round"))
        #expect(federation.state.withLock { $0.updates.isEmpty })
    }
}

@Suite("An agent that was away for a month") struct ReturnTests {
    let authority: TestAuthority
    let federation: TestFederation
    private static let day = 86_400.0

    init() throws {
        authority = try TestAuthority()
        federation = try TestFederation(authority)
        _ = try TestTask(folder: authority.folder)
    }

    private struct Death: Error {}

    /// Serves a round up to the first byte of its report, and gives what is in the outbox.
    private func leftover(
        _ task: TestTask, _ agent: TestAgent, round: Int, run: String = TestFederation.run
    ) throws -> OutboxEntry? {
        federation.state.withLock { $0.models[0] = task.file }
        do {
            let runner = try agent.runner()
            runner.reached = { if $0 == .stored { throw Death() } }
            #expect(throws: Death.self) { try runner.serve(task.message(round: round, run: run)) }
        }
        return try Outbox(folder: authority.path("state/outbox")).entries().last
    }

    @Test("A report of a run that is over is forgotten in one line, and the new run is served")
    func otherRun() throws {
        defer { federation.shutdown() }
        let task = try TestTask(privacy: TestTask.local, folder: authority.folder)
        let agent = try TestAgent(federation)
        let old = String(repeating: "0d", count: 16)
        #expect(try leftover(task, agent, round: 3, run: old)?.run == old)
        let plan = try task.message(round: 1)
        federation.state.withLock { state in
            state.plans = [plan]
            state.updateStatuses = [409]
        }
        let ending = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
            .run(untilFinished: true)
        #expect(ending == .done)
        #expect(try Outbox(folder: authority.path("state/outbox")).entries().isEmpty)
        let lines = agent.log.text.split(separator: "\n").filter { $0.contains("turned the report away") }
        #expect(lines.count == 1 && lines.allSatisfy { $0.contains(old) && $0.contains("409") })
        let state = federation.state.withLock { $0 }
        #expect(state.updates[3]?.count == 1 && state.updates[1]?.count == 1)
        #expect(state.checkIns.first?.run == old && state.checkIns.first?.acceptsOtherRun == true)
    }

    @Test("With a certificate that ended meanwhile it says so, how to come back, and keeps its outbox")
    func expiredAtTheStart() throws {
        defer { federation.shutdown() }
        let agent = try TestAgent(federation)
        let folder = authority.path("state/outbox")
        let entry = try #require(try leftover(TestTask(folder: authority.folder), agent, round: 2))
        try authority.issue("agent", role: .agent, lifetimeDays: 20, now: Date() - 30 * Self.day)
        do {
            let made = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
            let failure = #expect(throws: Failure.self) { try made.run(untilFinished: true) }
            #expect(failure?.exitCode == .network)
            #expect(failure?.message.contains("has expired") == true)
            #expect(failure?.message.contains("enrol this agent again") == true)
            #expect(failure?.message.contains("\n") == false)
        }
        #expect(try Outbox(folder: folder).entries() == [entry])
        // With a new one the same state goes on, the report first.
        try authority.issue("agent", role: .agent)
        let again = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
        #expect(try again.run(untilFinished: true) == .done)
        #expect(federation.state.withLock { $0.updates[2] } == [entry.body])
        #expect(try Outbox(folder: folder).entries().isEmpty)
    }

    @Test("With a certificate that is about to end it renews at once")
    func nearlyExpired() throws {
        defer { federation.shutdown() }
        try authority.issue("agent", role: .agent, lifetimeDays: 31, now: Date() - 30.9 * Self.day)
        let agent = try TestAgent(federation)
        let made = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
        #expect(try made.run(untilFinished: true) == .done)
        #expect(federation.state.withLock { $0.renewals } == 1)
    }

    @Test("A host that slept for a month waits for a new certificate, and takes it up by itself")
    func slept() throws {
        defer { federation.shutdown() }
        let agent = try TestAgent(federation)
        let link = try agent.link()
        let renewal = CertificateRenewal(agent.configuration, log: agent.log.logger)
        try renewal.renewIfDue(link)
        var trouble = ServerTrouble(agent.configuration.credentials)
        trouble.served()
        let later = Date() + 4000 * Self.day
        let error = #expect(throws: OwnCertificateTrouble.self) { try renewal.renewIfDue(link, now: later) }
        let passing = try trouble.passing(#require(error), now: later)
        #expect(passing.why.contains("enrol this agent again"))
    }

    @Test("A clock that was ahead for a while does not keep it from renewing")
    func clockAhead() throws {
        defer { federation.shutdown() }
        try authority.issue("agent", role: .agent, lifetimeDays: 30, now: Date() - 29 * Self.day)
        let agent = try TestAgent(federation)
        let link = try agent.link()
        let renewal = CertificateRenewal(agent.configuration, log: agent.log.logger)
        // Looked at while it was good, by a clock that is half a day ahead: the server is away then.
        federation.shutdown()
        try renewal.renewIfDue(link, now: Date() + Self.day / 2)
        #expect(agent.log.text.contains("could not be renewed"))
        let before = agent.log.text.count
        try renewal.renewIfDue(link, now: Date())
        #expect(agent.log.text.count > before, "it looks again once the clock is right")
    }
}
