import Custody
import Federation
import Operations
import Privacy
import Testing

@testable import AggregationServer

/// Noise over rounds that is drawn again after a restart is what was added, or the server does not go on.
@Suite struct NoiseMatrixTests {
    @Test func anotherMatrixUnderTheSameKeyIsRefused() throws {
        let run = try DeskRun([
            "task.privacy={mode:'central',mechanism:'matrix',clipping_norm:1,noise_multiplier:1,adjacency:'zero-out'}"
        ])
        let matrix = try #require(run.context.plan.privacy?.matrix)
        let key = try run.state.treeNoiseKey.make()
        var books = run.books.run
        books.charged = 1
        func digest(remembered: String) throws -> String? {
            books.treeNoiseSHA256 = remembered
            return try StateAgreement(
                state: run.state, run: books, ledger: run.ledger, roster: run.roster, plan: run.context.plan
            ).treeNoiseDigest()
        }
        let own = try RunKeyFile.digest(of: key, design: matrix.fingerprint)
        #expect(try digest(remembered: own) == own)
        for other in [try RunKeyFile.digest(of: key), try RunKeyFile.digest(of: key, design: "another")] {
            let failure = #expect(throws: Failure.self) { try digest(remembered: other) }
            #expect(failure?.exitCode == .storage)
            #expect(failure?.message.contains("the program that began the run") == true)
        }
    }
}
