internal import Compute
internal import Learning
internal import Privacy

extension LayerClipping {
    /// The same bound for each tensor of a layout; together they keep `norm`. Nil for a layout of nothing.
    static func even(_ layout: ParameterLayout, norm: Double) -> LayerClipping? {
        let lengths = layout.entries.map(\.range.count)
        let each = norm / Double(lengths.count).squareRoot()
        // Lengths and bounds are as many, and the norm was checked.
        return try? LayerClipping(lengths: lengths, bounds: lengths.map { _ in each })
    }
}

/// Clips each tensor of the model to a norm of its own.
final class LayerClippingStage: UpdateStage {
    private let layers: LayerClipping
    private let clipped: StageBuffer

    init(_ layers: LayerClipping, parameters: Int) {
        self.layers = layers
        clipped = StageBuffer(count: parameters)
    }

    func apply(
        to update: inout UpdateInWork, _ terms: EncodingTerms, rounding: inout SeededGenerator,
        noise source: inout some NoiseSource
    ) throws {
        _ = clipped.values.update(fromContentsOf: update.values)
        try layers.clip(clipped.values)
        let trained = update.norm
        update.values = UnsafeBufferPointer(clipped.values)
        update.norm = try StageBuffer.norm(update.values)
        // The norm of the whole may differ by rounding where nothing was cut.
        update.wasClipped = update.norm < trained * (1 - 1e-6)
    }
}

/// Clips the update as a whole: to the part of the norm that is left by metrics and by a clipping indicator within the vector, which
/// it puts behind the update.
final class ClippingStage: UpdateStage {
    private let privacy: PrivacyPlan
    private let report: ReportLayout
    /// The update's part of the norm.
    private let updateShare: Double
    /// What rounding to nearest may add to a norm, grid units; left room for, it keeps every bound.
    private let room: Double
    private let metrics: MetricsPlan?
    /// The clipped update with what rides along behind it; empty where nothing does.
    private let extended: StageBuffer

    init(_ privacy: PrivacyPlan, of plan: TaskPlan) {
        self.privacy = privacy
        (report, metrics, updateShare) = (plan.report, plan.metrics, plan.updateShare)
        room = privacy.roundsToNearest ? 0.5 * Double(report.vector.count).squareRoot() : 0
        let extends = plan.metrics != nil || privacy.indicatorShare != nil
        extended = StageBuffer(count: extends ? report.vector.count : 0)
    }

    func apply(
        to update: inout UpdateInWork, _ terms: EncodingTerms, rounding: inout SeededGenerator,
        noise source: inout some NoiseSource
    ) throws {
        let bound = terms.clippingNorm
        let scale = privacy.scale(forClippingNorm: bound)
        guard !extended.values.isEmpty else {
            update.wasClipped = update.wasClipped || update.norm > bound
            update.factor = min(scale, (bound * scale - room) / update.norm)
            return
        }
        let ownBound = bound * updateShare
        update.wasClipped = update.wasClipped || update.norm > ownBound
        let factor = Float(min(1, ownBound / update.norm)).nextDown
        let values = extended.values
        for index in report[.update] { values[index] = update.values[index] * factor }
        if let metrics {
            guard let said = terms.metrics else { preconditionFailure("the plan wants metrics") }
            for (index, value) in zip(
                report[.metrics], metrics.coordinates(said, clippingNorm: bound))
            {
                values[index] = value
            }
        }
        if let share = privacy.indicatorShare {
            let unit = Float(bound * share).towardZero
            for index in report[.clippingIndicator] { values[index] = update.wasClipped ? -unit : unit }
        }
        update.values = UnsafeBufferPointer(values)
        update.factor = scale * min(1, 1 - room / (bound * scale))
    }
}

/// Says whether the update was clipped, for a clipping norm that adapts.
final class ClippingIndicatorStage: UpdateStage {
    private let place: Int

    init(at place: Int) { self.place = place }

    func apply(
        to update: inout UpdateInWork, _ terms: EncodingTerms, rounding: inout SeededGenerator,
        noise source: inout some NoiseSource
    ) {
        update.encoded[place] = update.wasClipped ? -1 : 1
    }
}
