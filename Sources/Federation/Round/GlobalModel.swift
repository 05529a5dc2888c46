package import Compute
internal import Privacy
package import SecureAggregation

/// The model that a federation publishes, and what server and strategy remember between rounds.
package struct GlobalModel: Sendable {
    package private(set) var parameters: ParameterVector
    package private(set) var strategy: any Strategy
    /// What the clients of the last round said of the model that the round started from; nil where they say nothing.
    package private(set) var metrics: ReleasedMetrics?
    private var adaptiveClipping: AdaptiveClipping?
    private let plan: TaskPlan

    /// The model before the first round, or the one that a checkpoint kept with its strategy's state and its
    /// clipping norm.
    package init(
        parameters: ParameterVector, strategyState: [Float] = [], clippingNorm: Double? = nil, plan: TaskPlan
    ) throws {
        self.parameters = parameters
        self.plan = plan
        strategy = plan.configuration.strategy
        strategy.state = strategyState
        adaptiveClipping = plan.privacy?.adaptiveClipping
        if let clippingNorm {
            adaptiveClipping = try plan.privacy?.configuration.adaptiveClipping?.start(at: clippingNorm)
        }
    }

    /// L2 bound of the coming round's updates, in model units; of no meaning without privacy.
    package var clippingNorm: Double {
        adaptiveClipping?.bound ?? plan.privacy?.configuration.clippingNorm ?? .infinity
    }

    /// Decodes the noisy sum of a round, lets the strategy move the model, and adapts the clipping norm.
    ///
    /// `weight` is the sum of the clients' weights; under privacy the plan's expected cohort divides instead,
    /// because a count of reports would be a private quantity. `rotation` is the one that the round's clients
    /// used, where the plan rotates.
    package mutating func apply(noisySum: RingVector, weight: Int, rotation: RandomRotation? = nil) {
        let divisor: Double =
            switch plan.divisor {
            case .weights: Double(max(1, weight))
            case .expectedCohort(let count): count
            }
        let clippingNorm = clippingNorm
        var scale = plan.codec.scale
        if let privacy = plan.privacy { scale = privacy.scale(forClippingNorm: clippingNorm) }
        if adaptiveClipping != nil {
            // The clipping indicators' sum follows the parameters.
            let indicators = noisySum.centred(at: plan.vectorDimension)
            adaptiveClipping?.update(noisyIndicatorSum: indicators, expectedCohort: Int(divisor))
        }
        let codec = FixedPointCodec(bits: plan.codec.bits, scale: scale)
        var mean = codec.decode(noisySum, count: plan.vectorDimension, dividedBy: divisor)
        if let rotation { mean.withUnsafeMutableBufferPointer { rotation.inverse($0) } }
        metrics = plan.metrics.map { metrics in
            // The number of reports may be used where no sampling hides it.
            let isHidden = plan.privacy.map { $0.configuration.sampling != .none } ?? true
            let correction = Float(isHidden ? 1 : divisor / Double(max(1, weight)))
            let means = mean.suffix(MetricsPlan.count).map { $0 * correction }
            mean.removeLast(MetricsPlan.count)
            return metrics.released(means, clippingNorm: clippingNorm, classifies: plan.classifies)
        }
        strategy.apply(meanUpdate: mean, to: &parameters)
    }
}
