package import Compute

/// The gradients of a loss at inputs that are nobody's data, by the parameters and by the inputs: what it takes to
/// reconstruct a client's examples from its update.
///
/// One probe holds one batch of inputs, which its owner changes. Owned by one thread; nothing is allocated after `init`.
package final class GradientProbe {
    package let model: Model
    /// Number of inputs.
    package let count: Int
    private let workspace: Workspace
    private let loss: any Loss
    private let depth: Int
    private var random = SeededGenerator(seed: 0, purpose: .dropoutMask)

    /// Why no probe can be made of a model under a loss, as the end of a sentence; nil where one can.
    package static func obstacle(_ model: Model, _ loss: any Loss) -> String? {
        if model.vocabulary != nil { return "the model reads tokens, which have no gradient" }
        if type(of: loss).readsInput { return "the loss compares outputs with the input itself" }
        let isRandom = model.nodes.contains { node in node.layer.map { type(of: $0).isRandom } ?? false }
        return isRandom ? "the model draws random numbers in training, as drop-out does" : nil
    }

    /// A probe of inputs with these targets, at first zeros. Throws ``ConfigurationError`` where model, loss and targets do
    /// not fit together; ``obstacle(_:_:)`` must be nil.
    package init(model: Model, options: TrainingOptions, targets: Examples.Targets, count: Int) throws {
        let loss = options.loss ?? LossCatalog.standard(for: model, targets: targets)
        try LossCatalog.check(loss, model: model, targets: targets)
        precondition(Self.obstacle(model, loss) == nil && count > 0, "no probe can be made of the model")
        (self.model, self.loss, self.count) = (model, loss, count)
        workspace = Workspace(model: model, capacity: count, use: .inputGradients)
        depth = workspace.depth(under: loss)
        let width = model.inputShape.reduce(1, *)
        let examples = Examples(
            count: count, featureShape: model.inputShape,
            features: .floats([Float](repeating: 0, count: count * width)), targets: targets)
        try model.check(examples)
        (0..<Int32(count)).map { $0 }.withUnsafeBufferPointer { workspace.gather(examples, $0, for: loss) }
    }

    /// [count, input size]: the inputs, which every call below reads.
    package var inputs: UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: workspace.input, count: count * width)
    }

    /// [count, input size]: the gradient of the mean loss by the inputs, as the last call left it.
    package var inputGradient: UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(start: workspace.inputDelta, count: count * width)
    }

    private var width: Int { model.inputShape.reduce(1, *) }

    /// Writes the gradient of the mean loss by the trained parameters to `target`, of their length. Returns the mean loss.
    @discardableResult
    package func differentiate(
        _ parameters: UnsafeMutableBufferPointer<Float>, into target: UnsafeMutableBufferPointer<Float>
    ) -> Double {
        guard let weights = parameters.baseAddress, let gradient = target.baseAddress else { return 0 }
        precondition(
            parameters.count == model.trainedCount && target.count == model.trainedCount,
            "parameters of another model")
        let mean = forward(weights)
        workspace.backward(weights, count: count, depth: depth, into: gradient, scale: 1, keep: 0)
        return mean
    }

    /// Leaves the gradient by the inputs alone, in ``inputGradient``. Returns the mean loss.
    @discardableResult
    package func differentiateInputs(_ parameters: UnsafeMutableBufferPointer<Float>) -> Double {
        guard let weights = parameters.baseAddress else { return 0 }
        precondition(parameters.count == model.trainedCount, "parameters of another model")
        let mean = forward(weights)
        workspace.backwardToInput(weights, count: count, depth: depth)
        return mean
    }

    private func forward(_ weights: UnsafeMutablePointer<Float>) -> Double {
        workspace.forward(weights, count: count, depth: depth, random: &random)
        return workspace.evaluate(loss, count: count, depth: depth, scale: 1 / Float(count)) / Double(count)
    }
}
