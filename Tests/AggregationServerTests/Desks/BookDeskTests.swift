import Encoding
import Federation
import Foundation
import Privacy
import Ledger
import Testing

@testable import AggregationServer

/// The books: what is said of the run is durable, and what is not yet can be tried again.
@Suite struct BookDeskTests {
    private let run: DeskRun
    private var books: BookDesk { run.books }

    init() throws { run = try DeskRun() }

    /// Takes the folder away, so that nothing can be written, and brings it back after `body`.
    private func withoutDisk(_ body: () throws -> Void) throws {
        let (path, away) = (run.state.path, "\(run.state.path)-away")
        try FileManager.default.moveItem(atPath: path, toPath: away)
        try body()
        try FileManager.default.moveItem(atPath: away, toPath: path)
    }

    @Test func aChangeThatCannotBeWrittenIsNone() throws {
        try withoutDisk {
            #expect(throws: (any Error).self) { try books.change { $0.isPaused = true } }
        }
        #expect(!books.run.isPaused)
        try books.change { $0.isPaused = true }
        #expect(books.run.isPaused)
        let written = try #require(try run.state.run())
        #expect(written.isPaused && written.registry == 3 && written.registrySHA256 == run.roster.digest)
        #expect(written.ledger?.lines == run.ledger.head()?.sequence)
    }

    @Test func aConcludedRoundStaysUnbookedUntilItIsWritten() throws {
        var file = DeskFixture.file(1, .published)
        file.reports = ["2": "digest"]
        books.note { $0.restoredThrough = 9 }
        books.conclude(file, published: 1, charged: 1)
        #expect(books.isBehind && books.run.round == 1 && books.run.restoredThrough == nil)
        #expect(books.digest(of: 2, round: 1) == "digest" && books.digest(of: 1, round: 1) == nil)
        #expect(try run.state.run()?.round == 0)
        try withoutDisk { #expect(throws: (any Error).self) { try books.book() } }
        #expect(books.isBehind)
        run.context.board.change { $0.isHealthy = false }
        try run.state.writeNoisySum(1, run.vector(0), weight: 1)
        try books.book()
        #expect(!books.isBehind && run.context.board.read { $0.isHealthy })
        #expect(try run.state.run()?.published == 1 && run.state.run()?.charged == 1)
        #expect(try run.state.round(1) == file)
        let plan = run.context.plan
        #expect(try !run.state.hasNoisySum(1, count: plan.report.count, bits: plan.codec.bits))
    }

    @Test func anAbandonedRoundKeepsTheMarkOfARestore() {
        books.note { $0.restoredThrough = 9 }
        books.conclude(DeskFixture.file(1, .abandoned), published: 0, charged: 1)
        #expect(books.run.restoredThrough == 9 && books.abandonedInARow == 1 && books.lastPublished == nil)
        books.conclude(DeskFixture.file(2, .published), published: 1, charged: 2)
        #expect(books.abandonedInARow == 0 && books.lastPublished?.round == 2)
    }

    @Test(arguments: [false, true]) func figuresFollowIntoTheRoundsFile(isBooked: Bool) throws {
        let file = DeskFixture.file(1, .published)
        books.note { $0.modelRound = 1 }
        books.conclude(file, published: 1, charged: 1)
        #expect(books.lacksEvaluation)
        if isBooked { try books.book() }
        let result = EvaluationResult(
            round: 1, accuracy: 0.5, loss: .infinity, seconds: 2, mae: 3, rmse: .infinity, r2: .nan)
        let changed = try #require(books.record(result))
        #expect(changed.accuracy == 0.5 && changed.loss == nil && changed.evaluationSeconds == 2)
        #expect(changed.mae == 3 && changed.rmse == nil && changed.r2 == nil)
        if !isBooked { try books.book() }
        #expect(try run.state.round(1) == changed)
        #expect(!books.lacksEvaluation && books.lastEvaluated?.round == 1)
        #expect(books.record(EvaluationResult(round: 8, accuracy: 1, loss: 0, seconds: 0)) == nil)
    }

    @Test func theEndOfARunSaysWhatCameOfIt() throws {
        #expect(books.end == .unfinished && !books.isFinished)
        books.note { $0.finished = "privacy budget exhausted" }
        #expect(books.end == .nothingPublished(isBudget: true))
        books.note { ($0.finished, $0.published) = ("all rounds done", 2) }
        #expect(books.end == .finished && books.isFinished)
    }

    @Test func roundsAreReadBack() throws {
        for number in 1...3 {
            books.conclude(DeskFixture.file(number, .published), published: number, charged: number)
            try books.book()
        }
        try run.state.write(DeskFixture.file(4))
        let again = BookDesk(
            run.context, run: books.run, state: run.state, ledger: run.ledger, roster: run.roster)
        try again.readHistory()
        #expect(again.history.map(\.round) == [1, 2, 3])
    }
}
