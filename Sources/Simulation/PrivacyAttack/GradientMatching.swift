internal import Compute
internal import Glibc
internal import Learning

/// Inputs whose gradient points where an observed update does: cosine distance with total variation, by Adam on the signs
/// of the slope (Geiping et al. 2020, section 4; the idea is of Zhu et al. 2019).
///
/// The slope by the inputs, ∂/∂x ⟨∇w L(x, w), v⟩ for a fixed v, is had without differentiating twice: it is the change of
/// the input's gradient as the weights move along v, here a central difference.
final class GradientMatching {
    /// How hard it is tried.
    struct Effort {
        let iterations: Int
        /// Length of the first steps, in input units; a tenth after 3/8, 5/8 and 7/8 of the iterations, as in the paper.
        let step: Double
        let totalVariation: Double
    }

    private let probe: GradientProbe
    private let weights: UnsafeMutableBufferPointer<Float>
    private let moved: UnsafeMutableBufferPointer<Float>
    private let gradient: UnsafeMutableBufferPointer<Float>
    /// What the gradient should point along, of length 1.
    private let target: UnsafeMutableBufferPointer<Float>
    private let slope: UnsafeMutableBufferPointer<Float>
    /// Bounds of an input value.
    private let range: ClosedRange<Float>
    private let shape: PictureShape?
    private let weightNorm: Double

    /// How far the weights move for the difference, against their own length: short enough for the slope, long enough that
    /// rounding of 24 bits does not show.
    private static let difference = 1e-3

    /// `observed` is what a gradient looks like from outside, to any scale: it must have a finite length above 0.
    init(
        _ probe: GradientProbe, at parameters: [Float], observed: [Float], range: ClosedRange<Float>,
        shape: PictureShape?
    ) {
        precondition(parameters.count == observed.count, "an update of another model")
        (self.probe, self.range, self.shape) = (probe, range, shape)
        func room(_ values: [Float]) -> UnsafeMutableBufferPointer<Float> {
            let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: values.count)
            _ = buffer.initialize(from: values)
            return buffer
        }
        let norm = observed.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        precondition(norm > 0 && norm.isFinite, "an update of no direction")
        (weights, moved, gradient) = (room(parameters), room(parameters), room(parameters))
        target = room(observed.map { Float(Double($0) / norm) })
        slope = room([Float](repeating: 0, count: probe.inputs.count))
        weightNorm = parameters.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    deinit { for buffer in [weights, moved, gradient, target, slope] { buffer.deallocate() } }

    /// Cosine distance of the gradient at `inputs`, 0 where it points where it should, to 2.
    func distance(at inputs: [Float]) -> Double {
        _ = probe.inputs.update(fromContentsOf: inputs)
        probe.differentiate(weights, into: gradient)
        return 1 - cosine().value
    }

    /// The best inputs found from `start`, and their distance.
    func reconstruct(from start: [Float], _ effort: Effort) -> (inputs: [Float], distance: Double) {
        _ = probe.inputs.update(fromContentsOf: start)
        var first = [Float](repeating: 0, count: start.count)
        var second = first
        var best = (inputs: start, distance: Double.infinity)
        var leastCost = Double.infinity
        var step = effort.step
        for iteration in 1...effort.iterations {
            let distance = differentiate()
            let variation =
                shape?.addVariation(
                    of: probe.inputs, times: effort.totalVariation, to: slope) ?? 0
            let cost = distance + effort.totalVariation * variation
            if cost < leastCost {
                leastCost = cost
                best = (Array(probe.inputs), distance)
            }
            for eighths in [3, 5, 7] where iteration == effort.iterations * eighths / 8 { step *= 0.1 }
            // Adam (Kingma and Ba 2015, algorithm 1) with the published constants.
            let (rate, root) = (
                Float(step / (1 - pow(0.9, Double(iteration)))),
                Float(1 / (1 - pow(0.999, Double(iteration))))
            )
            for index in slope.indices {
                let sign: Float = slope[index] > 0 ? 1 : slope[index] < 0 ? -1 : 0
                first[index] = 0.9 * first[index] + 0.1 * sign
                second[index] = 0.999 * second[index] + 0.001 * sign * sign
                let change = rate * first[index] / ((second[index] * root).squareRoot() + 1e-8)
                probe.inputs[index] = min(
                    max(probe.inputs[index] - change, range.lowerBound), range.upperBound)
            }
        }
        return best
    }

    /// The cosine distance at the probe's inputs; its slope by them goes to ``slope``.
    func differentiate() -> Double {
        probe.differentiate(weights, into: gradient)
        let (value, norm) = cosine()
        guard norm > 0, norm.isFinite else {
            slope.update(repeating: 0)
            return 1
        }
        // v = ∂(1 − cos)/∂g = (cos · g/‖g‖ − target) / ‖g‖, left in `gradient`.
        let (own, other) = (Float(value / (norm * norm)), Float(1 / norm))
        for index in gradient.indices { gradient[index] = own * gradient[index] - other * target[index] }
        let length = (gradient.baseAddress.map { Kernels.squareNorm($0, count: gradient.count) } ?? 0)
            .squareRoot()
        guard length > 0, length.isFinite else {
            slope.update(repeating: 0)
            return 1 - value
        }
        let shift = Self.difference * max(weightNorm, 1e-6) / length
        differentiateInputs(movedBy: Float(shift))
        _ = slope.update(fromContentsOf: probe.inputGradient)
        differentiateInputs(movedBy: -Float(shift))
        let factor = Float(0.5 / shift)
        for index in slope.indices { slope[index] = factor * (slope[index] - probe.inputGradient[index]) }
        return 1 - value
    }

    /// The slope that ``differentiate()`` left.
    var currentSlope: [Float] { Array(slope) }

    private func differentiateInputs(movedBy shift: Float) {
        for index in moved.indices { moved[index] = weights[index] + shift * gradient[index] }
        probe.differentiateInputs(moved)
    }

    private func cosine() -> (value: Double, norm: Double) {
        var (product, square) = (0.0, 0.0)
        for index in gradient.indices {
            let value = Double(gradient[index])
            product += value * Double(target[index])
            square += value * value
        }
        let norm = square.squareRoot()
        return (norm > 0 && norm.isFinite ? product / norm : 0, norm)
    }
}
