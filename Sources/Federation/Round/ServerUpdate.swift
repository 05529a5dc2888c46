internal import Compute
package import Encoding
internal import Privacy

/// How the published model moves from round to round: the server's rule, the number of its steps, and the clipping norm
/// where it adapts. All that a server needs between rounds besides the parameters and the optimiser state.
package struct ServerUpdate: Sendable {
    /// What clients said of the model that the last round started from; nil where they say nothing.
    package private(set) var metrics: ReleasedMetrics?
    private var adaptiveClipping: AdaptiveClipping?
    /// Models published so far, that of the last ``advance(noisySum:weight:rotation:)`` included.
    private var steps: Int
    /// What the present step has in common for all parameters (``ServerRule/factor(_:)``, ``ServerPass/participation``).
    private var factor = 1.0
    private var participation = 1.0
    /// The whole next model, where the rule makes it as one.
    private var whole: [Float]?
    private let plan: TaskPlan

    /// Before the first round, or where a checkpoint kept the clipping norm after so many published models.
    package init(clippingNorm: Double? = nil, published: Int = 0, plan: TaskPlan) throws {
        self.plan = plan
        steps = published
        adaptiveClipping = plan.privacy?.adaptiveClipping
        if let clippingNorm {
            adaptiveClipping = try plan.privacy?.configuration.adaptiveClipping?.start(at: clippingNorm)
        }
    }

    /// L2 bound of the coming round's updates, in model units; of no meaning without privacy.
    package var clippingNorm: Double {
        adaptiveClipping?.bound ?? plan.privacy?.configuration.clippingNorm ?? .infinity
    }

    /// Names of the values that are remembered of every parameter: the optimiser state.
    package var stateNames: [String] { plan.stateNames }

    /// Whether the next model is made as a whole, from all of the one before.
    var movesWhole: Bool { plan.configuration.strategy.server.movesWhole }

    /// Whether clients are given the optimiser state with the model.
    package var publishesState: Bool { plan.configuration.strategy.server.publishesState }

    /// Begins the next step with a round's noisy sum: adapts the clipping norm, releases the clients' metrics, and gives the
    /// mean update.
    ///
    /// `weight` is the sum of the clients' weights; under privacy the plan's expected cohort divides instead,
    /// because a count of reports would be a private quantity. `rotation` is the one that the round's clients
    /// used, where the plan rotates. `model` gives all of the model's parameters; it is asked where the rule moves the
    /// model as a whole.
    package mutating func advance(
        noisySum: RingVector, weight: Int, rotation: RandomRotation? = nil, from model: () -> [Float]
    ) -> MeanUpdate {
        steps += 1
        let divisor: Double =
            switch plan.divisor {
            case .weights: Double(max(1, weight))
            case .expectedCohort(let count): count
            }
        let clippingNorm = clippingNorm
        var scale = plan.codec.scale
        if let privacy = plan.privacy { scale = privacy.scale(forClippingNorm: clippingNorm) }
        let mean = MeanUpdate(
            noisySum, codec: FixedPointCodec(bits: plan.codec.bits, scale: scale),
            count: plan.report.vector.count, divisor: divisor, rotation: rotation)
        if let share = plan.privacy?.indicatorShare {
            // The mean of ±1 over the expected cohort, ± 1 being ± that part of the norm.
            let indicator = mean.values(plan.report[.clippingIndicator])[0]
            adaptiveClipping?.update(noisyFraction: 0.5 + Double(indicator) / (2 * share * clippingNorm))
        } else if adaptiveClipping != nil {
            // The clipping indicators' sum follows the parameters.
            let indicators = noisySum.centred(at: plan.report[.clippingIndicator].lowerBound)
            adaptiveClipping?.update(noisyIndicatorSum: indicators, expectedCohort: Int(divisor))
        }
        metrics = plan.metrics.map { metrics in
            // The number of reports may be used where no sampling hides it.
            let isHidden = plan.privacy.map { $0.configuration.sampling != .none } ?? true
            let correction = Float(isHidden ? 1 : divisor / Double(max(1, weight)))
            let means = mean.values(plan.report[.metrics]).map { $0 * correction }
            return metrics.released(means, clippingNorm: clippingNorm, classifies: plan.classifies)
        }
        // Of uniform weights the sum is their number.
        participation = min(1, Double(weight) / Double(plan.population))
        let (update, rule) = (plan.report[.update], plan.configuration.strategy.server)
        if rule.movesWhole {
            whole = rule.next(
                WholeStep(model: plan.model, parameters: model(), sums: mean.sums(update)))
            return mean
        }
        factor = rule.factor(
            RoundMeans(scalars: mean.values(plan.report[.scalars])) { mean.squareNorm(update) })
        return mean
    }

    /// Moves the parameters from `start` on by their mean update, then to the grid of published models where there is one, and
    /// their optimiser state, `state`, with them.
    /// `scratch` has room for ``scratchWidth`` values a parameter.
    package func apply(
        _ mean: MeanUpdate, from start: Int, state: OptimizerStatePiece,
        to parameters: UnsafeMutableBufferPointer<Float>, scratch: UnsafeMutableBufferPointer<Float>
    ) {
        let count = parameters.count
        if let whole {
            _ = parameters.update(fromContentsOf: whole[start..<start + count])
            return
        }
        precondition(scratch.count >= scratchWidth * count, "no room for the mean update")
        let piece = UnsafeMutableBufferPointer(rebasing: scratch[..<count])
        mean.copy(from: start, into: piece)
        let beside = UnsafeMutableBufferPointer(rebasing: scratch[count..<scratchWidth * count])
        if !beside.isEmpty { mean.copy(from: plan.report[.controlVariate].lowerBound + start, into: beside) }
        plan.configuration.strategy.server.update(
            ServerPass(
                step: steps, meanUpdate: UnsafeBufferPointer(piece),
                meanControlVariate: UnsafeBufferPointer(beside), factor: factor,
                participation: participation, state: state, parameters: parameters))
        guard let grid = plan.configuration.download else { return }
        precondition(start % ModelGrid.block == 0, "a piece begins within a block")
        grid.round(parameters, residual: state[state.width - 1])
    }

    /// Values that ``apply(_:from:state:to:scratch:)`` needs room for, a parameter.
    package var scratchWidth: Int { plan.report[.controlVariate].isEmpty ? 1 : 2 }
}

