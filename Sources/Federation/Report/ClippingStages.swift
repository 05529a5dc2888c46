internal import Compute
internal import Learning
internal import Privacy

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

/// Clips the update as a whole; with metrics, to the part of the norm that they leave, and puts them behind it.
final class ClippingStage: UpdateStage {
    private let privacy: PrivacyPlan
    /// What rounding to nearest may add to a norm, grid units; left room for, it keeps every bound.
    private let room: Double
    private let metrics: MetricsPlan?
    private let parameters: Int
    /// The clipped update with the client's metrics behind it; empty where none ride along.
    private let extended: StageBuffer

    init(_ privacy: PrivacyPlan, metrics: MetricsPlan?, report: ReportLayout) {
        self.privacy = privacy
        self.metrics = metrics
        parameters = report[.update].count
        room = privacy.roundsToNearest ? 0.5 * Double(report.vector.count).squareRoot() : 0
        extended = StageBuffer(count: metrics == nil ? 0 : report.vector.count)
    }

    func apply(
        to update: inout UpdateInWork, _ terms: EncodingTerms, rounding: inout SeededGenerator,
        noise source: inout some NoiseSource
    ) throws {
        let bound = terms.clippingNorm
        let scale = privacy.scale(forClippingNorm: bound)
        guard let metrics else {
            update.wasClipped = update.wasClipped || update.norm > bound
            update.factor = min(scale, (bound * scale - room) / update.norm)
            return
        }
        guard let said = terms.metrics else { preconditionFailure("the plan wants metrics") }
        let ownBound = bound * metrics.updateShare
        update.wasClipped = update.wasClipped || update.norm > ownBound
        let factor = Float(min(1, ownBound / update.norm)).nextDown
        let values = extended.values
        for index in 0..<parameters { values[index] = update.values[index] * factor }
        for (index, value) in metrics.coordinates(said, clippingNorm: bound).enumerated() {
            values[parameters + index] = value
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
