internal import Compute

/// What layer norm and RMS norm share: rows of `size` values, `positions` of them an example, with a gain as the first
/// tensor and, where the values are centred, a bias as the second. Scratch is two numbers a row.
struct RowNorm: Sendable {
    let positions: Int
    let size: Int
    let epsilon: Double
    /// Whether the mean is taken off and a bias added.
    let isCentred: Bool

    var scratchPerExample: Int { 2 * positions }

    func infer(_ pass: LayerPass) {
        NormKernels.normalise(
            pass.output.base, statistics: pass.scratch.base, pass.input.base, gain: pass.parameters[0],
            bias: isCentred ? UnsafePointer(pass.parameters[1]) : nil, rows: pass.count * positions,
            columns: size,
            epsilon: Float(epsilon))
    }

    func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        NormKernels.normaliseBackward(
            inputDelta.base, pass.outputDelta.base, pass.input.base, statistics: pass.scratch.base,
            gain: pass.parameters[0], isCentred: isCentred, rows: pass.count * positions, columns: size)
    }

    // ∂gain = Σ ∂y ⊙ x̂, ∂bias = Σ ∂y.
    func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        let rows = pass.count * positions
        let (gain, bias) = (gradient[0], isCentred ? gradient[1] : nil)
        // Together where both have one factor, which is always but where one is shared with a layer above.
        if let gain, let bias, gain.keep == bias.keep {
            add(pass, gain: gain.target, bias: bias.target, rows, gradient.scale, gain.keep)
            return
        }
        if let gain { add(pass, gain: gain.target, bias: nil, rows, gradient.scale, gain.keep) }
        if let bias { add(pass, gain: nil, bias: bias.target, rows, gradient.scale, bias.keep) }
    }

    private func add(
        _ pass: LayerPass, gain: UnsafeMutablePointer<Float>?, bias: UnsafeMutablePointer<Float>?,
        _ rows: Int,
        _ scale: Float, _ keep: Float
    ) {
        NormKernels.normaliseGradient(
            gain: gain, bias: bias, pass.outputDelta.base, pass.input.base, statistics: pass.scratch.base,
            rows: rows, columns: size, scale: scale, keep: keep)
    }

    // An example's gradient is as long as one row, and is formed a strip at a time.
    // The squares of what a position was normalised to sum to no more than its width.
    func squaredRounding(_ single: LayerPass) -> Double {
        positions == 1
            ? 0 : Rounding.ofSums * Rounding.sums(single.outputDelta, squares: positions * (size + 1))
    }

    func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        NormKernels.addNormaliseNorms(
            to: norms, pass.outputDelta.base, pass.input.base, statistics: pass.scratch.base,
            examples: pass.count, positions: positions, columns: size, ofGain: pass.parameters.isTrained(0),
            ofBias: isCentred && pass.parameters.isTrained(1))
    }
}
