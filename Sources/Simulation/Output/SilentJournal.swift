internal import Cryptography
package import Custody
package import Encoding
internal import Federation
package import Privacy

/// Writes nothing down: for baselines, which release nothing and spend nothing, and for tests.
package final class SilentJournal: SimulationJournal {
    private let treeKey: SharedSecret

    /// Throws when the system gives no randomness.
    package init() throws {
        treeKey = SharedSecret(try .random(count: KeyedNoise.keyByteCount))
    }

    package func cohortGenerator(round: Int) throws -> CohortGenerator<KeyedNoise> {
        try CohortGenerator<KeyedNoise>(key: .random(count: KeyedNoise.keyByteCount), round: round)
    }

    package func treeNoiseSource(step: Int) throws -> KeyedNoise {
        try KeyedNoise(key: treeKey.bytes, .simulationTree, number: step)
    }

    package func charge(round: Int, charge: Int, costs: RoundCosts) {}
    package func storedNoisySum(round: Int, like sum: RingVector) -> RingVector? { nil }
    package func storeNoisySum(round: Int, _ sum: RingVector) {}
    package var keepsLedger: Bool { false }
    package func settle(round: Int, charge: Int, survivors: Int, costs: RoundCosts, noisySumDigest: String) {}
    package func release(round: Int, modelDigest: String) {}
    package func abandon(round: Int, reason: String) {}
    package func epsilon(charged: Int) -> Double? { nil }
    package func epsilonServer(charged: Int) -> Double? { nil }
    package func epsilonMembers(charged: Int) -> Double? { nil }
    package func record(_ record: RoundRecord, _ progress: Simulator.Progress) {}
    package func diagnose(_ diagnostics: RoundDiagnostics) {}
}
