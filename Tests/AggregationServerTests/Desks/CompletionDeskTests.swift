import Cryptography
import Encoding
import Federation
import Foundation
import Messages
import Privacy
import Testing

@testable import AggregationServer

/// The last steps of a round, one by one: each is durable, and doing it again changes nothing.
@Suite struct CompletionDeskTests {
    private static let central = ["task.privacy={mode:'central',clipping_norm:1,noise_multiplier:2}"]

    /// A run with the desk in question.
    private struct Bench {
        let run: DeskRun
        let reports: ReportDesk
        let schedule: ScheduleDesk
        let release: ReleaseDesk
        let desk: CompletionDesk

        init(_ changes: [String] = [], schedule given: RoundSchedule? = nil) throws {
            run = try DeskRun(changes)
            reports = ReportDesk(
                run.context, state: run.state, memory: UpdateMemory(limit: 1 << 20), rounds: run.rounds,
                books: run.books, roster: run.roster)
            schedule = ScheduleDesk(run.context, schedule: given)
            let masked = MaskedDesk(
                run.context, rounds: run.rounds, books: run.books, roster: run.roster,
                verifier: { throw CancellationError() }, gone: { _ in })
            release = ReleaseDesk(
                run.context, run.opening, state: run.state, ledger: run.ledger, rounds: run.rounds,
                books: run.books, reports: reports, masked: masked, schedule: schedule)
            desk = CompletionDesk(
                run.context, rounds: run.rounds, masked: masked, schedule: schedule, release: release)
        }

        /// Opens a round in which two of three agents report the sum of their vectors.
        func collect() throws {
            try run.open()
            var sum = run.vector(0)
            sum.add(run.vector(2))
            reports.adopt(sum, weight: 2)
            for client in [0, 2] { _ = run.rounds.offer(client, round: 1, at: run.context.instant) }
            _ = run.rounds.giveUp(1, round: 1, at: run.context.instant)
        }

        /// Carries the step out that is due, which must be `step`, and tells the engine.
        func pass(_ step: RoundAction) throws {
            try #require(run.rounds.nextStep == step)
            #expect(try !desk.mustWait(for: step))
            run.rounds.finishStep(try desk.carryOut(step))
        }

        /// All steps before the publication.
        func settle() throws {
            try pass(.requireSum(round: 1, survivors: [0, 2]))
            try pass(.requireCharge(round: 1))
            try pass(.requireNoise(round: 1))
            try pass(.requireSettlement(round: 1, survivors: 2))
        }
    }

    @Test func stepByStepToTheModel() throws {
        let bench = try Bench()
        let (run, state) = (bench.run, bench.run.state)
        let before = bench.release.model
        try bench.collect()
        try bench.pass(.requireSum(round: 1, survivors: [0, 2]))
        let closed = try #require(run.rounds.file)
        #expect(closed.state == .closed && closed.survivors == [0, 2])
        try bench.pass(.requireCharge(round: 1))
        #expect(run.ledger.isCharged(1) && !run.ledger.isSettled(1))
        try bench.pass(.requireNoise(round: 1))
        let plan = run.context.plan
        let kept = try #require(try state.noisySum(1, count: plan.report.count, bits: plan.codec.bits))
        var sum = run.vector(0)
        sum.add(run.vector(2))
        #expect(kept.sum == sum && kept.weight == 2, "no noise is in it in mode none")
        #expect(bench.reports.weight == 0, "the exact sum is gone")
        try bench.pass(.requireSettlement(round: 1, survivors: 2))
        #expect(run.ledger.isSettled(1) && run.ledger.released(1) == nil)
        try bench.pass(.requirePublication(round: 1))
        let file = try #require(run.rounds.file)
        #expect(file.state == .published && file.modelSHA256 == bench.release.model.digest)
        #expect(run.ledger.released(1) == file.modelSHA256)
        #expect(try state.round(1)?.state == .open, "the file is written with the books")
        run.books.conclude(file, published: 1, charged: 1)
        try run.books.book()
        #expect(try state.round(1) == file)
        #expect(bench.release.model.round == 1 && bench.release.model.digest != before.digest)
        #expect(run.books.run.modelRound == 1 && run.books.run.modelSHA256 == file.modelSHA256)
        #expect(run.context.board.read { $0.shownRound } == 1)
        // What the strategy makes of the sum is in the file.
        let mean = try #require(sum.centred(at: 0) as Int64?)
        let moved = bench.release.model.parameters()[0] - before.parameters()[0]
        #expect(abs(Double(moved) - Double(mean) / 2 / plan.codec.scale) < 1e-6)
    }

