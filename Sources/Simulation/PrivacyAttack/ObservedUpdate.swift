internal import Compute
internal import Datasets
internal import Encoding
internal import Federation
internal import Learning
internal import Privacy

/// Who looks at a round.
package enum InversionView: String, Codable, Sendable, CaseIterable {
    /// The server, which has the client's own report. Not where it gets sums only.
    case server
    /// Everybody who has the models before and after the round.
    case published
}

/// What one client of a round sends, and what others see of it.
struct ObservedUpdate {
    private let setup: SimulationSetup
    private let client: Int
    private let round: Int
    private let before: Simulator.Progress

    /// The client's part of the round that `before` stood in front of.
    init(_ setup: SimulationSetup, client: Int, round: Int, before: Simulator.Progress) {
        (self.setup, self.client, self.round, self.before) = (setup, client, round, before)
    }

    /// The client's report as the server decodes it, made by the client code of the simulator with the round's own seeds: weighted,
    /// clipped, compressed, rounded and noised as the plan says. Nil in mode `distributed`, where no server has it.
    /// Throws ``StepOutOfOrder`` where the client reports nothing.
    func byServer() throws -> [Float]? {
        let plan = setup.plan
        guard plan.configuration.privacy.mode != .distributed else { return nil }
        let model = try GlobalModel(
            parameters: before.parameters, optimizerState: before.optimizerState,
            clippingNorm: before.clippingNorm, published: before.published, plan: plan)
        let worker = ClientWorker(plan: plan)
        worker.beginRound()
        let result = worker.serve(
            ClientJob(
                run: "simulation", seed: setup.seed, client: client, round: round,
                model: model.parameters.values, clippingNorm: model.clippingNorm, rotation: nil,
                masking: nil, share: try plan.privacy?.clientNoise(members: plan.configuration.cohortSize),
                examples: setup.training, indices: setup.partition[client], noise: setup.noise,
                serverState: model.publishedState))
        if let failure = result.failure ?? result.hiddenFailure { throw StepOutOfOrder(failure) }
        let scale = plan.privacy?.scale(forClippingNorm: model.clippingNorm) ?? plan.codec.scale
        let update = FixedPointCodec(bits: plan.codec.bits, scale: scale).decode(
            worker.partial.sum, count: plan.report.vector.count,
            dividedBy: Double(max(1, worker.partial.weight)))
        return Array(update[plan.report[.update]])
    }

    /// The change of the published model, in which every report of the round is.
    static func published(_ before: Simulator.Progress, _ after: Simulator.Progress) -> [Float] {
        zip(after.parameters.values, before.parameters.values).map { $0 - $1 }
    }
}
