internal import Compute

/// Squared norms of single examples' gradients of a product y = x Wᵀ + b at `positions` places.
///
/// An example's gradient is ∂W = Σ_t ∂y_t x_tᵀ. With one position it is an outer product, whose norm is had without it
/// (Goodfellow 2015). With more, the norm is Σ_{t,s} (x_t · x_s)(∂y_t · ∂y_s) (Li et al. 2022, section 4), or the
/// gradient is formed in memory: whichever takes fewer multiplications.
struct ProductGradientNorms {
    let positions: Int
    let inputs: Int
    let outputs: Int

    /// Whether norms come from products of positions rather than from the gradient itself.
    private var isGhost: Bool { positions * (inputs + outputs) <= inputs * outputs }

    /// What rounding makes of a norm, as a share of its terms (``Rounding``).
    var roundingShare: Double { positions == 1 ? 0 : isGhost ? Rounding.ofSquares : Rounding.ofSums }

    /// Floats that the rule works in.
    var temporaries: Int {
        guard positions > 1 else { return 0 }
        return max(outputs, isGhost ? 2 * positions * positions : inputs * outputs + outputs)
    }

    /// norms[i] += ‖∂W‖² of example i, and ‖∂b‖² `withBias`. `input` is [count, positions, inputs], `outputDelta`
    /// [count, positions, outputs].
    func add(
        to norms: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>,
        outputDelta: UnsafePointer<Float>, count: Int, withBias: Bool, temporary: FloatBlock
    ) {
        guard positions > 1 else {
            Kernels.addOuterProductNorms(
                to: norms, input, columns: inputs, outputDelta, columns: outputs, offset: withBias ? 1 : 0,
                rows: count)
            return
        }
        for example in 0..<count {
            let x = input + example * positions * inputs
            let delta = outputDelta + example * positions * outputs
            norms[example] +=
                isGhost
                ? ghost(x, delta, withBias: withBias, temporary) : direct(x, delta, temporary)
        }
        if withBias, !isGhost {
            addOfRowSums(to: norms, outputDelta: outputDelta, count: count, temporary: temporary)
        }
    }

    /// norms[i] += ‖Σ_t ∂y_t‖², the bias's part alone.
    func addOfRowSums(
        to norms: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>, count: Int,
        temporary: FloatBlock
    ) {
        guard positions > 1 else {
            for example in 0..<count {
                norms[example] += Float(Kernels.squareNorm(outputDelta + example * outputs, count: outputs))
            }
            return
        }
        let sums = temporary.part(0, outputs).base
        for example in 0..<count {
            Kernels.sumRows(
                into: sums, outputDelta + example * positions * outputs, rows: positions, columns: outputs,
                scale: 1, keep: 0)
            norms[example] += Float(Kernels.squareNorm(sums, count: outputs))
        }
    }

    private func ghost(
        _ x: UnsafePointer<Float>, _ delta: UnsafePointer<Float>, withBias: Bool, _ temporary: FloatBlock
    ) -> Float {
        let square = positions * positions
        let (left, right) = (temporary.part(0, square).base, temporary.part(square, square).base)
        BLAS.multiply(x, x, transposeB: true, into: left, rows: positions, columns: positions, inner: inputs)
        BLAS.multiply(
            delta, delta, transposeB: true, into: right, rows: positions, columns: positions, inner: outputs)
        let offset: Float = withBias ? 1 : 0
        // In doubles: terms of both signs nearly cancel where a gradient is small. Never below zero by rounding.
        var sum = 0.0
        for index in 0..<square { sum += Double(left[index] + offset) * Double(right[index]) }
        return sum.isNaN ? .nan : Float(max(0, sum))
    }

    private func direct(
        _ x: UnsafePointer<Float>, _ delta: UnsafePointer<Float>, _ temporary: FloatBlock
    ) -> Float {
        let gradient = temporary.part(0, inputs * outputs).base
        Affine.weightGradient(
            into: gradient, outputDelta: delta, input: x, rows: positions, inputs: inputs, outputs: outputs,
            scale: 1, keep: 0)
        return Float(Kernels.squareNorm(gradient, count: inputs * outputs))
    }
}
