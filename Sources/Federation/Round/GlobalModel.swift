package import Compute
package import Encoding

/// The model that a federation publishes, in memory, and what the server remembers between rounds.
package struct GlobalModel: Sendable {
    package private(set) var parameters: ParameterVector
    /// What the strategy's server rule remembers.
    package private(set) var optimizerState: OptimizerState
    private var serverUpdate: ServerUpdate

    /// The model before the first round, or the one that a checkpoint kept after so many published models, with its
    /// optimiser state, where there is one already, and its clipping norm.
    package init(
        parameters: ParameterVector, optimizerState: OptimizerState = OptimizerState(),
        clippingNorm: Double? = nil, published: Int = 0, plan: TaskPlan
    ) throws {
        self.parameters = parameters
        serverUpdate = try ServerUpdate(clippingNorm: clippingNorm, published: published, plan: plan)
        self.optimizerState =
            optimizerState.values.isEmpty ? OptimizerState(names: serverUpdate.stateNames) : optimizerState
        precondition(self.optimizerState.names == serverUpdate.stateNames, "the state of another rule")
    }

    /// What of the optimiser state clients are given with the model; empty where they are given none, and before the first
    /// step, when it is zero.
    package var publishedState: [Float] { serverUpdate.publishesState ? optimizerState.values : [] }
    /// L2 bound of the coming round's updates, in model units; of no meaning without privacy.
    package var clippingNorm: Double { serverUpdate.clippingNorm }
    /// What clients said of the model that the last round started from; nil where they say nothing.
    package var metrics: ReleasedMetrics? { serverUpdate.metrics }

    /// Decodes the noisy sum of a round, lets the server rule move the model, and adapts the clipping norm; see
    /// ``ServerUpdate/advance(noisySum:weight:rotation:)``.
    package mutating func apply(noisySum: RingVector, weight: Int, rotation: RandomRotation? = nil) {
        // A copy only where it is read: one more would be of the whole model.
        let before = serverUpdate.movesWhole ? parameters.values : []
        let mean = serverUpdate.advance(
            noisySum: noisySum, weight: weight, rotation: rotation, from: { before })
        optimizerState.prepare(count: parameters.values.count)
        let serverUpdate = serverUpdate
        parameters.values.withUnsafeMutableBufferPointer { values in
            optimizerState.withPiece(count: values.count) { state in
                let room = serverUpdate.scratchWidth * Self.windowCount
                withUnsafeTemporaryAllocation(of: Float.self, capacity: room) { scratch in
                    for start in stride(from: 0, to: values.count, by: Self.windowCount) {
                        let window = start..<min(start + Self.windowCount, values.count)
                        serverUpdate.apply(
                            mean, from: start, state: state[window], to: .init(rebasing: values[window]),
                            scratch: scratch)
                    }
                }
            }
        }
    }

    /// Parameters that are moved at once: their mean update stays in a core's cache.
    private static let windowCount = 1 << 14
}
