package import Custody
package import Encoding
package import Federation
package import Privacy

/// What a simulation writes down while it runs: the privacy ledger, the round records, the checkpoints.
///
/// Every step of a release goes through here in the engine's order; a step that throws ends the run before the
/// next one can happen.
package protocol SimulationJournal: AnyObject {
    /// Where clients keep what they do from round to round; nil where the plan has them keep nothing. Asked for once a run.
    func clientMemory(_ plan: TaskPlan) throws -> ClientMemoryFile?
    /// Draws a round's cohort where the noise is secure: the same draw for the same round of one run.
    func cohortGenerator(round: Int) throws -> CohortGenerator<KeyedNoise>
    /// The noise stream of a node of a tree over rounds, where the noise is secure: the same for the same step of
    /// one run.
    func treeNoiseSource(step: Int) throws -> KeyedNoise
    /// Writes a round's worst-case charge, the `charge`-th of the run. Writing the same again changes nothing.
    func charge(round: Int, charge: Int, costs: RoundCosts) throws
    /// The noisy sum that an earlier, interrupted try of this round stored.
    func storedNoisySum(round: Int, like sum: RingVector) throws -> RingVector?
    /// Keeps the noisy sum, whoever added the noise, until the round is published.
    func storeNoisySum(round: Int, _ sum: RingVector) throws
    /// Whether there is a ledger: else nobody asks for digests.
    var keepsLedger: Bool { get }
    /// Writes who was really in the sum of the `charge`-th charged round, what the noise in it makes it cost, and the
    /// sum's SHA-256.
    func settle(round: Int, charge: Int, survivors: Int, costs: RoundCosts, noisySumDigest: String) throws
    /// Writes the release of a round's model by its SHA-256.
    func release(round: Int, modelDigest: String) throws
    /// Writes that a round released nothing.
    func abandon(round: Int, reason: String) throws
    /// ε after that many charged rounds against whoever sees the models; nil when unbounded.
    func epsilon(charged: Int) throws -> Double?
    /// ε after that many charged rounds against the server; nil when unbounded.
    func epsilonServer(charged: Int) throws -> Double?
    /// ε after that many charged rounds against other members of the cohorts; nil when unbounded.
    func epsilonMembers(charged: Int) throws -> Double?
    /// Appends a round's record, and a checkpoint when one is due.
    func record(_ record: RoundRecord, _ progress: Simulator.Progress) throws
    /// Appends a round's diagnostics, which are not releasable.
    func diagnose(_ diagnostics: RoundDiagnostics)
}

extension SimulationJournal {
    package func clientMemory(_ plan: TaskPlan) throws -> ClientMemoryFile? {
        guard !plan.clientMemory.isEmpty else { return nil }
        return try ClientMemoryFile(path: nil, vectors: plan.clientMemory, clients: plan.population)
    }
}
