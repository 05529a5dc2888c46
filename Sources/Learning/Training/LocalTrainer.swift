package import Compute

/// The random streams of one training run: data order, drop-out masks and changes of images are functions of these numbers.
package struct TrainingStream: Sendable {
    package let seed: UInt64
    package let client: Int
    package let round: Int

    package init(seed: UInt64, client: Int = 0, round: Int = 0) {
        self.seed = seed
        self.client = client
        self.round = round
    }
}

/// What a training run did.
package struct TrainingOutcome: Sendable, Equatable {
    /// Updates of the parameters.
    package let steps: Int
    /// Examples in the data set (not times epochs).
    package let examples: Int
    /// Mean loss over all examples seen, each under the parameters of its step; without regularisation. NaN where
    /// training was private per example.
    package let meanLoss: Double
    /// Whether private training ended in parameters that are not finite; the change then counts as none. Without
    /// per-example privacy that is ``TrainingError/diverged(step:)``.
    package let diverged: Bool

    package init(steps: Int, examples: Int, meanLoss: Double, diverged: Bool = false) {
        self.steps = steps
        self.examples = examples
        self.meanLoss = meanLoss
        self.diverged = diverged
    }
}

/// Why training stopped.
package enum TrainingError: Error, Equatable, CustomStringConvertible {
    /// A loss or parameter stopped being a finite number; the parameters are then of no use.
    case diverged(step: Int)
    /// There was nothing to train on.
    case noExamples
    /// ``LocalTrainer/isInterrupted`` said that the time for it is over.
    case interrupted

    package var description: String {
        switch self {
        case .diverged(let step):
            "training diverged at step \(step): lower learning_rate, or set gradient_clip_norm"
        case .noExamples: "there are no examples to train on"
        case .interrupted: "training did not end within its time"
        }
    }
}