    /// What was accepted is found again after a crash, from when anybody is told.
    @Test func reportsAreDurableBeforeAnybodyIsTold() throws {
        let bench = try Bench()
        let run = bench.run
        try run.open()
        var requests: [OpenRequest] = []
        for client in 0...2 {
            let header = try run.header()
            let body = header.encoded() + run.vector(client).packed()
            let path = Spool(run.state).incomingPath()
            try Data(body).write(to: URL(fileURLWithPath: path))
            let request = try OpenRequest()
            requests.append(request)
            bench.reports.take(
                IncomingReport(
                    agent: DeskRun.agent(client), key: run.books.key(1), header: header,
                    digest: try SHA256.text(of: body), bytes: body.count, path: path, content: nil,
                    responder: request.responder))
        }
        #expect(requests.allSatisfy { $0.status == nil })
        try bench.pass(.requireSum(round: 1, survivors: [0, 1, 2]))
        #expect(requests.allSatisfy { $0.status == nil }, "nobody is told before it is durable")
        #expect(try run.state.round(1)?.state == .open)
        try bench.pass(.requireCharge(round: 1))
        try bench.pass(.requireNoise(round: 1))
        bench.reports.flushReceipts()
        #expect(requests.allSatisfy { $0.status == 202 })
        // From now on the round is closed by its noisy sum.
        let plan = run.context.plan
        let closed = try run.state.closedRound(1, count: plan.report.count, bits: plan.codec.bits)
        #expect(closed?.survivors == [0, 1, 2] && closed?.reports.count == 3 && closed?.state == .closed)
        #expect(try run.state.round(1)?.state == .open)
    }

    /// Noise is drawn once: whatever fails after it was stored, the same bytes are used.
    @Test func aNoisySumThatExistsIsUsedByteForByte() throws {
        let bench = try Bench(Self.central)
        try bench.collect()
        let exact = bench.reports.sum
        try bench.pass(.requireSum(round: 1, survivors: [0, 2]))
        try bench.pass(.requireCharge(round: 1))
        _ = try bench.desk.carryOut(.requireNoise(round: 1))
        let digest = try #require(bench.run.rounds.file?.noisySumSHA256)
        let bytes = FileManager.default.contents(atPath: bench.run.state.noisySumPath(1))
        bench.desk.forget()
        _ = try bench.desk.carryOut(.requireNoise(round: 1))
        #expect(bench.run.rounds.file?.noisySumSHA256 == digest)
        #expect(FileManager.default.contents(atPath: bench.run.state.noisySumPath(1)) == bytes)
        #expect(try digest != SHA256.text(packed: exact), "central noise is in it")
    }

    @Test func aChargeThatIsThereIsNotWrittenAgain() throws {
        let bench = try Bench(Self.central)
        try bench.collect()
        try bench.pass(.requireSum(round: 1, survivors: [0, 2]))
        _ = try bench.desk.carryOut(.requireCharge(round: 1))
        let head = bench.run.ledger.head()?.hash
        _ = try bench.desk.carryOut(.requireCharge(round: 1))
        #expect(bench.run.ledger.head()?.hash == head && bench.run.ledger.head()?.rounds == 1)
    }

    @Test func withoutANoisySumNothingIsSettled() throws {
        let bench = try Bench()
        try bench.collect()
        try bench.pass(.requireSum(round: 1, survivors: [0, 2]))
        try bench.pass(.requireCharge(round: 1))
        #expect(throws: (any Error).self) {
            try bench.desk.carryOut(.requireSettlement(round: 1, survivors: 2))
        }
        #expect(!bench.run.ledger.isSettled(1))
    }

    /// On a schedule the model is made at once and shown at its instant.
    @Test func aModelWaitsForItsInstant() throws {
        let bench = try Bench(schedule: RoundSchedule(reportDeadline: 60, masksReports: false))
        let clock = bench.run.clock
        try bench.collect()
        var file = try #require(bench.run.rounds.file)
        file.publication = clock.now + 75
        bench.run.rounds.keep(file)
        try bench.settle()
        let step = RoundAction.requirePublication(round: 1)
        #expect(bench.desk.instant(of: step) == nil, "no model yet")
        #expect(try bench.desk.mustWait(for: step))
        #expect(try bench.run.state.modelRounds() == [0, 1] && bench.release.model.round == 0)
        #expect(bench.desk.instant(of: step)?.seconds == clock.now + 75)
        clock.now += 75
        try bench.pass(step)
        #expect(bench.run.rounds.file?.seconds == 75)
        #expect(bench.desk.instant(of: .finished(.allRounds)) == nil)
        bench.schedule.follow(clock.now + 10)
        #expect(try bench.desk.mustWait(for: .finished(.allRounds)))
    }

    /// A round that is given up keeps its charge, and its file says so.
    @Test(arguments: [false, true]) func anAbandonedRoundKeepsItsCharge(isCharged: Bool) throws {
        let bench = try Bench(Self.central)
        try bench.collect()
        if isCharged {
            try bench.pass(.requireSum(round: 1, survivors: [0, 2]))
            try bench.pass(.requireCharge(round: 1))
        }
        bench.run.clock.now += 5
        let file = try bench.release.abandon(#require(bench.run.rounds.file), because: "no reason")
        #expect(file.state == .abandoned && file.abandoned == "no reason" && file.isCharged == isCharged)
        #expect(abs(file.seconds - 5) < 1e-6)
        #expect(try bench.run.state.round(1) == file)
        #expect(bench.run.ledger.isCharged(1) == isCharged)
    }

    @Test func theEndsOfRoundAndRunAreTheHosts() throws {
        let bench = try Bench()
        #expect(try bench.desk.carryOut(.finished(.stopped)) == nil)
        #expect(try bench.desk.carryOut(.abandoned(round: 1, .failed(""))) == nil)
    }
}
