internal import Compute
internal import Cryptography
internal import Encoding
internal import Federation
internal import Privacy
internal import SecureAggregation

/// The last steps of simulated rounds: sums in memory, a journal for the books, and the model that moves.
final class SimulatedRelease: RoundCompletionPort {
    /// The newest model.
    private(set) var model: GlobalModel
    private let plan: TaskPlan
    private let origin: NoiseOrigin
    private let seed: UInt64
    private let pool: WorkerPool<ClientWorker>
    private let journal: any SimulationJournal
    /// Who looks for canaries; nil outside of an audit.
    private let canaries: CanaryFleet?
    private var round: SharedRound?
    private var exact: ExactSum?
    private let history = NoiseHistory()

    init(
        _ setup: SimulationSetup, model: GlobalModel, pool: WorkerPool<ClientWorker>,
        journal: any SimulationJournal
    ) {
        (plan, origin, seed) = (setup.plan, setup.noise, setup.seed)
        (self.model, self.pool, self.journal) = (model, pool, journal)
        canaries = setup.canaries
    }

    /// Takes up a round whose reports are summed in the workers, or masked.
    func begin(_ round: SharedRound) { (self.round, exact) = (round, nil) }

    func fix(survivors: [Int], round number: Int) throws {
        guard let round, round.number == number else { throw StepOutOfOrder("no round is open") }
        if let masking = round.masking {
            do {
                exact = try sum(masking.open(survivors: survivors, threads: pool.states.count), round)
            } catch let error as SecureAggregationError {
                throw RoundLoss("secure aggregation: \(error)")
            }
            return
        }
        if let groups = round.groups {
            exact = try sum(groups.sums(minimum: plan.minimalSurvivors), round)
            return
        }
        if !round.buffered.isEmpty {
            let (vector, weight) = BufferedReport.sum(of: round.buffered, under: plan)
            exact = ExactSum(
                vector: vector, weight: weight, members: round.members, survivors: survivors.count)
            return
        }
        if let kept = round.kept {
            let (vector, weight) = try plan.robustSum(
                of: kept.reports(of: survivors), seed: seed, round: number, threads: pool.states.count)
            exact = ExactSum(
                vector: vector, weight: weight, members: round.members, survivors: survivors.count)
            return
        }
        var total = pool.states[0].partial
        for worker in pool.states.dropFirst() { total.merge(worker.partial) }
        exact = ExactSum(
            vector: total.sum, weight: total.weight, members: round.members, survivors: survivors.count)
    }

    /// What is left of the sums of a round's groups: the only one, or what the robust rule makes of several.
    private func sum(
        _ groups: (vectors: [RingVector], survivors: Int), _ round: SharedRound
    ) throws -> ExactSum {
        guard plan.maskingGroups > 1 else {
            return ExactSum(
                vector: groups.vectors[0], weight: groups.survivors, members: round.members,
                survivors: groups.survivors)
        }
        let (vector, weight) = try GroupedRound(plan).robustSum(
            ofGroups: groups.vectors, reports: groups.survivors, seed: seed, round: round.number,
            threads: pool.states.count)
        return ExactSum(vector: vector, weight: weight, members: round.members, survivors: groups.survivors)
    }

    func exactSum(round: Int) throws -> ExactSum {
        guard let exact else { throw StepOutOfOrder("round \(round) has no sum") }
        return exact
    }

    func noiseSources(round number: Int, charge: Int) -> SimulatedNoise {
        SimulatedNoise(origin: origin, round: number, journal: journal, ahead: round?.noise, history: history)
    }

    func storedSum(round: Int) throws -> (vector: RingVector, weight: Int)? {
        guard plan.privacy != nil, let exact,
            let stored = try journal.storedNoisySum(round: round, like: exact.vector)
        else { return nil }
        return (stored, exact.weight)
    }

    func store(_ sum: NoisedSum, round: Int) throws {
        guard plan.privacy != nil else { return }
        try journal.storeNoisySum(round: round, sum.vector)
    }

    func forgetReports(round: Int) { exact = nil }

    func identify(_ sum: NoisedSum, round: Int) throws -> String {
        journal.keepsLedger ? try sum.vector.withPackedBytes({ try SHA256.text(of: $0) }) : ""
    }

    func charge(round: Int, charge: Int, costs: RoundCosts) throws {
        try journal.charge(round: round, charge: charge, costs: costs)
    }

    func settle(round: Int, charge: Int, survivors: Int, costs: RoundCosts, digest: String) throws {
        try journal.settle(
            round: round, charge: charge, survivors: survivors, costs: costs, noisySumDigest: digest)
    }

    /// In memory only; what is returned is the model's digest, where there is a ledger that wants it.
    func makeModel(of sum: NoisedSum, round number: Int) throws -> String {
        canaries?.watch?.sees(sum.vector, round: number, rotation: round?.rotation)
        let before = canaries?.movements == nil ? nil : model
        model.apply(noisySum: sum.vector, weight: sum.weight, rotation: round?.rotation)
        if let before {
            canaries?.movements?.published(
                model.parameters.values, before: before.parameters.values, clippingNorm: before.clippingNorm)
        }
        return journal.keepsLedger
            ? try model.parameters.values.withUnsafeBytes({ try SHA256.text(of: $0) }) : ""
    }

    func publish(_ digest: String, round: Int) throws {
        try journal.release(round: round, modelDigest: digest)
    }
}
