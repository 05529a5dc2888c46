internal import Compute
internal import Encoding
internal import Federation
internal import Learning
internal import Privacy

/// One worker's state for a whole run: the local work's arena, an update pipeline and a partial sum, all allocated
/// once. What it computes for a client depends on (seed, client, round) and the global model alone.
final class ClientWorker {
    /// The reports of this round that this worker trained.
    private(set) var partial: Aggregation
    private let work: ClientTraining
    private let pipeline: UpdatePipeline
    /// Measures the round's model on clients' data; nil where their metrics do not ride along.
    private let evaluator: ClientEvaluator?
    /// What the client at hand keeps; nil where the plan has clients keep nothing.
    private let memory: ClientMemory?
    private let plan: TaskPlan
    /// What local parameters start from, once anyone asked.
    private var own: OwnModel?
    /// What a hostile client or a canary sends, on its way; empty where there is none.
    private let scratch: UnsafeMutableBufferPointer<Float>
    /// Whether a failure of local work may not be seen.
    private let hidesFailures: Bool
    /// The update that was encoded last.
    private var delta = UnsafeBufferPointer<Float>(start: nil, count: 0)

    /// `masks` says that reports are masked rather than added here, `replacesUpdates` that some clients send other than what
    /// they trained.
    init(plan: TaskPlan, masks: Bool = false, replacesUpdates: Bool = false) {
        self.plan = plan
        scratch = .allocate(capacity: replacesUpdates ? plan.dimension : 0)
        scratch.initialize(repeating: 0)
        work = ClientTraining(plan: plan)
        pipeline = UpdatePipeline(plan: plan, onlyAdds: !masks)
        hidesFailures = plan.hidesFailures
        evaluator = plan.metrics.map { _ in ClientEvaluator(plan) }
        memory = plan.clientMemory.isEmpty ? nil : ClientMemory(plan.clientMemory)
        partial = Aggregation(count: plan.report.count, bits: plan.codec.bits)
    }

