package import Compute

// Per-example private training.
extension LocalTrainer {
    /// Trains with DP-SGD (Abadi et al. 2016): each step sums the clipped gradients of a secret Poisson batch of
    /// the examples at `indices`, lets `privatizer` add noise, and divides by the expected batch size.
    ///
    /// An example whose gradient is not finite adds nothing to its step: the sum stays finite and keeps its bound,
    /// noise is added in every step, and training takes all of them, whatever the data. Parameters can stop being
    /// finite only by what was noised before.
    /// Returns the number of steps and nothing that depends on the data otherwise: losses are not private.
    /// Needs a trainer made with `privately`. Throws ``TrainingError/noExamples``, whatever `privatizer` throws, or
    /// `ConfigurationError` where a layer has no rule for per-example norms.
    package func trainPrivately(
        _ parameters: UnsafeMutableBufferPointer<Float>, on examples: Examples,
        indices: UnsafeBufferPointer<Int32>, stream: TrainingStream, plan: PrivateTrainingPlan,
        rateFactor: Double = 1, privatizer: any GradientPrivatizer
    ) throws -> Int {
        precondition(isPrivate, "private training needs a trainer made with privately")
        let steps = PrivateDescent(descent, plan: plan, rateFactor: rateFactor, privatizer: privatizer)
        try steps.checkNormRules()
        let (weights, loss) = try prepare(parameters, examples, indices)
        descent.reset()
        descent.holdNear(weights)
        let depth = descent.workspace.depth(under: loss)
        // Masks and changes of images lie by position in the batch, so that one record more moves everybody's: from a
        // public seed the difference of two sums would be more than that record's gradient. Secret ones are as likely in
        // any order.
        let isRandom = model.nodes.contains { node in node.layer.map { type(of: $0).isRandom } ?? false }
        let augmentation = descent.workspace.augmentation
        var dropoutMask = stream.generator(.dropoutMask)
        if isRandom || augmentation != nil {
            let secret = try privatizer.secretSeed()
            dropoutMask = SeededGenerator(seed: secret, purpose: .dropoutMask)
            augmentation?.begin(SeededGenerator(seed: secret, purpose: .augmentation))
        }
        order = [Int32](repeating: 0, count: indices.count)
        try order.withUnsafeMutableBufferPointer { order in
            for _ in 1...plan.steps {
                var size = try privatizer.nextBatch(of: indices.count, into: order)
                precondition(size >= 0 && size <= indices.count, "a batch is part of the data")
                if let isInterrupted, isInterrupted() { size = 0 }
                for position in 0..<size { order[position] = indices[Int(order[position])] }
                let batch = UnsafeBufferPointer(rebasing: order[0..<size])
                try steps.step(weights, examples, batch, loss, depth: depth, random: &dropoutMask)
            }
        }
        return plan.steps
    }

    /// ``trainPrivately(_:on:indices:stream:plan:rateFactor:privatizer:)`` on a copy of `parameters`: returns the
    /// change and the number of steps. The change lies in the arena until the trainer's next call. One that is not
    /// finite becomes no change: only noised values, and so nothing private, decide that.
    package func privateDelta(
        from parameters: UnsafeBufferPointer<Float>, on examples: Examples,
        indices: UnsafeBufferPointer<Int32>, stream: TrainingStream, plan: PrivateTrainingPlan,
        rateFactor: Double = 1, privatizer: any GradientPrivatizer
    ) throws -> (delta: UnsafeMutableBufferPointer<Float>, steps: Int) {
        let (delta, steps) = try change(from: parameters) { copy in
            try trainPrivately(
                copy, on: examples, indices: indices, stream: stream, plan: plan, rateFactor: rateFactor,
                privatizer: privatizer)
        }
        return (finite(delta), steps)
    }

    /// What ``privateDelta(from:on:indices:stream:plan:rateFactor:privatizer:)`` gives for a client without a single
    /// example: as many steps, of noise alone.
    package func privateDelta(
        from parameters: UnsafeBufferPointer<Float>, plan: PrivateTrainingPlan, rateFactor: Double = 1,
        privatizer: any GradientPrivatizer
    ) throws -> UnsafeMutableBufferPointer<Float> {
        precondition(isPrivate, "private training needs a trainer made with privately")
        let (delta, _) = try change(from: parameters) { copy in
            guard let weights = copy.baseAddress else { return }
            let steps = PrivateDescent(descent, plan: plan, rateFactor: rateFactor, privatizer: privatizer)
            descent.reset()
            descent.holdNear(weights)
            for _ in 1...plan.steps { try steps.emptyStep(weights) }
        }
        return finite(delta)
    }

    private func finite(_ delta: UnsafeMutableBufferPointer<Float>) -> UnsafeMutableBufferPointer<Float> {
        // A client's own parameters lie behind the change.
        lastDiverged =
            delta.baseAddress.map { !Kernels.squareNorm($0, count: model.trainedCount).isFinite } ?? false
        return lastDiverged ? noDelta() : delta
    }
}
