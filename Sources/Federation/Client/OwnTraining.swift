internal import Compute
internal import Learning

/// What a client trains for itself in a round. Belongs to one worker; its buffers are allocated once.
final class OwnTraining {
    private let plan: TaskPlan
    /// Trains the whole model that a client keeps; nil where it keeps local parameters.
    private let personal: LocalTrainer?
    private let buffer: UnsafeMutableBufferPointer<Float>
    private var prepared: (seed: UInt64, model: OwnModel)?

    /// Nil where the plan's clients keep nothing for themselves.
    init?(_ plan: TaskPlan) {
        guard plan.ownContent != nil else { return nil }
        self.plan = plan
        personal = plan.personalTraining.map { LocalTrainer(model: plan.model, options: $0) }
        personal?.takesEveryStep = plan.hidesFailures
        buffer = .allocate(capacity: personal == nil ? 0 : plan.dimension)
        buffer.initialize(repeating: 0)
    }

    deinit { buffer.deallocate() }

    /// Passes over the client's examples beside those of its report.
    var epochs: Int { personal?.options.epochs ?? 0 }

    /// Puts the client's local parameters where `trainer` trains them; those of a client before its first round where
    /// there is no memory.
    func begin(
        _ trainer: LocalTrainer, _ published: UnsafeBufferPointer<Float>, _ memory: ClientMemory?,
        seed: UInt64
    ) {
        guard let own = model(seed), own.content == .localParameters else { return }
        own.load(memory, published: published, into: trainer.ownParameters)
    }

    /// Keeps the local parameters that `trainer` has trained.
    func end(_ trainer: LocalTrainer, _ memory: ClientMemory?, seed: UInt64) {
        guard let own = model(seed), own.content == .localParameters else { return }
        own.keep(trainer.ownParameters, in: memory)
    }

    /// Trains the client's whole model beside the published one, where it keeps one. Where that fails it stays as it was:
    /// nobody else ever sees it.
    func trainBeside(
        _ published: UnsafeBufferPointer<Float>, on examples: Examples, indices: UnsafeBufferPointer<Int32>,
        stream: TrainingStream, rateFactor: Double, memory: ClientMemory?, isInterrupted: (() -> Bool)?
    ) {
        guard let personal, let own = model(stream.seed) else { return }
        personal.isInterrupted = isInterrupted
        own.load(memory, published: published, into: buffer)
        let trained = try? personal.trained(
            UnsafeBufferPointer(buffer), heldNear: published, on: examples, indices: indices, stream: stream,
            rateFactor: rateFactor)
        if let trained { own.keep(trained, in: memory) }
    }

    private func model(_ seed: UInt64) -> OwnModel? {
        if let prepared, prepared.seed == seed { return prepared.model }
        let model = OwnModel(plan, seed: seed)
        prepared = model.map { (seed, $0) }
        return model
    }
}
