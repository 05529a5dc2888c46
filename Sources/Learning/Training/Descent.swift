internal import Compute

/// Which of the trained parameters steps change.
enum TrainedPart {
    case all
    /// Those that all clients train together.
    case shared
    /// Those that stay at the client.
    case local
}

/// Steps of an optimiser against the gradient of a batch's mean loss, with the options' regularisation and clipping.
/// Owned by one thread; nothing is allocated after `init`.
final class Descent {
    let model: Model
    let options: TrainingOptions
    let workspace: Workspace
    /// The gradient of the step at hand, in the model's layout; of no use where steps are plain descent.
    let gradient: UnsafeMutablePointer<Float>
    /// Room for a copy of the parameters.
    let local: UnsafeMutablePointer<Float>
    /// What is added to the gradient of every step, behind regularisation and clipping; of no use unless the options
    /// correct gradients.
    let correction: UnsafeMutablePointer<Float>
    private let state: UnsafeMutablePointer<Float>
    private let anchor: UnsafeMutablePointer<Float>
    private var optimizerSteps = 0
    /// Where the parameters lie that steps change.
    private var changed: Range<Int>
    /// Whether a step of one chunk goes straight to the parameters.
    private let stepsInPlace: Bool

    /// Floats of activations that may lie ready for batches above the mean.
    private static let spreadLimit = 1 << 20

    /// Allocates the arena: activations, deltas and, unless steps are plain descent, gradient and state. `privately`
    /// makes room for ``PrivateDescent``.
    init(model: Model, options: TrainingOptions, privately: Bool) {
        self.model = model
        self.options = options
        let count = model.trainedCount
        changed = 0..<count
        let capacity = Workspace.chunk(
            of: model, wanted: options.batchSize + (privately ? Self.spread(model, options.batchSize) : 0))
        // A tensor that two layers share cannot change between their backward passes.
        stepsInPlace = options.isPlainDescent && !model.sharesParameters
        let needsGradient = privately || !stepsInPlace || options.batchSize > capacity
        workspace = Workspace(
            model: model, capacity: capacity, use: privately ? .privateTraining : .training,
            extra: [
                needsGradient ? count : 0,
                count * options.optimizer.statePerParameter,
                options.proximalMu > 0 ? count : 0,
                count,
                options.correctsGradient ? count : 0,
            ])
        workspace.augmentation = options.augment?.augmentation(for: model, capacity: capacity)
        (gradient, state) = (workspace.extra[0], workspace.extra[1])
        (anchor, local) = (workspace.extra[2], workspace.extra[3])
        correction = workspace.extra[4]
    }

    // Poisson batches vary: six standard deviations above the mean they still fit, where that room is small. Larger models
    // take such a batch in two chunks.
    private static func spread(_ model: Model, _ batch: Int) -> Int {
        let spread = Int(6 * Double(batch).squareRoot())
        return spread * ActivationPlan.floatsPerExample(model) <= spreadLimit ? spread : 0
    }

    /// Forgets the optimiser's state.
    func reset() {
        optimizerSteps = 0
        state.update(repeating: 0, count: model.trainedCount * options.optimizer.statePerParameter)
    }

    /// Makes `weights` what the proximal term holds the shared parameters near.
    func holdNear(_ weights: UnsafePointer<Float>) {
        if options.proximalMu > 0 { anchor.update(from: weights, count: model.layout.count) }
    }

    /// Says which parameters the coming steps change; the others are held. Moving to another part asks for ``reset()``.
    func changes(_ part: TrainedPart) {
        workspace.targets.changes(part)
        changed =
            switch part {
            case .all: 0..<model.trainedCount
            case .shared: 0..<model.layout.count
            case .local: model.layout.count..<model.trainedCount
            }
    }