    deinit { scratch.deallocate() }

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
            // A simulated client keeps no ledger of its own and needs no outbox: its process is the server's.
            case .requireCharge: actions = session.handle(.charged)
            case .requireReport:
                do {
                    result = try report(job)
                    actions = session.handle(.encoded)
                } catch {
                    actions = session.handle(.failed("\(error)"))
                }
            case .requireStorage: actions = session.handle(.stored)
            case .requireDelivery:
                do {
                    try deliver(job, &result)
                    if let canaries = job.canaries { look(at: job, canaries) }
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

    private func deliver(_ job: ClientJob, _ result: inout ClientResult) throws {
        if let masking = job.masking {
            try masking.deliver(pipeline.report(bits: partial.bits), from: job.client)
            return
        }
        if let groups = job.groups {
            return try groups.add(of: job.client) { try pipeline.add(delta, to: &$0) }
        }
        if let kept = job.kept {
            kept.keep(pipeline.individualBytes(delta), of: job.client)
            return
        }
        do {
            try pipeline.add(delta, to: &partial)
        } catch let refusal as UpdateRefusal where hidesFailures {
            result = try nothing(job, because: refusal)
            try pipeline.add(delta, to: &partial)
        }
    }

    /// Tells an audit what the server has of a canary.
    private func look(at job: ClientJob, _ canaries: CanaryFleet) {
        guard let watch = canaries.watch, let canary = canaries.parts[job.client]?.direction else { return }
        watch.delivered(canary)
        guard watch.seesReports else { return }
        watch.sees(
            report: pipeline.individualBytes(delta).bindMemory(to: Int32.self), of: canary, round: job.round)
    }

    /// The client's report as agents make it: where failures are hidden, one of noise alone in the place of none.
    private func report(_ job: ClientJob) throws -> ClientResult {
        do {
            if let memory { try job.memory?.load(job.client, into: memory) }
            let measured = try evaluator?.metrics(seen(job), on: job.examples, indices: job.indices)
            let metrics = job.attack.map { $0.claimed(measured, by: job.client) } ?? measured
            let (delta, outcome) = try localUpdate(job)
            var rounding = rounding(job)
            let encoded = try job.noise.draw(client: job.client + 1, round: job.round) { source in
                try pipeline.encode(
                    delta, examples: job.indices.count, clippingNorm: job.clippingNorm,
                    rotation: job.rotation, share: job.share, metrics: metrics,
                    compression: CompressionRound(seed: job.seed, round: job.round), memory: memory,
                    rounding: &rounding, noise: &source)
            }
            if let memory { try job.memory?.stage(job.client, memory) }
            self.delta = delta
            return ClientResult(
                failure: nil, hiddenFailure: outcome.diverged ? "training diverged in its noise" : nil,
                norm: encoded.diagnostics.norm, wasClipped: encoded.diagnostics.wasClipped,
                loss: outcome.meanLoss, weight: encoded.weight, examples: job.indices.count * work.epochs)
        } catch  where hidesFailures {
            return try nothing(job, because: error)
        }
    }

    /// The report of a client whose local work failed.
    private func nothing(_ job: ClientJob, because error: any Error) throws -> ClientResult {
        let stream = TrainingStream(seed: job.seed, client: job.client, round: job.round)
        delta = try job.model.withUnsafeBufferPointer { model in
            try work.updateWithoutExamples(of: model, stream: stream) {
                try job.noise.source(client: Self.exampleStreams + job.client, round: job.round)
            }
        }
        var rounding = rounding(job)
        let weight = try job.noise.draw(client: job.client + 1, round: job.round) { source in
            try pipeline.encodeNothing(
                delta, examples: job.indices.count, clippingNorm: job.clippingNorm, rotation: job.rotation,
                share: job.share, rounding: &rounding, noise: &source)
        }
        return ClientResult(
            failure: nil, hiddenFailure: "\(error)", norm: 0, wasClipped: false, loss: 0, weight: weight,
            examples: job.indices.count * work.epochs)
    }

    /// All parameters of the round's model as the client at hand sees it.
    private func seen(_ job: ClientJob) -> [Float] {
        guard plan.ownContent == .localParameters else { return job.model }
        let own = own ?? OwnModel(plan, seed: job.seed)
        self.own = own
        return own?.published(job.model, memory: memory) ?? job.model
    }

    private func rounding(_ job: ClientJob) -> SeededGenerator {
        SeededGenerator(
            seed: job.seed, purpose: .stochasticRounding, client: job.client, round: job.round)
    }

    /// Far above every client's number: per-example randomness has streams of its own.
    private static let exampleStreams = 1 << 31

    /// What the client sends: the change that its training makes, or what an attack makes of that or in its place; valid until
    /// the next client.
    private func localUpdate(_ job: ClientJob) throws -> (
        delta: UnsafeBufferPointer<Float>, outcome: TrainingOutcome
    ) {
        if let canaries = job.canaries,
            canaries.write(
                updateOf: job.client, round: job.round, clippingNorm: job.clippingNorm, into: scratch)
        {
            return (
                UnsafeBufferPointer(scratch),
                TrainingOutcome(steps: 0, examples: job.indices.count, meanLoss: .nan)
            )
        }
        guard let attack = job.attack else { return try train(job) }
        if let crafted = attack.crafted(for: job.client) {
            return (crafted.values, TrainingOutcome(steps: 0, examples: job.indices.count, meanLoss: .nan))
        }
        let (delta, outcome) = try train(job)
        return (attack.sent(delta, by: job.client, scratch: scratch), outcome)
    }

    /// The change that the client's data make to the model; valid until the next client.
    private func train(_ job: ClientJob) throws -> (
        delta: UnsafeBufferPointer<Float>, outcome: TrainingOutcome
    ) {
        let stream = TrainingStream(seed: job.seed, client: job.client, round: job.round)
        let context = ClientContext(serverState: job.serverState, memory: memory)
        return try job.indices.withUnsafeBufferPointer { indices in
            try job.model.withUnsafeBufferPointer { model in
                try work.update(
                    of: model, on: job.examples, indices: indices, stream: stream, context: context
                ) {
                    try job.noise.source(client: Self.exampleStreams + job.client, round: job.round)
                }
            }
        }
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
    /// Sums of groups; nil where all are summed together.
    var groups: GroupedSums?
    /// Where single reports are kept for a robust rule; nil: they are summed.
    var kept: KeptReports?
    /// The hostile clients' round; nil where there are none.
    var attack: HostileRound?
    /// An audit's canaries; nil outside of one.
    var canaries: CanaryFleet?
    /// Noise that the client adds; nil where it adds none, or the plan's own.
    let share: (any PrivacyMechanism)?
    let examples: Examples
    /// The client's examples.
    let indices: ArraySlice<Int32>
    let noise: NoiseOrigin
    /// What the server's rule remembers, where it publishes that; empty: zeros.
    var serverState: [Float] = []
    /// Where clients keep what they do between rounds; nil where they keep nothing.
    var memory: ClientMemoryFile?
}
