import Foundation
import Ledger
import Messages
import TestSupport
import Testing

@testable import ClientAgent

/// What an agent finds of its own part in a run whose noise covers so many rounds, so far apart.
@Suite struct OwnParticipationTests {
    private static func task(_ privacy: String) throws -> TestTask {
        let folder = try TemporaryFolders.make("participation")
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try TestTask(privacy: privacy, folder: folder)
    }

    private static let matrix =
        #"privacy: { mode: "central", clipping_norm: 0.5, noise_multiplier: 2, mechanism: "matrix" }"#

    /// 40 clients in cohorts of 20 are in every other round of five: in three at most.
    @Test(arguments: [
        (1, 0, 0, true), (1, 1, 1, false), (2, 1, 1, false), (3, 1, 1, true), (4, 3, 2, false),
        (5, 3, 2, true),
        (7, 5, 3, false), (6, 2, 2, true),
    ])
    func roundsThatAreTooNearOrTooManyAreRefused(round: Int, last: Int, count: Int, isAllowed: Bool) throws {
        let plan = try Self.task(Self.matrix).plan
        let refusal = OwnParticipation(count: count).refusal(of: round, after: last, under: plan)
        #expect((refusal == nil) == isAllowed, "\(refusal?.text ?? "nothing")")
        #expect(refusal?.text.contains("\n") != true)
        // What will never be possible again is the budget's end; the rest is a matter of time.
        #expect(isAllowed || refusal?.reason == (count >= 3 ? .budget : .busy))
    }

    /// What a server says of its ledger, after it said 12 lines with the head "a".
    @Test(arguments: [
        (13, "b", nil), (12, "a", nil), (12, "b", "another ledger"), (11, "b", "from 12 lines to 11"),
        (0, "0", "to 0"),
    ])
    func aLedgerThatGoesBackIsRefused(lines: Int, head: String, why: String?) throws {
        var policy = AgentPolicy()
        let told = RoundOffer.LedgerReference(lines: 12, head: "a")
        let refusal = policy.refusal(of: .init(lines: lines, head: head), after: told)
        #expect((refusal == nil) == (why == nil))
        #expect(refusal?.reason == (why == nil ? nil : .policy))
        if let why { #expect(refusal?.text.contains(why) == true) }
        #expect(policy.refusal(of: nil, after: told) == nil)
        #expect(policy.refusal(of: .init(lines: lines, head: head), after: nil) == nil)
        policy.acceptsOlderLedger = true
        #expect(policy.refusal(of: .init(lines: lines, head: head), after: told) == nil)
    }

    @Test func otherPlansBoundNothing() throws {
        let plan = try Self.task(TestTask.central).plan
        #expect(OwnParticipation(count: 1000).refusal(of: 4, after: 3, under: plan) == nil)
    }
}
