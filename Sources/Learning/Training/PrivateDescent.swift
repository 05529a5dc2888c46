internal import Compute
internal import Configuration

/// Steps of DP-SGD (Abadi et al. 2016): the clipped gradients of single examples are summed, noised, and divided by the
/// expected size of a batch. Works in the arena of a ``Descent`` that was made for it.
struct PrivateDescent {
    /// Examples' gradients are clipped this much below the stated norm, so that rounding in the norms and in
    /// the sum over a batch cannot carry an example's influence above it. Half of it is for what ``Rounding`` bounds: a
    /// squared norm may be off by this share of itself.
    static let clippingMargin = 1.0 / 1024

    let descent: Descent
    let plan: PrivateTrainingPlan
    let privatizer: any GradientPrivatizer
    /// The learning rate of a step.
    let rate: Double

    /// Steps with the options' learning rate times `rateFactor`.
    init(
        _ descent: Descent, plan: PrivateTrainingPlan, rateFactor: Double, privatizer: any GradientPrivatizer
    ) {
        (self.descent, self.plan, self.privatizer) = (descent, plan, privatizer)
        rate = descent.options.learningRate * rateFactor
    }

    /// Throws `ConfigurationError` where a layer has no rule for per-example norms.
    func checkNormRules() throws {
        let model = descent.model
        for node in model.nodes where node.isTrained && node.layer?.normRule == GradientNormRule.none {
            throw ConfigurationError(
                path: model.spec.path,
                problem:
                    "layer \(node.name) (\(node.kind)) has no rule for per-example gradient "
                    + "norms, which privacy.example needs")
        }
    }

    /// Changes the parameters by one step on a batch, which may be empty. Throws what the privatizer throws.
    func step(
        _ weights: UnsafeMutablePointer<Float>, _ examples: Examples, _ batch: UnsafeBufferPointer<Int32>,
        _ loss: any Loss, depth: Int, random: inout SeededGenerator
    ) throws {
        sumClipped(weights, examples, batch, loss, depth, random: &random)
        try applyNoisy(weights)
    }

    /// Changes the parameters by a step on nobody's examples.
    func emptyStep(_ weights: UnsafeMutablePointer<Float>) throws {
        descent.gradient.update(repeating: 0, count: descent.model.trainedCount)
        try applyNoisy(weights)
    }

    // Adds noise to the sum in the arena's gradient and makes a step of it.
    private func applyNoisy(_ weights: UnsafeMutablePointer<Float>) throws {
        let (gradient, count) = (descent.gradient, descent.model.trainedCount)
        try privatizer.privatize(sum: UnsafeMutableBufferPointer(start: gradient, count: count))
        if descent.options.isPlainDescent {
            // The mean's division is part of the rate: one pass less.
            descent.applyGradient(weights, rate: rate / plan.expectedBatchSize)
        } else {
            Kernels.scale(gradient, by: Float(1 / plan.expectedBatchSize), count: count)
            descent.applyGradient(weights, rate: rate)
        }
    }

    // The sum of the batch's clipped gradients into the arena's gradient.
    private func sumClipped(
        _ weights: UnsafeMutablePointer<Float>, _ examples: Examples, _ batch: UnsafeBufferPointer<Int32>,
        _ loss: any Loss, _ depth: Int, random: inout SeededGenerator
    ) {
        let (workspace, gradient) = (descent.workspace, descent.gradient)
        let limit = Float(plan.clippingNorm * (1 - Self.clippingMargin))
        if batch.isEmpty { gradient.update(repeating: 0, count: descent.model.trainedCount) }
        var start = 0
        while start < batch.count {
            let chunk = UnsafeBufferPointer(
                rebasing: batch[start..<min(start + workspace.capacity, batch.count)])
            workspace.gather(examples, chunk, for: loss)
            workspace.forward(weights, count: chunk.count, depth: depth, random: &random)
            _ = workspace.evaluate(loss, count: chunk.count, depth: depth, scale: 1)
            workspace.clippedBackward(
                weights, count: chunk.count, depth: depth, limit: limit, into: gradient,
                keep: start == 0 ? 0 : 1)
            start += chunk.count
        }
    }
}
