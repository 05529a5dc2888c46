internal import Compute
internal import Encoding
internal import Learning
internal import Privacy

/// What the stages make of one client's update.
struct UpdateInWork {
    /// The vector as far as it is made: at first the change of the parameters.
    var values: UnsafeBufferPointer<Float>
    /// L2 norm of `values` when they were measured last, before ``factor``.
    var norm: Double
    /// What `values` are still to be multiplied by: a stage that can leave a pass over them to the next does.
    var factor = 1.0
    /// Whether anything was cut off.
    var wasClipped = false
    /// The client's weight in the mean.
    var weight = 1
    /// The report's coordinates, from rounding on. Empty where the update is rounded as it is added.
    let encoded: UnsafeMutableBufferPointer<Int32>
}

/// What a client's update is encoded with in one round.
struct EncodingTerms {
    let examples: Int
    let clippingNorm: Double
    let rotation: RandomRotation?
    /// Noise to add in place of the plan's, where that follows the round's members.
    let share: (any PrivacyMechanism)?
    let metrics: ClientMetrics?
    /// Where updates are compressed, the round that they are of.
    var compression: CompressionRound?
    /// What the client kept back of earlier updates, where it does; then what it keeps back of this one.
    var residual: UnsafeMutableBufferPointer<Float>?
}

/// One step from a trained update to the integers of a report. It belongs to one pipeline and owns the buffers that it
/// writes to.
protocol UpdateStage: AnyObject {
    /// Makes the next of the update. Throws ``UpdateRefusal``, or the error of the source of noise.
    func apply(
        to update: inout UpdateInWork, _ terms: EncodingTerms, rounding: inout SeededGenerator,
        noise source: inout some NoiseSource
    ) throws
}

/// Values of one length that a stage writes and the next one reads, allocated once.
final class StageBuffer {
    let values: UnsafeMutableBufferPointer<Float>

    init(count: Int) {
        values = .allocate(capacity: count)
        values.initialize(repeating: 0)
    }

    deinit { values.deallocate() }

    /// The L2 norm of values; throws ``UpdateRefusal/notFinite``.
    static func norm(_ values: UnsafeBufferPointer<Float>) throws -> Double {
        let squared = values.baseAddress.map { Kernels.squareNorm($0, count: values.count) } ?? 0
        guard squared.isFinite else { throw UpdateRefusal.notFinite }
        return squared.squareRoot()
    }
}

/// Without privacy of clients: weighs the update, by its examples unless single records are protected.
final class WeightStage: UpdateStage {
    private let isUniform: Bool
    private let scale: Double

    /// `scale` is the grid's: an update must not leave the ring.
    init(isUniform: Bool, scale: Double) { (self.isUniform, self.scale) = (isUniform, scale) }

    func apply(
        to update: inout UpdateInWork, _ terms: EncodingTerms, rounding: inout SeededGenerator,
        noise source: inout some NoiseSource
    ) throws {
        update.weight = isUniform ? 1 : terms.examples
        update.factor = scale * Double(update.weight)
        // No coordinate is larger than the norm.
        guard update.norm * update.factor < Aggregation.largestUnclipped else {
            throw UpdateRefusal.outOfRange
        }
    }
}
