import Federation
import Foundation
import Operations
import Privacy
import TestSupport
import Testing

@testable import AggregationServer

/// Runs over the same people share one budget, whatever becomes of their files.
@Suite struct RosterBudgetTests {
    private static let privacy =
        #"task.privacy={"mode":"central","clipping_norm":1,"noise_multiplier":2,"target_delta":1e-5,"target_epsilon":1000}"#

    /// Settings of a run that shares `folder`, where all may spend what `runs` of them do.
    private static func settings(_ folder: String, runs: Double) throws -> [String] {
        let event = PrivacyEvent(mechanism: .gaussian(noiseMultiplier: 2), steps: 2)
        let one = try PrivacyGuarantee.of([event], delta: 1e-5).epsilon
        let two = try PrivacyGuarantee.of([event, event], delta: 1e-5).epsilon
        let limit = runs < 2 ? one + (two - one) * (runs - 1) : two
        return [
            privacy, "server.roster_budget.folder=\(folder)",
            "server.roster_budget.epsilon=\(limit * (1 + 1e-9))",
        ]
    }

    private static func folder() throws -> String { try TemporaryFolders.make("roster") }

    private static func refusal(_ changes: [String]) -> Failure? {
        do {
            _ = try ServerFixture(changes)
            return nil
        } catch {
            return Failure(wrapping: error)
        }
    }

    @Test func aSecondRunDoesNotForgetTheFirst() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let settings = try Self.settings(folder, runs: 1.5)
        let first = try ServerFixture(settings)
        let refusal = try #require(Self.refusal(settings))
        #expect(refusal.exitCode == .refused && !refusal.message.contains("\n"))
        // The run itself comes back, and counts once.
        first.stop()
        try first.start()
        first.stop()
        // Gone, it still counts with all it was planned for.
        try FileManager.default.removeItem(atPath: "\(first.folder)/state")
        #expect(Self.refusal(settings)?.exitCode == .refused)
        #expect(Self.refusal(try Self.settings(folder, runs: 2)) == nil)
    }

    @Test func aRunThatEndedCountsWithWhatItsLedgerHas() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let settings = try Self.settings(folder, runs: 1.5)
        let first = try ServerFixture(settings)
        first.stop()
        let state = try first.state
        var run = try #require(try state.run())
        run.finished = "stopped"
        try state.write(run)
        #expect(Self.refusal(settings) == nil)
        // A ledger that is not sound shows nothing.
        try AtomicFile.write("{}\n", to: state.ledger)
        #expect(Self.refusal(settings)?.exitCode == .refused)
    }

    @Test(arguments: ["", "{}", #"{"version":9}"#, "\u{0}"]) func aDamagedFileStopsEveryRun(_ text: String)
        throws
    {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try AtomicFile.write(text, to: "\(folder)/\(String(repeating: "a", count: 32)).json")
        let refusal = try #require(Self.refusal(Self.settings(folder, runs: 2)))
        #expect(refusal.exitCode == .storage && refusal.message.contains(folder))
    }

    /// Nothing to bound, or nothing that ends a run whose charged rounds are lost.
    @Test(arguments: [
        [], [#"task.privacy={"mode":"central","clipping_norm":1,"noise_multiplier":2,"target_delta":1e-5}"#],
    ])
    func aRunWithoutABoundHasNoBudget(_ privacy: [String]) throws {
        let settings = ["server.roster_budget.folder=x", "server.roster_budget.epsilon=1"]
        #expect(Self.refusal(privacy + settings)?.exitCode == .invalidInput)
    }

    /// A folder that is not mounted has no runs, and a run that was in it says so.
    @Test func aRunThatTheFolderForgotIsNotTakenUp() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let fixture = try ServerFixture(try Self.settings(folder, runs: 2))
        fixture.stop()
        let budget = try #require(try RosterBudget(fixture.setup))
        let run = try #require(try fixture.state.run()).run
        try budget.admit(run, charged: 1)
        try FileManager.default.removeItem(atPath: "\(folder)/\(run).json")
        try budget.admit(run, charged: 0)
        try FileManager.default.removeItem(atPath: "\(folder)/\(run).json")
        #expect {
            try budget.admit(run, charged: 1)
        } throws: { ($0 as? Failure)?.exitCode == .storage }
    }
}
