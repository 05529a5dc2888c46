import Cryptography
import Encoding
import Federation
import Foundation
import Messages
import Testing
import Transport

@testable import AggregationServer

/// Reports without a server: each is counted once, and a receipt is only for what lasts.
@Suite struct ReportDeskTests {
    private let run: DeskRun
    private let desk: ReportDesk
    private let spool: Spool
    private let memory = UpdateMemory(limit: 1 << 20)

    init() throws {
        run = try DeskRun()
        spool = Spool(run.state)
        desk = ReportDesk(
            run.context, state: run.state, memory: memory, rounds: run.rounds,
            books: run.books, roster: run.roster)
    }

    /// A client's report of the last round under a temporary name, as the spool's threads leave it.
    private func report(
        _ client: Int, _ vector: RingVector? = nil, digest: String? = nil, round: Int? = nil,
        isKept: Bool = true
    ) throws -> (report: IncomingReport, request: OpenRequest) {
        let header = try run.header(weight: client + 1)
        let body = header.encoded() + (vector ?? run.vector(client)).packed()
        let path = spool.incomingPath()
        if isKept { try Data(body).write(to: URL(fileURLWithPath: path)) }
        let request = try OpenRequest()
        return (
            IncomingReport(
                agent: DeskRun.agent(client), key: run.books.key(round ?? run.rounds.number), header: header,
                digest: try digest ?? SHA256.text(of: body), bytes: body.count, path: isKept ? path : nil,
                content: nil, responder: request.responder),
            request
        )
    }

