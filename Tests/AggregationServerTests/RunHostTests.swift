import Cryptography
import Encoding
import Federation
import Foundation
import HTTPWire
import Messages
import Operations
import TestSupport
import Testing
import Transport

@testable import AggregationServer

/// A run on its thread, by mail alone: no listener, no connection.
@Suite struct RunHostTests {
    /// A host and the way to it.
    private final class Hosted {
        let state: StateDirectory
        let mailbox = OwnerMailbox()
        let board = RoundBoard()
        private let folder: TemporaryFolder
        private var thread: WorkerThread?

        /// Takes the run of the folder up, a new one where it is empty.
        init(_ folder: TemporaryFolder, _ changes: [String] = []) throws {
            self.folder = folder
            state = try StateDirectory(folder.path)
            let setup = try DeskFixture(["server.state_directory=\"\(folder.path)\""] + changes).context.setup
            let (mailbox, board) = (mailbox, board)
            thread = try WorkerThread(name: "run-host") {
                let log = Logger(level: .error, console: Console(isTerminal: false) { _ in })
                let host = try? RunHost(
                    setup: setup, mailbox: mailbox, board: board, events: EventHub(), pulse: Pulse(),
                    surroundings: .alone(log))
                host?.work()
            }
        }

        deinit { end() }

        func end() {
            mailbox.post(.shutDown)
            thread?.join()
            thread = nil
        }

        /// Checks all three agents in, and gives the plans of the round that opens.
        func plans() throws -> [RoundOffer] {
            let requests = try (0..<3).map { _ in try OpenRequest() }
            for (index, request) in requests.enumerated() {
                let checkIn = CheckInRequest(software: "test", waitSeconds: 60)
                mailbox.post(.checkIn(DeskRun.agent(index), checkIn, CheckInTicket(request.responder)))
            }
            return try requests.map { request in
                #expect(eventually { request.status != nil })
                return try RoundOffer(decoding: request.body)
            }
        }

        /// Posts an agent's report of a round.
        func report(_ plan: RoundOffer) throws -> OpenRequest {
            let header = try #require(
                UpdateHeader(
                    run: plan.run, round: plan.round, weight: 1, count: plan.report.count,
                    bits: plan.report.bits))
            let body =
                header.encoded() + RingVector(zeros: plan.report.count, bits: plan.report.bits).packed()
            let path = Spool(state).incomingPath()
            try Data(body).write(to: URL(fileURLWithPath: path))
            let request = try OpenRequest()
            mailbox.post(
                .report(
                    IncomingReport(
                        agent: DeskRun.agent(plan.client), key: RoundKey(run: plan.run, round: plan.round),
                        header: header, digest: try SHA256.text(of: body), bytes: body.count, path: path,
                        content: nil, responder: request.responder)))
            return request
        }
    }

    @Test func mailMakesAModel() throws {
        let folder = try TemporaryFolder()
        let hosted = try Hosted(folder)
        let plans = try hosted.plans()
        #expect(plans.map(\.client) == [0, 1, 2] && plans.allSatisfy { $0.round == 1 })
        let answers = try plans.map(hosted.report)
        #expect(eventually { answers.allSatisfy { $0.status == 202 } })
        #expect(try eventually { try hosted.state.run()?.published == 1 })
        #expect(hosted.board.read { $0.shownRound } == 1 && hosted.board.read { $0.isReady })
    }

    @Test func whoWaitsHearsOfTheEndOfTheServer() throws {
        let hosted = try Hosted(try TemporaryFolder())
        let request = try OpenRequest()
        hosted.mailbox.post(
            .checkIn(
                DeskRun.agent(0), CheckInRequest(software: "test", waitSeconds: 60),
                CheckInTicket(request.responder)))
        hosted.end()
        #expect(request.word == "shutting_down")
    }

    /// A host that takes the folder over goes on with the round that was open and the report that was taken.
    @Test func theNextHostGoesOn() throws {
        let folder = try TemporaryFolder()
        let first = try Hosted(folder)
        let plans = try first.plans()
        let answer = try first.report(plans[1])
        #expect(eventually { answer.status == 202 })
        first.end()
        let second = try Hosted(folder)
        let again = try second.report(plans[1])
        #expect(eventually { again.status == 200 })
        for plan in [plans[0], plans[2]] { _ = try second.report(plan) }
        #expect(try eventually { try second.state.run()?.published == 1 })
        #expect(try second.state.round(1)?.survivors == [0, 1, 2])
    }

    /// Runs in two folders have nothing in common.
    @Test func twoRunsDoNotMeet() throws {
        let (one, other) = (try Hosted(try TemporaryFolder()), try Hosted(try TemporaryFolder()))
        let plans = try one.plans()
        #expect(try eventually { try other.state.run() != nil })
        #expect(try other.state.run()?.run != plans[0].run)
        let stray = try OpenRequest()
        let checkIn = CheckInRequest(
            run: plans[0].run, acceptsOtherRun: false, software: "test", waitSeconds: 0)
        other.mailbox.post(.checkIn(DeskRun.agent(0), checkIn, CheckInTicket(stray.responder)))
        #expect(eventually { stray.status == 409 })
        #expect(stray.word == "run_mismatch")
    }
}