    /// Changes the parameters by one step on a batch. Returns the sum of the batch's losses.
    func step(
        _ weights: UnsafeMutablePointer<Float>, _ examples: Examples, _ batch: UnsafeBufferPointer<Int32>,
        _ loss: any Loss, depth: Int, rate: Double, random: inout SeededGenerator
    ) -> Double {
        if stepsInPlace && batch.count <= workspace.capacity {
            workspace.gather(examples, batch, for: loss)
            workspace.forward(weights, count: batch.count, depth: depth, random: &random)
            let sum = workspace.evaluate(
                loss, count: batch.count, depth: depth, scale: 1 / Float(batch.count))
            workspace.backward(
                weights, count: batch.count, depth: depth, into: weights, scale: -Float(rate), keep: 1)
            correct(weights, factor: -Float(rate))
            return sum
        }
        let sum = accumulate(
            weights, examples, batch, loss, depth: depth, into: gradient, random: &random)
        applyGradient(weights, rate: rate)
        return sum
    }

    /// Writes the gradient of the batch's mean loss, with the terms of regularisation, to `target`. Returns the sum of
    /// the batch's losses.
    func differentiate(
        _ weights: UnsafeMutablePointer<Float>, _ examples: Examples, _ batch: UnsafeBufferPointer<Int32>,
        _ loss: any Loss, into target: UnsafeMutablePointer<Float>, random: inout SeededGenerator
    ) -> Double {
        let sum = accumulate(
            weights, examples, batch, loss, depth: workspace.depth(under: loss), into: target,
            random: &random)
        regularise(weights, target)
        return sum
    }

    /// Changes the parameters by ``gradient``: regularisation, clipping of the batch's norm, correction, then the optimiser.
    func applyGradient(_ weights: UnsafeMutablePointer<Float>, rate: Double) {
        regularise(weights, gradient)
        clipGradient()
        correct(gradient, factor: 1)
        optimizerSteps += 1
        let (start, states) = (changed.lowerBound, options.optimizer.statePerParameter)
        options.optimizer.update(
            OptimizerPass(
                count: changed.count, parameters: weights + start, gradient: gradient + start,
                state: state + start * states, rate: rate, step: optimizerSteps))
    }

    // target = mean gradient over the batch, in chunks of the arena's capacity.
    private func accumulate(
        _ weights: UnsafeMutablePointer<Float>, _ examples: Examples, _ batch: UnsafeBufferPointer<Int32>,
        _ loss: any Loss, depth: Int, into target: UnsafeMutablePointer<Float>,
        random: inout SeededGenerator
    ) -> Double {
        var (sum, start) = (0.0, 0)
        while start < batch.count {
            let chunk = UnsafeBufferPointer(
                rebasing: batch[start..<min(start + workspace.capacity, batch.count)])
            workspace.gather(examples, chunk, for: loss)
            workspace.forward(weights, count: chunk.count, depth: depth, random: &random)
            sum += workspace.evaluate(loss, count: chunk.count, depth: depth, scale: 1 / Float(batch.count))
            workspace.backward(
                weights, count: chunk.count, depth: depth, into: target, scale: 1,
                keep: start == 0 ? 0 : 1)
            start += chunk.count
        }
        return sum
    }

    private func regularise(_ weights: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>) {
        if options.proximalMu > 0, changed.lowerBound == 0 {
            OptimizerKernels.regularise(
                target, weights, anchor: anchor, l2: 0, l1: 0, proximal: Float(options.proximalMu),
                count: model.layout.count)
        }
        guard options.l1 > 0 || options.l2 > 0 else { return }
        for range in model.regularisedRanges where changed.contains(range.lowerBound) {
            OptimizerKernels.regularise(
                target + range.lowerBound, weights + range.lowerBound, anchor: nil, l2: Float(options.l2),
                l1: Float(options.l1), proximal: 0, count: range.count)
        }
    }

    private func correct(_ target: UnsafeMutablePointer<Float>, factor: Float) {
        guard options.correctsGradient else { return }
        Kernels.addScaled(to: target, correction, factor: factor, count: model.layout.count)
    }

    private func clipGradient() {
        guard let limit = options.gradientClipNorm else { return }
        let gradient = gradient + changed.lowerBound
        let norm = Kernels.squareNorm(gradient, count: changed.count).squareRoot()
        if norm > limit { Kernels.scale(gradient, by: Float(limit / norm), count: changed.count) }
    }
}
