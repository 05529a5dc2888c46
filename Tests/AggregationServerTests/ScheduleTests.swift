import Encoding
import Federation
import Foundation
import HTTPWire
import Messages
import Operations
import SecureAggregation
import Synchronization
import TestSupport
import Testing
import Transport

@testable import AggregationServer

/// Where amplification by sampling is claimed, nothing that can be seen from outside tells by its time who took part.
@Suite struct ScheduleTests {
    /// What the members of a cohort do.
    enum Behaviour: CaseIterable { case prompt, slow, givesUp, silent }

    private static func roster(_ count: Int) throws -> String {
        let path = try TemporaryFolders.make("sordino-roster") + "/roster"
        try AtomicFile.write((0..<count).map { "agent-\($0)\n" }.joined(), to: path)
        return path
    }

    /// A private server whose rounds have one expected member: about a third of its cohorts are empty.
    private func fixture(rounds: Int = 6, sampling: String = "poisson", deadline: String = "2s") throws
        -> ServerFixture
    {
        try ServerFixture([
            "task.rounds=\(rounds)", "task.cohort_size=1", "task.report_deadline='\(deadline)'",
            "task.min_reports=\(sampling == "poisson" ? "null" : "1")", "server.population=3",
            "server.roster=\"\(try Self.roster(3))\"",
            "task.privacy={mode:'central',clipping_norm:1,noise_multiplier:1,sampling:'\(sampling)'}",
        ])
    }