/// Trains a model's parameters on some of a table's examples. Owned by one thread and used for many clients:
/// results depend on the arguments alone, never on what the trainer did before.
package final class LocalTrainer {
    package let model: Model
    package let options: TrainingOptions
    /// Whether the arena is laid out for private training.
    let isPrivate: Bool
    let descent: Descent
    /// The trained copy of the parameters, and then their change.
    private let local: UnsafeMutablePointer<Float>
    var order: [Int32] = []
    /// Asked between steps; training ends when it says true: with ``TrainingError/interrupted``, or, where it is
    /// private per example, with batches that nobody is in.
    package var isInterrupted: (() -> Bool)?
    /// Whether training that has diverged goes on to its last step before it throws: how long it took then tells
    /// nothing of the data.
    package var takesEveryStep = false
    /// Whether the last private training ended in values that are not finite.
    package internal(set) var lastDiverged = false

    /// Values of the next batch that are prefetched during a step: more would push the weights out.
    private static let prefetchLimit = 1 << 17

    /// What is added to the gradient of every step until it is changed; empty unless the options correct gradients.
    package var correction: UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(
            start: descent.correction, count: options.correctsGradient ? model.layout.count : 0)
    }

    /// Allocates the arena: activations, deltas and, unless steps are plain descent, gradient and state.
    /// `privately` prepares for ``trainPrivately(_:on:indices:stream:plan:rateFactor:privatizer:)``.
    package init(model: Model, options: TrainingOptions, privately: Bool = false) {
        self.model = model
        self.options = options
        isPrivate = privately
        descent = Descent(model: model, options: options, privately: privately)
        local = descent.local
    }

    /// A client's local parameters, in the order of ``Model/localLayout``: who trains a client's copy puts its own here
    /// before, and finds the trained ones here afterwards, until the trainer's next call. Empty for most models.
    package var ownParameters: UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: local + model.layout.count, count: model.localLayout.count)
    }

    /// Trains on the examples at `indices` for `epochs` passes (the options' where nil), in an order drawn from
    /// `stream`, with the options' learning rate times `rateFactor`. Where the options have
    /// ``TrainingOptions/headEpochs``, as many passes change local parameters alone, and those behind them shared ones.
    ///
    /// `parameters` are all that are trained, the local ones behind the others. The options' proximal term holds the shared
    /// ones near `anchor`, or where that is nil near what they are at first.
    /// `continuing` keeps the optimiser's state of the previous call, for central training epoch by epoch.
    /// Throws ``TrainingError``, or `ConfigurationError` where model, loss and targets do not fit together.
    package func train(
        _ parameters: UnsafeMutableBufferPointer<Float>, on examples: Examples,
        indices: UnsafeBufferPointer<Int32>, stream: TrainingStream, epochs: Int? = nil,
        rateFactor: Double = 1, continuing: Bool = false, heldNear anchor: UnsafePointer<Float>? = nil
    ) throws -> TrainingOutcome {
        let (weights, loss) = try prepare(parameters, examples, indices)
        if !continuing { descent.reset() }
        descent.holdNear(anchor ?? UnsafePointer(weights))
        order.removeAll(keepingCapacity: true)
        order.append(contentsOf: indices)
        var dataOrder = stream.generator(.dataOrder)
        var dropoutMask = stream.generator(.dropoutMask)
        descent.workspace.augmentation?.begin(stream.generator(.augmentation))
        let rate = options.learningRate * rateFactor
        let depth = descent.workspace.depth(under: loss)
        let epochs = epochs ?? options.epochs
        defer { descent.changes(.all) }
        let prefetchedRows = min(options.batchSize, Self.prefetchLimit / max(1, examples.featureCount))
        var (steps, lossSum) = (0, 0.0)
        var divergedAt: Int?
        try order.withUnsafeMutableBufferPointer { order in
            for epoch in 0..<epochs {
                if options.headEpochs > 0 { beginEpoch(epoch, continuing: continuing) }
                dataOrder.shuffle(order)
                var start = 0
                while start < order.count {
                    let end = min(start + options.batchSize, order.count)
                    let batch = UnsafeBufferPointer(rebasing: order[start..<end])
                    let next = order[end..<min(end + prefetchedRows, order.count)]
                    Kernels.prefetch(examples, UnsafeBufferPointer(rebasing: next))
                    let sum = descent.step(
                        weights, examples, batch, loss, depth: depth, rate: rate, random: &dropoutMask)
                    steps += 1
                    lossSum += sum
                    if !sum.isFinite {
                        divergedAt = divergedAt ?? steps
                        guard takesEveryStep else { throw TrainingError.diverged(step: steps) }
                    }
                    if let isInterrupted, isInterrupted() { throw TrainingError.interrupted }
                    start = end
                }
            }
        }
        guard divergedAt == nil, Kernels.squareNorm(weights, count: parameters.count).isFinite else {
            throw TrainingError.diverged(step: divergedAt ?? steps)
        }
        let seen = Double(indices.count * epochs)
        return TrainingOutcome(steps: steps, examples: indices.count, meanLoss: seen > 0 ? lossSum / seen : 0)
    }

    /// Alternates between the parts of a model (FedRep; Collins et al. 2021, algorithm 1): each starts its optimiser
    /// afresh.
    private func beginEpoch(_ epoch: Int, continuing: Bool) {
        guard epoch == 0 || epoch == options.headEpochs else { return }
        descent.changes(epoch < options.headEpochs ? .local : .shared)
        if !continuing { descent.reset() }
    }

    /// A client's half of a round: trains a copy of `parameters`, the shared ones, and returns the change, trained minus
    /// given. Its local ones are trained in ``ownParameters``.
    ///
    /// The change lies in the trainer's arena, free for the caller to alter, until the trainer's next call.
    /// The copy is also the faster place to train in: the arena's memory is aligned to cache lines.
    package func delta(
        from parameters: UnsafeBufferPointer<Float>, on examples: Examples,
        indices: UnsafeBufferPointer<Int32>, stream: TrainingStream, epochs: Int? = nil,
        rateFactor: Double = 1
    ) throws -> (delta: UnsafeMutableBufferPointer<Float>, outcome: TrainingOutcome) {
        let (delta, outcome) = try change(from: parameters) { copy in
            try train(
                copy, on: examples, indices: indices, stream: stream, epochs: epochs, rateFactor: rateFactor)
        }
        return (delta, outcome)
    }

    /// A model of the client's own after training (Ditto; Li et al. 2021): it begins at `start`, and the options' proximal
    /// term holds it near `anchor`. It lies in the arena until the trainer's next call.
    package func trained(
        _ start: UnsafeBufferPointer<Float>, heldNear anchor: UnsafeBufferPointer<Float>,
        on examples: Examples,
        indices: UnsafeBufferPointer<Int32>, stream: TrainingStream, rateFactor: Double = 1
    ) throws -> UnsafeMutableBufferPointer<Float> {
        precondition(
            start.count == model.trainedCount && anchor.count == model.layout.count,
            "parameters of another model")
        let copy = UnsafeMutableBufferPointer(start: local, count: start.count)
        _ = copy.update(fromContentsOf: start)
        _ = try train(
            copy, on: examples, indices: indices, stream: stream, rateFactor: rateFactor,
            heldNear: anchor.baseAddress)
        return copy
    }

    /// No change at all, where ``delta(from:on:indices:stream:epochs:rateFactor:)`` leaves one: valid until the
    /// trainer's next call.
    package func noDelta() -> UnsafeMutableBufferPointer<Float> {
        local.update(repeating: 0, count: model.layout.count)
        return UnsafeMutableBufferPointer(start: local, count: model.layout.count)
    }

    /// Runs `training` on a copy of `parameters` in the arena, which then becomes trained minus given.
    func change<Result>(
        from parameters: UnsafeBufferPointer<Float>,
        _ training: (UnsafeMutableBufferPointer<Float>) throws -> Result
    ) throws -> (UnsafeMutableBufferPointer<Float>, Result) {
        guard let start = parameters.baseAddress, parameters.count == model.layout.count else {
            preconditionFailure("parameters do not fill the model's layout")
        }
        local.update(from: start, count: parameters.count)
        let result = try training(UnsafeMutableBufferPointer(start: local, count: model.trainedCount))
        Kernels.subtract(from: local, start, count: parameters.count)
        return (UnsafeMutableBufferPointer(start: local, count: parameters.count), result)
    }

    /// ``train(_:on:indices:stream:epochs:rateFactor:continuing:)`` on arrays.
    package func train(
        _ parameters: inout [Float], on examples: Examples, indices: [Int32], stream: TrainingStream,
        epochs: Int? = nil, rateFactor: Double = 1, continuing: Bool = false
    ) throws -> TrainingOutcome {
        try parameters.withUnsafeMutableBufferPointer { parameters in
            try indices.withUnsafeBufferPointer { indices in
                try train(
                    parameters, on: examples, indices: indices, stream: stream, epochs: epochs,
                    rateFactor: rateFactor, continuing: continuing)
            }
        }
    }

    /// FedSGD's half of a round: `output` becomes the gradient of the mean loss over all the examples at
    /// `indices` (with L1 and L2 terms), the parameters stay. Counts as one step.
    package func gradient(
        of parameters: UnsafeMutableBufferPointer<Float>, on examples: Examples,
        indices: UnsafeBufferPointer<Int32>, stream: TrainingStream,
        into output: UnsafeMutableBufferPointer<Float>
    ) throws -> TrainingOutcome {
        let (weights, loss) = try prepare(parameters, examples, indices)
        guard let target = output.baseAddress, output.count == parameters.count else {
            preconditionFailure("the gradient must have the parameters' length")
        }
        // At its own anchor the proximal term has no slope.
        descent.holdNear(weights)
        var dropoutMask = stream.generator(.dropoutMask)
        descent.workspace.augmentation?.begin(stream.generator(.augmentation))
        let sum = descent.differentiate(
            weights, examples, indices, loss, into: target, random: &dropoutMask)
        guard sum.isFinite, Kernels.squareNorm(target, count: output.count).isFinite else {
            throw TrainingError.diverged(step: 1)
        }
        return TrainingOutcome(steps: 1, examples: indices.count, meanLoss: sum / Double(indices.count))
    }

    func prepare(
        _ parameters: UnsafeMutableBufferPointer<Float>, _ examples: Examples,
        _ indices: UnsafeBufferPointer<Int32>
    ) throws -> (UnsafeMutablePointer<Float>, any Loss) {
        guard let weights = parameters.baseAddress, parameters.count == model.trainedCount else {
            preconditionFailure("parameters do not fill the model's layout")
        }
        precondition(examples.featureCount == model.inputShape.reduce(1, *), "examples do not fit the model")
        try model.check(examples)
        // Whether there are examples must not show in private training: it yields noise without any.
        guard !indices.isEmpty || isPrivate else { throw TrainingError.noExamples }
        try options.augment?.check(model)
        let loss = options.loss ?? LossCatalog.standard(for: model, targets: examples.targets)
        try LossCatalog.check(loss, model: model, targets: examples.targets)
        return (weights, loss)
    }
}

extension TrainingStream {
    func generator(_ purpose: SeededGenerator.Purpose) -> SeededGenerator {
        SeededGenerator(seed: seed, purpose: purpose, client: client, round: round)
    }
}
