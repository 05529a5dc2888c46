internal import SecureAggregation
internal import Compute
internal import Federation
internal import Learning
internal import Privacy

/// One worker's state for a whole run: a trainer's arena, an update pipeline and a partial sum, all allocated
/// once. What it computes for a client depends on (seed, client, round) and the global model alone.
final class ClientWorker {
    /// The reports of this round that this worker trained.
    private(set) var partial: Aggregation
    private let trainer: LocalTrainer
    private let example: ExamplePlan?
    private let gradientOnly: Bool
    private let learningRate: Double
    private let epochs: Int
    private let schedule: LearningRateSchedule
    private let rounds: Int
    private var pipeline: UpdatePipeline
    /// Measures the round's model on clients' data; nil where their metrics do not ride along.
    private let evaluator: ClientEvaluator?
    /// FedSGD's gradient; empty for strategies that train.
    private let gradient: UnsafeMutableBufferPointer<Float>
    /// The update that was encoded last.
    private var delta = UnsafeBufferPointer<Float>(start: nil, count: 0)

    init(plan: TaskPlan) {
        trainer = LocalTrainer(model: plan.model, options: plan.training, privately: plan.example != nil)
        example = plan.example
        gradientOnly = plan.configuration.strategy.localWork == .gradient
        learningRate = plan.training.learningRate
        epochs = gradientOnly ? 1 : plan.training.localEpochs
        schedule = plan.training.schedule
        rounds = plan.configuration.rounds
        pipeline = UpdatePipeline(plan: plan)
        evaluator = plan.metrics.map { _ in ClientEvaluator(plan) }
        partial = Aggregation(count: plan.reportDimension, bits: plan.codec.bits)
        gradient = .allocate(capacity: gradientOnly ? plan.dimension : 0)
        gradient.initialize(repeating: 0)
    }

    deinit { gradient.deallocate() }

    /// Empties the partial sum for the next round.
    func beginRound() { partial.clear() }

    /// Plays one client's session: train on its examples, encode, add to the partial sum.
    func serve(_ job: ClientJob) -> ClientResult {
        var session = ClientSession()
        var result = ClientResult(failure: nil, norm: 0, wasClipped: false, loss: 0, weight: 0, examples: 0)
        var actions = session.handle(.assigned(RoundAssignment(run: job.run, round: job.round)))
        while let action = actions.first {
            switch action {
            case .requirePermission: actions = session.handle(.permitted)
            case .requireReport:
                do {
                    result = try report(job)
                    actions = session.handle(.encoded)
                } catch {
                    actions = session.handle(.failed("\(error)"))
                }
            // A simulated client keeps no ledger of its own and needs no outbox: its process is the server's.
            case .requireCharge: actions = session.handle(.charged)
            case .requireStorage: actions = session.handle(.stored)
            case .requireDelivery:
                do {
                    if let masking = job.masking {
                        try masking.deliver(pipeline.report(bits: partial.sum.bits), from: job.client)
                    } else {
                        pipeline.add(delta, to: &partial)
                    }
                    actions = session.handle(.delivered)
                } catch {
                    actions = session.handle(.failed("\(error)"))
                }
            case .giveUp(_, let reason):
                result.failure = reason
                actions = []
            case .concluded: actions = []
            }
        }
        return result
    }

    private func report(_ job: ClientJob) throws -> ClientResult {
        let (delta, outcome) = try train(job)
        self.delta = delta
        var rounding = SeededGenerator(
            seed: job.seed, purpose: .stochasticRounding, client: job.client, round: job.round)
        let metrics = try evaluator?.metrics(job.model, on: job.examples, indices: job.indices)
        let encoded = try job.noise.draw(client: job.client + 1, round: job.round) { source in
            try pipeline.encode(
                delta, examples: job.indices.count, clippingNorm: job.clippingNorm,
                rotation: job.rotation, share: job.share, metrics: metrics, rounding: &rounding,
                noise: &source)
        }
        return ClientResult(
            failure: nil, norm: encoded.diagnostics.norm, wasClipped: encoded.diagnostics.wasClipped,
            loss: outcome.meanLoss, weight: encoded.weight, examples: job.indices.count * epochs)
    }

    /// The change that the client's data make to the model; it lies in the trainer's arena, or in `gradient`,
    /// until the next client.
    private func train(_ job: ClientJob) throws -> (
        delta: UnsafeBufferPointer<Float>, outcome: TrainingOutcome
    ) {
        let stream = TrainingStream(seed: job.seed, client: job.client, round: job.round)
        // A learning-rate schedule runs over the rounds of the federation.
        let rateFactor = schedule.multiplier(at: job.round - 1, of: rounds)
        return try job.indices.withUnsafeBufferPointer { indices in
            try job.model.withUnsafeBufferPointer { model in
                if let example {
                    return try trainPrivately(job, example, model, indices, stream, rateFactor)
                }
                guard gradientOnly else {
                    let (delta, outcome) = try trainer.delta(
                        from: model, on: job.examples, indices: indices, stream: stream,
                        rateFactor: rateFactor)
                    return (UnsafeBufferPointer(delta), outcome)
                }
                let outcome = try trainer.gradient(
                    of: UnsafeMutableBufferPointer(mutating: model), on: job.examples, indices: indices,
                    stream: stream, into: gradient)
                let rate = -Float(learningRate * rateFactor)
                for index in gradient.indices { gradient[index] *= rate }
                return (UnsafeBufferPointer(gradient), outcome)
            }
        }
    }
}

extension ClientWorker {
    /// Far above every client's number: per-example randomness has streams of its own.
    private static let exampleStreams = 1 << 31

    /// Trains with secret batches and noise; its loss is not private and is not told.
    private func trainPrivately(
        _ job: ClientJob, _ example: ExamplePlan, _ model: UnsafeBufferPointer<Float>,
        _ indices: UnsafeBufferPointer<Int32>, _ stream: TrainingStream, _ rateFactor: Double
    ) throws -> (delta: UnsafeBufferPointer<Float>, outcome: TrainingOutcome) {
        let source = try job.noise.source(client: Self.exampleStreams + job.client, round: job.round)
        let (delta, steps) = try trainer.privateDelta(
            from: model, on: job.examples, indices: indices, stream: stream,
            plan: example.training(examples: indices.count), rateFactor: rateFactor,
            privatizer: ExamplePrivatizer(example, source: source))
        return (
            UnsafeBufferPointer(delta), TrainingOutcome(steps: steps, examples: indices.count, meanLoss: .nan)
        )
    }
}

/// Everything that one client's round depends on.
struct ClientJob {
    let run: String
    let seed: UInt64
    let client: Int
    let round: Int
    /// The global model of the round.
    let model: [Float]
    /// L2 bound of the update, in model units.
    let clippingNorm: Double
    /// The round's public rotation, where the plan rotates.
    let rotation: RandomRotation?
    /// The round's masks; nil: the same integers are summed without.
    let masking: MaskedRound?
    /// Noise that the client adds; nil where it adds none, or the plan's own.
    let share: (any PrivacyMechanism)?
    let examples: Examples
    /// The client's examples.
    let indices: ArraySlice<Int32>
    let noise: NoiseOrigin
}
