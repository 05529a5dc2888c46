import Foundation
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
        let refusal = OwnParticipation(last: last, count: count).refusal(of: round, under: plan)
        #expect((refusal == nil) == isAllowed, "\(refusal ?? "nothing")")
        #expect(refusal?.contains("\n") != true)
    }

    @Test func otherPlansBoundNothing() throws {
        let plan = try Self.task(TestTask.central).plan
        #expect(OwnParticipation(last: 3, count: 1000).refusal(of: 3, under: plan) == nil)
    }
}
