package import Compute
package import Encoding

/// The model that a federation publishes, in memory, and what server and strategy remember between rounds.
package struct GlobalModel: Sendable {
    package private(set) var parameters: ParameterVector
    /// What the strategy remembers, one value a parameter; empty where it remembers nothing or before the first round.
    package private(set) var strategyState: [Float]
    private var movement: ModelMovement

    /// The model before the first round, or the one that a checkpoint kept with its strategy's state and its
    /// clipping norm.
    package init(
        parameters: ParameterVector, strategyState: [Float] = [], clippingNorm: Double? = nil, plan: TaskPlan
    ) throws {
        self.parameters = parameters
        self.strategyState = strategyState
        movement = try ModelMovement(clippingNorm: clippingNorm, plan: plan)
    }

    /// L2 bound of the coming round's updates, in model units; of no meaning without privacy.
    package var clippingNorm: Double { movement.clippingNorm }
    /// What clients said of the model that the last round started from; nil where they say nothing.
    package var metrics: ReleasedMetrics? { movement.metrics }

    /// Decodes the noisy sum of a round, lets the strategy move the model, and adapts the clipping norm; see
    /// ``ModelMovement/advance(noisySum:weight:rotation:)``.
    package mutating func apply(noisySum: RingVector, weight: Int, rotation: RandomRotation? = nil) {
        let mean = movement.advance(noisySum: noisySum, weight: weight, rotation: rotation)
        if movement.remembers, strategyState.isEmpty {
            strategyState = [Float](repeating: 0, count: parameters.values.count)
        }
        let movement = movement
        parameters.values.withUnsafeMutableBufferPointer { values in
            strategyState.withUnsafeMutableBufferPointer { state in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.windowCount) { scratch in
                    for start in stride(from: 0, to: values.count, by: Self.windowCount) {
                        let window = start..<min(start + Self.windowCount, values.count)
                        movement.apply(
                            mean, from: start,
                            memory: .init(rebasing: state[movement.remembers ? window : 0..<0]),
                            to: .init(rebasing: values[window]), scratch: scratch)
                    }
                }
            }
        }
    }

    /// Parameters that are moved at once: their mean update stays in a core's cache.
    private static let windowCount = 1 << 14
}