    private var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: spool.path).sorted() }
    }

    @Test func aReportIsAddedAndKeptBeforeItsReceipt() throws {
        try run.open()
        let first = try report(0)
        desk.take(first.report)
        #expect(first.request.status == nil, "the folder is not synced yet")
        let second = try report(2)
        desk.take(second.report)
        desk.flushReceipts()
        for (report, request) in [first, second] {
            #expect(request.status == 202)
            let receipt = try UpdateReceipt(decoding: request.body)
            #expect(receipt.sha256 == report.digest && receipt.round == 1)
        }
        var sum = run.vector(0)
        sum.add(run.vector(2))
        #expect(desk.sum == sum && desk.weight == 4)
        #expect(try files == ["000001-0.update", "000001-2.update"])
        #expect(run.rounds.file?.reports.count == 2 && !run.rounds.awaits(0) && run.rounds.awaits(1))
        #expect(run.roster.views.map(\.reports) == [1, 0, 1])
        #expect(run.fixture.statusChanges == 2)
    }

    /// A small report, as the journal keeps it.
    private func small(_ client: Int) throws -> (report: IncomingReport, request: OpenRequest) {
        let header = try run.header(weight: client + 1)
        let body = header.encoded() + run.vector(client).packed()
        let content = try #require(memory.take(body.count))
        #expect(body.withUnsafeBytes { content.append($0) })
        let request = try OpenRequest()
        return (
            IncomingReport(
                agent: DeskRun.agent(client), key: run.books.key(run.rounds.number), header: header,
                digest: try SHA256.text(of: body), bytes: body.count, path: nil, content: content,
                responder: request.responder), request
        )
    }

    /// One sync serves several small reports: they wait for each other, but not for long, and not for the last one.
    @Test func smallReportsAreSyncedTogether() throws {
        try run.open()
        let first = try small(0)
        desk.take(first.report)
        desk.flushGathered()
        let wait = try #require(desk.secondsToNextWork)
        #expect(first.request.status == nil && wait > 0 && wait <= 0.01)
        run.clock.now += 0.5
        desk.flushGathered()
        #expect(first.request.status == 202 && desk.secondsToNextWork == nil)
        let second = try small(1)
        desk.take(second.report)
        run.clock.now -= 100
        desk.flushGathered()
        #expect(second.request.status == 202, "a clock that was set back holds nobody up")
        let last = try small(2)
        desk.take(last.report)
        desk.flushGathered()
        #expect(last.request.status == 202, "no other report can come")
    }

    @Test func theSameBytesAgainCountOnce() throws {
        try run.open()
        let first = try report(0)
        desk.take(first.report)
        let again = try report(0, isKept: false)
        desk.take(again.report)
        #expect(again.request.status == 200)
        let other = try report(0, digest: "other")
        desk.take(other.report)
        #expect(other.request.status == 409 && other.request.word == "duplicate")
        #expect(desk.sum == run.vector(0))
        #expect(try files == ["000001-0.update"], "what is turned away is removed")
    }

    @Test func aRepetitionOfARoundThatHasEndedIsKnown() throws {
        var file = DeskFixture.file(1, .published)
        file.reports = ["1": "digest"]
        run.books.conclude(file, published: 1, charged: 1)
        run.rounds.restart(after: run.books, round: 1, charged: 1)
        let again = try report(1, digest: "digest")
        desk.take(again.report)
        #expect(again.request.status == 200)
        let late = try report(2)
        desk.take(late.report)
        #expect(late.request.status == 409 && late.request.word == "not_invited")
    }

    @Test func strangersAndTheShutOutAreTurnedAway() throws {
        try run.open()
        try run.roster.revoke(1)
        let (stranger, revoked) = (try report(3), try report(1))
        desk.take(stranger.report)
        desk.take(revoked.report)
        #expect(stranger.request.word == "not_registered" && revoked.request.word == "revoked")
        #expect(desk.weight == 0)
    }

    @Test func whatCannotCountIsRefused() throws {
        try run.open([0, 1])
        let notInvited = try report(2)
        desk.take(notInvited.report)
        #expect(notInvited.request.word == "not_invited")
        let wrongRound = try report(0, round: 9)
        desk.take(wrongRound.report)
        #expect(wrongRound.request.word == "wrong_round")
        let hashed = try report(0, isKept: false)
        desk.take(hashed.report)
        #expect(hashed.request.status == 503 && hashed.request.word == "busy")
        run.clock.now += 60
        let late = try report(0)
        desk.take(late.report)
        #expect(late.request.word == "round_closed")
        #expect(try files.isEmpty)
    }

    @Test func whatCannotBeAddedDoesNotCount() throws {
        try run.open()
        let short = RingVector(zeros: 1, bits: run.context.plan.codec.bits)
        let damaged = try report(0, short)
        desk.take(damaged.report)
        #expect(damaged.request.status == 503 && damaged.request.word == "storage")
        #expect(run.rounds.awaits(0) && desk.weight == 0)
        #expect(!run.context.board.read { $0.isHealthy })
    }

    @Test func withoutASyncThereIsNoReceipt() throws {
        try run.open()
        let first = try report(0)
        desk.take(first.report)
        let away = "\(spool.path)-away"
        try FileManager.default.moveItem(atPath: spool.path, toPath: away)
        desk.flushReceipts()
        #expect(first.request.status == 503 && first.request.word == "storage")
        let early = try report(0, isKept: false)
        desk.take(early.report)
        #expect(early.request.status == 503, "a receipt is only for what lasts")
        try FileManager.default.moveItem(atPath: away, toPath: spool.path)
        let again = try report(0, isKept: false)
        desk.take(again.report)
        #expect(again.request.status == 200 && desk.sum == run.vector(0))
    }

    /// A process that begins anew has the same sum from the files alone.
    @Test func keptReportsGiveTheSameSum() throws {
        try run.open()
        for client in 0...1 { desk.take(try report(client).report) }
        let again = ReportDesk(
            run.context, state: run.state, memory: UpdateMemory(limit: 1 << 20), rounds: run.rounds,
            books: run.books, roster: run.roster)
        #expect(try again.clients(of: 1) == [0, 1])
        var file = DeskFixture.file(1)
        for client in 0...1 {
            try again.add(client, round: 1)
            try again.note(client, in: &file)
        }
        #expect(again.sum == desk.sum && again.weight == desk.weight)
        #expect(file.reports == run.rounds.file?.reports && file.bytesUp == run.rounds.file?.bytesUp)
        #expect(throws: (any Error).self) { try again.add(2, round: 1) }
        try again.removeReports(of: 1)
        #expect(try again.clients(of: 1).isEmpty)
    }

    @Test func agentsGiveUp() throws {
        try run.open()
        func giveUp(_ client: Int, run other: String? = nil, wasMember: Bool = false) throws -> OpenRequest {
            let request = try OpenRequest()
            let key = RoundKey(run: other ?? run.books.run.run, round: 1)
            let report = FailureReport(run: key.run, reason: .data, detail: "no rows")
            desk.giveUp(DeskRun.agent(client), key, report, request.responder, wasMember: wasMember)
            return request
        }
        #expect(try giveUp(0).status == 204)
        #expect(try giveUp(0).status == 204, "again is no other")
        #expect(run.rounds.gaveUpCount == 1 && run.rounds.file?.failures == ["data": 1])
        #expect(run.roster.view(of: 0)?.lastOutcome == "data: no rows")
        #expect(try giveUp(1, run: String(repeating: "0", count: 32)).word == "run_mismatch")
        #expect(try giveUp(3).word == "round_closed")
        #expect(try giveUp(3, wasMember: true).status == 204)
        #expect(run.rounds.gaveUpCount == 1)
    }
}
