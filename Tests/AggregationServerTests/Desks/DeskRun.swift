import Encoding
import Federation
import Foundation
import Messages
import Operations
import Testing

@testable import AggregationServer

/// A new run in a folder of its own with the desks that the others lean on: no server, no sockets, no threads.
final class DeskRun {
    let fixture: DeskFixture
    let opening: RunOpening
    let state: StateDirectory
    let ledger: ServerLedger
    let roster: RosterDesk
    let books: BookDesk
    let rounds: RoundDesk
    private let folder: TemporaryFolder

    var context: DeskContext { fixture.context }
    var clock: DeskFixture.Clock { fixture.clock }

    /// A run of the fixture's task with `changes`, in which `agents` agents have places.
    init(_ changes: [String] = [], agents: Int = 3) throws {
        folder = try TemporaryFolder()
        fixture = try DeskFixture(["server.state_directory=\"\(folder.path)\""] + changes)
        let (context, now) = (fixture.context, fixture.clock.now)
        state = try StateDirectory(folder.path)
        opening = try RunOpening(context.setup, state, now: now)
        ledger = try ServerLedger(
            path: state.ledger, run: opening.run, taskDigest: context.setup.taskDigest, plan: context.plan)
        roster = try RosterDesk(
            AgentRegistry(path: state.agents, capacity: 4, roster: nil, now: now, run: opening.run))
        books = BookDesk(context, run: opening.run, state: state, ledger: ledger, roster: roster)
        rounds = try RoundDesk(context)
        for index in 0..<agents { _ = try roster.admit(Self.agent(index), software: "test", at: now) }
    }

    /// The identity of an agent.
    static func agent(_ index: Int) -> AgentIdentity {
        AgentIdentity(name: "agent-\(index)", fingerprint: "", certificateExpires: 0)
    }

    /// Opens the next round with the clients that are named, or all three, and takes it up.
    @discardableResult
    func open(_ clients: [Int] = [0, 1, 2]) throws -> RoundFile {
        let opening = try #require(
            try rounds.open(.present(clients), at: context.instant) { invitation in
                let file = RoundFile(
                    run: books.run.run, round: invitation.round, state: .open,
                    opened: invitation.opened.seconds, deadline: invitation.deadline.seconds,
                    invited: invitation.clients)
                try state.write(file)
                return file
            })
        rounds.begin(opening.file)
        rounds.note(opening.then)
        return opening.file
    }

    /// A vector of small integers in the task's ring.
    func vector(_ client: Int) -> RingVector {
        let plan = context.plan
        let values = (0..<plan.report.count).map { Int64(($0 + 1) * (client + 2)) << 20 }
        var vector = RingVector(zeros: plan.report.count, bits: plan.codec.bits)
        values.withUnsafeBufferPointer { vector.add(integers: $0) }
        return vector
    }

    /// The head of a report of the last round.
    func header(weight: Int = 1) throws -> UpdateHeader {
        let plan = context.plan
        return try #require(
            UpdateHeader(
                run: books.run.run, round: rounds.number, weight: weight, count: plan.report.count,
                bits: plan.codec.bits))
    }
}