    /// One agent, for as long as the run goes on.
    private static func serve(_ agent: TestAgent, _ behaviour: Behaviour, until ended: borrowing Atomic<Bool>)
        throws
    {
        var lastRound = 0
        while !ended.load(ordering: .relaxed) {
            let answer = try agent.checkIn(
                CheckInRequest(software: "test", waitSeconds: 1, lastRound: lastRound))
            guard answer.status == 200 else { continue }
            let plan = try RoundOffer(decoding: answer.body)
            lastRound = plan.round
            // Work that lasts, not a wait for anything.
            if behaviour == .slow { usleep(1_500_000) }
            switch behaviour {
            case .silent: break
            case .givesUp:
                let report = FailureReport(run: plan.run, reason: .other, detail: "")
                _ = try agent.client.exchange(
                    ClientRequest(
                        .post, AgentProtocol.paths.failure(round: plan.round), body: .bytes(report.encoded()))
                )
            case .prompt, .slow:
                let header = try #require(
                    UpdateHeader(
                        run: plan.run, round: plan.round, weight: 1, count: plan.report.count,
                        bits: plan.report.bits))
                let zeros = RingVector(zeros: plan.report.count, bits: plan.report.bits)
                _ = try agent.send(header.encoded() + zeros.packed(), round: plan.round)
            }
        }
    }

    /// When each model became visible to an agent that polls, seconds since 1970.
    private static func watch(_ client: HTTPClient, rounds: Int, until ended: borrowing Atomic<Bool>) throws
        -> [Int: Double]
    {
        var seen: [Int: Double] = [:]
        _ = try eventually(within: 60) {
            let next = seen.count + 1
            let answer = try client.exchange(ClientRequest(.get, AgentProtocol.paths.model(round: next)))
            if answer.status == 200 { seen[next] = Date().timeIntervalSince1970 }
            return seen.count == rounds || ended.load(ordering: .relaxed)
        }
        return seen
    }

    @Test(arguments: Behaviour.allCases) func modelsAppearByTheClock(behaviour: Behaviour) throws {
        let rounds = 3
        let fixture = try fixture(rounds: rounds)
        let ended = Ended()
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let threads = try agents.map { agent in
            try TestThread { try Self.serve(agent, behaviour, until: ended.flag) }
        }
        let watcher = try fixture.client(3)
        let seen = try Self.watch(watcher, rounds: rounds, until: ended.flag)
        ended.flag.store(true, ordering: .relaxed)
        for thread in threads { try thread.join() }
        let files = try (1...rounds).map { try #require(try fixture.state.round($0)) }
        #expect(files.allSatisfy { $0.state == .published })
        var opened = try #require(files.first).opened
        for file in files {
            // A busy machine may be late, by whole quanta; nobody's doing makes a round shorter.
            #expect(Self.isOnGrid(file.opened - opened, of: 1))
            #expect(abs(file.deadline - file.opened - 2) < 1e-5)
            let publication = try #require(file.publication)
            #expect(Self.isOnGrid(publication - file.opened - 3, of: 1))
            #expect(abs(file.seconds - (publication - file.opened)) < 1e-3)
            let late = try #require(seen[file.round]) - publication
            #expect(late > -0.01, "round \(file.round) showed \(-late) s early")
            opened = publication
        }
    }

    /// Whether a time is a whole number of quanta, 0 or more.
    private static func isOnGrid(_ seconds: Double, of quantum: Double) -> Bool {
        seconds > -1e-5 && abs(seconds / quantum - (seconds / quantum).rounded()) < 1e-4
    }

    /// A model that is durable is offered to nobody before its instant: not by the agents' listener, not to
    /// administrators, not after a restart; and the restart moves nothing.
    @Test func nothingShowsBeforeItsInstantAlsoAfterARestart() throws {
        let fixture = try fixture(rounds: 2, sampling: "fixed-size", deadline: "4s")
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        #expect(try fixture.eventually { try fixture.state.round(1) != nil })
        for agent in agents {
            let answer = try agent.checkIn()
            guard answer.status == 200 else { continue }
            let plan = try RoundOffer(decoding: answer.body)
            let header = try #require(
                UpdateHeader(
                    run: plan.run, round: 1, weight: 1, count: plan.report.count, bits: plan.report.bits))
            let zeros = RingVector(zeros: plan.report.count, bits: plan.report.bits)
            #expect(try agent.send(header.encoded() + zeros.packed(), round: 1).status == 202)
        }
        let path = try fixture.state.modelPath(1)
        #expect(fixture.eventually { FileManager.default.fileExists(atPath: path) })
        /// Whether agents, administrators, and the list of models show it.
        func visible() throws -> [Bool] {
            let client = try fixture.client(3)
            let list = try fixture.admin(.get, "/api/models", token: ServerFixture.viewerToken).body
            return [
                try client.exchange(ClientRequest(.get, AgentProtocol.paths.model(round: 1))).status == 200,
                try fixture.admin(.get, "/api/models/1", token: ServerFixture.viewerToken).status == 200,
                String(decoding: list, as: UTF8.self).contains("/api/models/1"),
            ]
        }
        #expect(try visible() == [false, false, false])
        let publication = try #require(try fixture.state.round(1)?.publication)
        fixture.stop()
        try fixture.start()
        #expect(try visible() == [false, false, false])
        #expect(Date().timeIntervalSince1970 < publication)
        #expect(try fixture.eventually { try visible() == [true, true, true] })
        #expect(Date().timeIntervalSince1970 > publication - 0.01)
        #expect(try fixture.eventually { try fixture.state.round(2) != nil })
        let next = try #require(try fixture.state.round(2))
        #expect(Self.isOnGrid(next.opened - publication, of: 1))
        #expect(
            Self.isOnGrid(try #require(try fixture.state.round(1)?.publication) - publication, of: 1))
    }

    /// A clock that was set back, or a damaged file, makes nobody wait for an instant that is far away.
    @Test func instantsFarAheadAreNotWaitedFor() throws {
        let fixture = try fixture(rounds: 2, sampling: "fixed-size", deadline: "1s")
        _ = try TestAgent(0, fixture).checkIn()
        #expect(try fixture.eventually { try fixture.state.round(1) != nil })
        fixture.stop()
        var file = try #require(try fixture.state.round(1))
        for far in [file.opened + 3600, file.opened + 1e8] {
            file.deadline = far
            file.publication = far
            try fixture.state.write(file)
            try fixture.start()
            if far > file.opened + 1e7 {
                #expect(try fixture.eventually { try fixture.state.run()?.round ?? 0 >= 1 })
            }
            fixture.stop()
        }
        // What is no time at all is a damaged file.
        file.publication = 1e300
        try fixture.state.write(file)
        #expect(throws: Failure.self) { try fixture.start() }
    }

    /// How far the members of a masked round come.
    @Test(arguments: [ProtocolStep.finished, .keys, .masked, .consistency])
    func maskedRoundsEndByTheClock(missing: ProtocolStep) throws {
        let fleet = try MaskedFleet(
            4, minimum: 3, deadline: "4s", rounds: 2,
            changes: [
                "server.roster=\"\(try Self.roster(4))\"",
                "task.privacy={mode:'distributed',clipping_norm:1,noise_multiplier:1,sampling:'fixed-size'}",
            ])
        try fleet.assemble()
        for step in [ProtocolStep.keys, .shares, .masked, .consistency, .unmask] where step < missing {
            try fleet.play(step)
        }
        #expect(try fleet.fixture.eventually { try fleet.fixture.state.round(2) != nil })
        let (first, second) = (
            try #require(try fleet.fixture.state.round(1)), try #require(try fleet.fixture.state.round(2))
        )
        #expect(first.state == (missing == .finished ? .published : .abandoned))
        #expect(Self.isOnGrid(second.opened - first.opened - 7, of: 1), "\(second.opened - first.opened)")
        #expect(Self.isOnGrid(first.seconds - 7, of: 1), "\(first.seconds)")
    }
}

/// Tells threads to end.
private final class Ended: Sendable {
    let flag = Atomic<Bool>(false)
}

/// A thread of a test, whose error ``join()`` throws.
private final class TestThread: Sendable {
    private let result = Mutex<(any Error)?>(nil)
    private let done = DispatchSemaphore(value: 0)

    init(_ body: @escaping () throws -> Void) throws {
        let work = Work(body: body)
        Thread.detachNewThread { [self] in
            do { try work.body() } catch { result.withLock { $0 = error } }
            done.signal()
        }
    }

    /// `@unchecked Sendable`: made by one thread, which does not touch it again, and run by the other.
    private struct Work: @unchecked Sendable {
        let body: () throws -> Void
    }

    func join() throws {
        done.wait()
        if let error = result.withLock({ $0 }) { throw error }
    }
}