/// The mean update of a round, decoded from its noisy sum piece by piece. Only a rotated one is ever in memory whole:
/// every coordinate of it hangs on all others.
package struct MeanUpdate: Sendable {
    private let sum: RingVector
    private let codec: FixedPointCodec
    private let divisor: Double
    private let rotated: [Float]?

    fileprivate init(
        _ sum: RingVector, codec: FixedPointCodec, count: Int, divisor: Double,
        rotation: RandomRotation?
    ) {
        self.sum = sum
        self.codec = codec
        self.divisor = divisor
        rotated = rotation.map { rotation in
            var mean = codec.decode(sum, count: count, dividedBy: divisor)
            mean.withUnsafeMutableBufferPointer { rotation.inverse($0) }
            return mean
        }
    }

    /// Writes the coordinates from `start` on into `values`, in model units.
    func copy(from start: Int, into values: UnsafeMutableBufferPointer<Float>) {
        guard let rotated else { return codec.decode(sum, from: start, dividedBy: divisor, into: values) }
        _ = values.update(fromContentsOf: rotated[start..<start + values.count])
    }

    /// The sum of squares of some coordinates: the same bits wherever and however often it is asked for.
    func squareNorm(_ range: Range<Int>) -> Double {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.windowCount) { window in
            var sum = 0.0
            for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.windowCount) {
                let piece = window[..<min(Self.windowCount, range.upperBound - start)]
                copy(from: start, into: UnsafeMutableBufferPointer(rebasing: piece))
                sum += window.baseAddress.map { Kernels.squareNorm($0, count: piece.count) } ?? 0
            }
            return sum
        }
    }

    /// Coordinates that are looked at at once: they stay in a core's cache.
    private static let windowCount = 1 << 14

    /// The sums that some coordinates are the means of: exact, unless the round was rotated.
    func sums(_ range: Range<Int>) -> [Double] {
        if let rotated { return rotated[range].map { Double($0) * divisor } }
        return range.map { Double(sum.centred(at: $0)) / codec.scale }
    }

    /// Some coordinates, in model units.
    func values(_ range: Range<Int>) -> [Float] {
        var values = [Float](repeating: 0, count: range.count)
        values.withUnsafeMutableBufferPointer { copy(from: range.lowerBound, into: $0) }
        return values
    }
}
