package import Compute
package import Encoding
internal import Learning
package import Privacy

/// Why a client's update cannot be reported.
package enum UpdateRefusal: Error, Equatable, CustomStringConvertible {
    /// Training ended in values that are not finite.
    case notFinite
    /// The unclipped, weighted update leaves the range of the ring.
    case outOfRange
    /// Stochastic rounding found no encoding within the norm bound.
    case roundingFailed

    package var description: String {
        switch self {
        case .notFinite: "training diverged: the update is not finite; lower the learning rate"
        case .outOfRange: "the update is too large for the ring; lower the learning rate, or clip"
        case .roundingFailed: "no rounding of the update keeps its norm bound"
        }
    }
}

/// What is known at the client of one encoded update; none of it may leave the host.
package struct UpdateDiagnostics: Equatable, Sendable {
    /// L2 norm of the change of the model before clipping.
    package var norm: Double
    package var wasClipped: Bool
}

/// From a trained model to the integers of a report, stage by stage: delta → weight or clip → rotate → round → noise.
///
/// One pipeline belongs to one worker and is used for many clients; its buffers are allocated once. What it
/// yields depends on the arguments alone.
package final class UpdatePipeline {
    private let stages: [any UpdateStage]
    /// Coordinates that local work yields, and the parameters among them.
    private let trained: (count: Int, parameters: Int)
    private let privacy: PrivacyPlan?
    private let hasMetrics: Bool
    /// Nil where updates travel whole.
    private let compression: CompressionStage?
    /// The encoded report, by the plan's ``ReportLayout``; empty without privacy.
    private let encoded: UnsafeMutableBufferPointer<Int32>
    /// Weight and factor of the update that was encoded last: all that is kept where it is rounded as it is added.
    private var last = (weight: 0, factor: 0.0)
    private let roundsWhenAdded: Bool

    /// Allocates the buffers for reports of the plan. `onlyAdds` says that reports will be added here, to a sum in
    /// memory, and no ``report(bits:)`` asked for: then a plain clipped update needs one pass less.
    package init(plan: TaskPlan, onlyAdds: Bool = false) {
        trained = (plan.report.trained.count, plan.report[.update].count)
        privacy = plan.privacy
        hasMetrics = plan.metrics != nil
        encoded = .allocate(capacity: plan.privacy == nil ? 0 : plan.report.count)
        encoded.initialize(repeating: 0)
        guard let privacy = plan.privacy else {
            let compression = plan.compression.map {
                CompressionStage($0.compressor, count: plan.report.count)
            }
            self.compression = compression
            let weight = WeightStage(isUniform: plan.weighsUniformly, scale: plan.codec.scale)
            stages = (compression.map { [$0] } ?? []) + [weight]
            roundsWhenAdded = true
            return
        }
        compression = nil
        var stages: [any UpdateStage] = []
        if let layers = plan.layerClipping {
            stages.append(LayerClippingStage(layers, parameters: plan.dimension))
        }
        stages.append(ClippingStage(privacy, of: plan))
        let isPlain = plan.report.count == trained.parameters && plan.layerClipping == nil
        roundsWhenAdded =
            onlyAdds && isPlain && privacy.roundsToNearest && !privacy.clientsAddNoise && !plan.keepsReports
        if !roundsWhenAdded {
            if privacy.rotates { stages.append(RotationStage(coordinates: plan.report.vector.count)) }
            stages.append(RoundingStage(privacy, coordinates: plan.report.vector.count))
            if privacy.indicatorShare == nil, let place = plan.report[.clippingIndicator].first {
                stages.append(ClippingIndicatorStage(at: place))
            }
            if privacy.clientsAddNoise { stages.append(NoiseStage(privacy.ownNoise)) }
        }
        self.stages = stages
    }

    deinit { encoded.deallocate() }

    /// Encodes the change that training made, with what the strategy's client rule sends beside it
    /// (``ReportLayout/trained``). With privacy it is clipped to `clippingNorm` and every client
    /// weighs 1; without, it is weighted by `examples`, unless single records are protected.
    ///
    /// `share` is the noise to add where that follows the round's members (``PrivacyPlan/clientNoise(members:)``).
    /// `metrics` are what the client says, where the plan has that ride along. `compression` is the round, where the plan
    /// compresses, and `memory` what the client keeps: what this update leaves out takes the place of what was kept back.
    /// Returns the weight and what the client may know of its update. Draws the local noise from `source` where
    /// the plan says so. Throws ``UpdateRefusal``, or the source's error; the client then reports nothing.
    package func encode(
        _ delta: UnsafeBufferPointer<Float>, examples: Int, clippingNorm: Double,
        rotation: RandomRotation? = nil, share: (any PrivacyMechanism)? = nil,
        metrics: ClientMetrics? = nil, compression: CompressionRound? = nil, memory: ClientMemory? = nil,
        rounding: inout SeededGenerator, noise source: inout some NoiseSource
    ) throws -> (weight: Int, diagnostics: UpdateDiagnostics) {
        precondition(delta.count == trained.count, "an update of another layout")
        let norm = try StageBuffer.norm(delta)
        var update = UpdateInWork(values: delta, norm: norm, encoded: encoded)
        let terms = EncodingTerms(
            examples: examples, clippingNorm: clippingNorm, rotation: rotation, share: share,
            metrics: metrics,
            compression: compression, residual: self.compression == nil ? nil : memory?.residual)
        for stage in stages { try stage.apply(to: &update, terms, rounding: &rounding, noise: &source) }
        last = (update.weight, update.factor)
        let isUpdate = trained.count == trained.parameters
        let ownNorm =
            isUpdate ? norm : try StageBuffer.norm(.init(rebasing: delta[..<trained.parameters]))
        return (update.weight, UpdateDiagnostics(norm: ownNorm, wasClipped: update.wasClipped))
    }

    /// The update of a client whose local work failed where nobody may see that it did: no change, and metrics of a
    /// fixed value, encoded and noised as any other. `nothing` is as many zeros as the model has parameters.
    package func encodeNothing(
        _ nothing: UnsafeBufferPointer<Float>, examples: Int, clippingNorm: Double,
        rotation: RandomRotation? = nil, share: (any PrivacyMechanism)? = nil,
        rounding: inout SeededGenerator, noise source: inout some NoiseSource
    ) throws -> Int {
        try encode(
            nothing, examples: examples, clippingNorm: clippingNorm, rotation: rotation, share: share,
            metrics: hasMetrics ? .nothing : nil, rounding: &rounding, noise: &source
        ).weight
    }

    /// The clipped update that was encoded last as a vector of the plan's ring, for masking. Not for a pipeline that
    /// only adds.
    package func report(bits: Int) -> RingVector {
        precondition(!roundsWhenAdded, "this pipeline only adds")
        return RingVector(narrow: encoded.map { UInt32(bitPattern: $0) }, bits: bits)
    }

    /// The update that was encoded last, `delta` still being the same, as it travels and is kept by itself: in the
    /// plan's ``TaskPlan/individualForm``.
    package func individualBytes(_ delta: UnsafeBufferPointer<Float>) -> UnsafeRawBufferPointer {
        privacy == nil ? UnsafeRawBufferPointer(delta) : UnsafeRawBufferPointer(encoded)
    }

    /// The update that was encoded last as it travels where nothing is private: compressed, or `delta` itself.
    package func plainBytes(_ delta: UnsafeBufferPointer<Float>) -> UnsafeRawBufferPointer {
        compression?.bytes ?? UnsafeRawBufferPointer(delta)
    }

    /// Adds the update that was encoded last, `delta` still being the same, to a sum. Throws ``UpdateRefusal``, and
    /// nothing is added, where its integers are longer than the norm bound.
    package func add(_ delta: UnsafeBufferPointer<Float>, to aggregation: inout Aggregation) throws {
        guard let privacy else {
            aggregation.add(
                rounding: compression?.values ?? delta, factor: last.factor, weight: last.weight)
            return
        }
        guard roundsWhenAdded else {
            aggregation.add(integers: UnsafeBufferPointer(encoded), weight: last.weight)
            return
        }
        let isWithin = aggregation.add(
            nearest: delta, factor: last.factor, squaredNormBound: privacy.squaredNormBound,
            weight: last.weight)
        guard isWithin else { throw UpdateRefusal.roundingFailed }
    }
}
