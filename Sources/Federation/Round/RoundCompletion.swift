package import Encoding
package import Privacy

/// What the last steps of a round need from whoever runs it: a server on its disk, or a simulation in memory.
///
/// Every step may be asked for again after it threw, by this process or by the next, and must then come to the same.
package protocol RoundCompletionPort {
    associatedtype Sources: ServerNoiseSources
    /// A model that is made and shown to nobody yet.
    associatedtype Model

    /// Fixes who is in the sum, durably. Throws ``RoundLoss`` where there can be no sum.
    func fix(survivors: [Int], round: Int) throws
    /// The sum of exactly these survivors. Asked for only where no noisy sum is stored.
    func exactSum(round: Int) throws -> ExactSum
    /// Where the server's noise comes from in this round.
    func noiseSources(round: Int, charge: Int) throws -> Sources
    /// The noisy sum that an earlier try of this round stored, and the sum of weights.
    func storedSum(round: Int) throws -> (vector: RingVector, weight: Int)?
    /// Keeps a noisy sum, durably, until the round is published.
    func store(_ sum: NoisedSum, round: Int) throws
    /// The noisy sum is stored: the exact sum and the single reports are not needed any more, and nobody shall have
    /// them.
    func forgetReports(round: Int) throws
    /// Notes which noisy sum the round has, by the SHA-256 of its wire form, and returns that for the ledger.
    func identify(_ sum: NoisedSum, round: Int) throws -> String
    /// Writes the worst case of a round, the `charge`-th charged one of the run, into the ledger, durably.
    func charge(round: Int, charge: Int, costs: RoundCosts) throws
    /// Writes what the round became: only a sum that came with its costs can be settled.
    func settle(round: Int, charge: Int, survivors: Int, costs: RoundCosts, digest: String) throws
    /// Makes the model that follows from the noisy sum.
    func makeModel(of sum: NoisedSum, round: Int) throws -> Model
    /// Writes the release into the ledger and only then shows the model.
    func publish(_ model: Model, round: Int) throws
}

/// A round that cannot have a sum: it is abandoned, with this reason.
package struct RoundLoss: Error, Equatable {
    package let reason: String

    package init(_ reason: String) { self.reason = reason }
}

/// A step of a round that was asked for out of order: a fault of the program, upon which nothing is released.
package struct StepOutOfOrder: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// The last steps of a round, once for server and simulator: sum, charge, noise, settle, publish, in the order in which
/// the engine asks for them. A sum that did not come with its costs cannot be settled, and what is not settled is not made
/// into a model.
package struct RoundCompletion<Port: RoundCompletionPort> {
    private let plan: TaskPlan
    private var noised: (round: Int, sum: NoisedSum, digest: String)?
    private var isSettled = false
    private var made: Port.Model?

    package init(_ plan: TaskPlan) { self.plan = plan }

    /// Forgets a round that has ended.
    package mutating func reset() { (noised, isSettled, made) = (nil, false, nil) }

    /// Carries out one step and says what to tell the engine; nil for what is no step of a release. `charged` are the
    /// rounds that the engine counts as charged. Throws what the port throws: the step may be tried again.
    package mutating func carryOut(_ step: RoundAction, charged: Int, over port: Port) throws -> RoundEvent? {
        switch step {
        case .requireSum(let round, let survivors):
            do {
                try port.fix(survivors: survivors, round: round)
                return .summed
            } catch let loss as RoundLoss {
                return .failed(loss.reason)
            }
        case .requireCharge(let round):
            let charge = charged + 1
            try port.charge(round: round, charge: charge, costs: plan.costs(charge: charge))
            return .charged
        case .requireNoise(let round):
            try noise(round, charge: charged, port)
            return .noised
        case .requireSettlement(let round, let survivors):
            let (sum, digest) = try noised(in: round)
            try port.settle(
                round: round, charge: charged, survivors: survivors, costs: sum.costs, digest: digest)
            isSettled = true
            return .settled
        case .requirePublication(let round):
            try port.publish(try prepare(round, over: port), round: round)
            return .published
        case .abandoned, .finished: return nil
        }
    }

    /// The round's model, made once and shown to nobody yet: ahead of its publication, where that has its instant.
    package mutating func prepare(_ round: Int, over port: Port) throws -> Port.Model {
        let (sum, _) = try noised(in: round)
        if let made { return made }
        guard isSettled else { throw StepOutOfOrder("round \(round) is not settled") }
        let model = try port.makeModel(of: sum, round: round)
        made = model
        return model
    }

    /// Draws the noise once; a noisy sum that exists is used byte for byte.
    private mutating func noise(_ round: Int, charge: Int, _ port: Port) throws {
        guard noised?.round != round else { return }
        // Nothing of a round before may pass for this one's.
        reset()
        let sum: NoisedSum
        if let stored = try port.storedSum(round: round) {
            sum = plan.restored(stored.vector, weight: stored.weight, charge: charge)
        } else {
            sum = try plan.noised(
                try port.exactSum(round: round), charge: charge,
                from: try port.noiseSources(round: round, charge: charge))
            try port.store(sum, round: round)
        }
        try port.forgetReports(round: round)
        noised = (round, sum, try port.identify(sum, round: round))
    }

    private func noised(in round: Int) throws -> (sum: NoisedSum, digest: String) {
        guard let noised, noised.round == round else {
            throw StepOutOfOrder("round \(round) has no noisy sum")
        }
        return (noised.sum, noised.digest)
    }
}
