package import Compute
package import Learning
package import Privacy

/// What a client computes in a round from its data: the change of the model that training makes, the gradient of
/// FedSGD, training with per-example privacy, or the sums that a forest grows by or that answer questions, as the plan
/// says. Agents and simulated clients use this very code.
///
/// One belongs to one worker and is used for many clients; its buffers are allocated once. What it yields depends
/// on the arguments alone.
package final class ClientTraining {
    /// Trains; its model and options are the plan's.
    package let trainer: LocalTrainer
    private let example: ExamplePlan?
    private let isGradient: Bool
    private let rounds: Int
    /// FedSGD's gradient; empty for strategies that train.
    private let gradient: UnsafeMutableBufferPointer<Float>
    private let rule: any ClientRule
    private let layout: ReportLayout
    /// The change and what the client rule sends beside it; empty where it sends the change alone.
    private let report: UnsafeMutableBufferPointer<Float>
    /// What a client sends of its rows where a forest grows; nil where a network is trained.
    private let histograms: TreeHistograms?
    /// What a client sends of its rows in a task of statistics; nil where a model is trained.
    private let statistics: StatisticsVector?
    /// What clients train for themselves; nil where they keep nothing.
    private let own: OwnTraining?

    /// Allocates what the plan's clients need.
    package init(plan: TaskPlan) {
        statistics = StatisticsVector(plan)
        trainer = LocalTrainer(
            model: plan.model, options: plan.training,
            privately: plan.example != nil && statistics == nil)
        example = plan.example
        isGradient = plan.configuration.strategy.client.localWork == .gradient
        rounds = plan.configuration.rounds
        trainer.takesEveryStep = plan.hidesFailures
        gradient = .allocate(capacity: isGradient ? plan.dimension : 0)
        gradient.initialize(repeating: 0)
        (rule, layout) = (plan.configuration.strategy.client, plan.report)
        report = .allocate(capacity: rule.companion == nil ? 0 : layout.trained.count)
        report.initialize(repeating: 0)
        own = OwnTraining(plan)
        let counts = plan.configuration.strategy.client.localWork == .histograms
        histograms =
            counts ? plan.model.forest.map { TreeHistograms($0, inTwoParts: plan.privacy == nil) } : nil
    }

    deinit {
        gradient.deallocate()
        report.deallocate()
    }

    /// Asked between steps of training; ``LocalTrainer/isInterrupted``.
    package var isInterrupted: (() -> Bool)? {
        get { trainer.isInterrupted }
        set {
            trainer.isInterrupted = newValue
            histograms?.isInterrupted = newValue
        }
    }

    /// Passes over a client's examples in one round.
    package var epochs: Int { (isGradient ? 1 : trainer.options.epochs) + (own?.epochs ?? 0) }

    /// The change that the examples at `indices` make to `model`, in the order of its layout, with what the strategy's
    /// client rule sends beside it (``ReportLayout/trained``).
    ///
    /// `context` is what the client has beside the model. Its memory, where the plan has one, is loaded, and holds afterwards
    /// what the client's next round is to find; where this throws it is of no use.
    /// `stream` names seed, client and round; `source` makes the secret randomness of per-example privacy and is
    /// called only where the plan has it (the loss is then not told). The change is valid until the next call.
    /// Throws ``TrainingError``, `ConfigurationError` where model, loss and targets do not fit together, or the
    /// source's error.
    package func update(
        of model: UnsafeBufferPointer<Float>, on examples: Examples, indices: UnsafeBufferPointer<Int32>,
        stream: TrainingStream, context: ClientContext = ClientContext(),
        source: () throws -> some NoiseSource
    ) throws -> (delta: UnsafeBufferPointer<Float>, outcome: TrainingOutcome) {
        if let histograms {
            let (report, loss) = try histograms.report(of: model, on: examples, indices: indices)
            return (report, TrainingOutcome(steps: 1, examples: indices.count, meanLoss: loss))
        }
        if let statistics {
            let vector = try statistics.fill(examples, indices: indices)
            if let example { try ExamplePrivatizer(example, source: try source()).privatize(sum: vector) }
            return (
                UnsafeBufferPointer(vector),
                TrainingOutcome(steps: 1, examples: indices.count, meanLoss: .nan)
            )
        }
        // A learning-rate schedule runs over the rounds of the federation.
        let rateFactor = trainer.options.schedule.multiplier(at: stream.round - 1, of: rounds)
        own?.begin(trainer, model, context.memory, seed: stream.seed)
        let (delta, outcome) = try change(
            of: model, on: examples, indices: indices, stream: stream, rateFactor: rateFactor,
            context: context, source: source)
        if let own, !outcome.diverged {
            own.end(trainer, context.memory, seed: stream.seed)
            own.trainBeside(
                model, on: examples, indices: indices, stream: stream, rateFactor: rateFactor,
                memory: context.memory, isInterrupted: trainer.isInterrupted)
        }
        return (delta, outcome)
    }

    /// The part of the round that is reported.
    private func change(
        of model: UnsafeBufferPointer<Float>, on examples: Examples, indices: UnsafeBufferPointer<Int32>,
        stream: TrainingStream, rateFactor: Double, context: ClientContext,
        source: () throws -> some NoiseSource
    ) throws -> (delta: UnsafeBufferPointer<Float>, outcome: TrainingOutcome) {
        if let example {
            let (delta, steps) = try trainer.privateDelta(
                from: model, on: examples, indices: indices, stream: stream,
                plan: example.training, rateFactor: rateFactor,
                privatizer: ExamplePrivatizer(example, source: try source()))
            return (
                UnsafeBufferPointer(delta),
                TrainingOutcome(
                    steps: steps, examples: indices.count, meanLoss: .nan, diverged: trainer.lastDiverged)
            )
        }
        guard isGradient else {
            func train() throws -> (UnsafeMutableBufferPointer<Float>, TrainingOutcome) {
                try trainer.delta(
                    from: model, on: examples, indices: indices, stream: stream, rateFactor: rateFactor)
            }
            guard trainer.options.correctsGradient else {
                let (delta, outcome) = try train()
                guard !report.isEmpty else { return (UnsafeBufferPointer(delta), outcome) }
                rule.complete(pass(delta, outcome, rateFactor, context))
                return (UnsafeBufferPointer(report), outcome)
            }
            rule.correct(trainer.correction, context)
            if let (delta, outcome) = try Self.unlessDiverged(train) {
                let pass = pass(delta, outcome, rateFactor, context, isCorrected: true)
                if rule.holds(pass) {
                    rule.complete(pass)
                    return (UnsafeBufferPointer(report), outcome)
                }
            }
            trainer.correction.update(repeating: 0)
            let (delta, outcome) = try train()
            rule.complete(pass(delta, outcome, rateFactor, context))
            return (UnsafeBufferPointer(report), outcome)
        }
        let outcome = try trainer.gradient(
            of: UnsafeMutableBufferPointer(mutating: model),  // It is only read.
            on: examples, indices: indices, stream: stream,
            into: gradient)
        let rate = -Float(trainer.options.learningRate * rateFactor)
        for index in gradient.indices { gradient[index] *= rate }
        return (UnsafeBufferPointer(gradient), outcome)
    }

    /// What `training` yields; nil where it ended in values that are not finite.
    private static func unlessDiverged<Result>(_ training: () throws -> Result) throws -> Result? {
        do {
            return try training()
        } catch TrainingError.diverged {
            return nil
        }
    }

    /// A report with a change in it, for the client rule to judge and to complete.
    private func pass(
        _ delta: UnsafeMutableBufferPointer<Float>, _ outcome: TrainingOutcome, _ rateFactor: Double,
        _ context: ClientContext, isCorrected: Bool = false
    ) -> ClientPass {
        let change = UnsafeMutableBufferPointer(rebasing: report[layout[.update]])
        _ = change.update(fromContentsOf: delta)
        return ClientPass(
            context: context, change: change,
            controlVariate: UnsafeMutableBufferPointer(rebasing: report[layout[.controlVariate]]),
            scalars: UnsafeMutableBufferPointer(rebasing: report[layout[.scalars]]),
            steps: outcome.steps, rate: trainer.options.learningRate * rateFactor,
            options: trainer.options, isCorrected: isCorrected)
    }

    /// What is reported where local work failed and nobody may see that it did: the change that a client without
    /// a single example makes. With per-example privacy that is as many steps of its noise, else no change at all.
    /// `stream` and `source` are those of ``update(of:on:indices:stream:source:)``; throws the source's error.
    package func updateWithoutExamples(
        of model: UnsafeBufferPointer<Float>, stream: TrainingStream, source: () throws -> some NoiseSource
    ) throws -> UnsafeBufferPointer<Float> {
        if let histograms { return histograms.nothing() }
        if let statistics {
            let vector = statistics.nothing()
            if let example { try ExamplePrivatizer(example, source: try source()).privatize(sum: vector) }
            return UnsafeBufferPointer(vector)
        }
        guard let example else { return UnsafeBufferPointer(trainer.noDelta()) }
        own?.begin(trainer, model, nil, seed: stream.seed)
        let delta = try trainer.privateDelta(
            from: model, plan: example.training,
            rateFactor: trainer.options.schedule.multiplier(at: stream.round - 1, of: rounds),
            privatizer: ExamplePrivatizer(example, source: try source()))
        return UnsafeBufferPointer(delta)
    }
}
