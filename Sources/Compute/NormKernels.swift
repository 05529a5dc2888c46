internal import CKernels

/// Layer norm and RMS norm of the rows of a matrix, on raw memory.
package enum NormKernels {
    /// output = gain ⊙ x̂ + bias with x̂ = (x − mean) / √(variance + epsilon) of each row (Ba, Kiros and Hinton 2016).
    /// Without a `bias` RMS norm: x̂ = x / √(mean of squares + epsilon) (Zhang and Sennrich 2019). `statistics`,
    /// [rows, 2], gets the mean (0 for RMS norm) and the inverse root.
    package static func normalise(
        _ output: UnsafeMutablePointer<Float>, statistics: UnsafeMutablePointer<Float>,
        _ x: UnsafePointer<Float>, gain: UnsafePointer<Float>, bias: UnsafePointer<Float>?, rows: Int,
        columns: Int, epsilon: Float
    ) {
        sordino_normalise(output, statistics, x, gain, bias, rows, columns, epsilon)
    }

    /// The gradient of ``normalise(_:statistics:_:gain:bias:rows:columns:epsilon:)`` with respect to x; `isCentred`
    /// where there was a bias.
    package static func normaliseBackward(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        _ x: UnsafePointer<Float>, statistics: UnsafePointer<Float>, gain: UnsafePointer<Float>,
        isCentred: Bool, rows: Int, columns: Int
    ) {
        sordino_normalise_backward(
            inputDelta, outputDelta, x, statistics, gain, isCentred ? 1 : 0, rows, columns)
    }

    /// target = keep * target + scale * gradient for the gain, Σ ∂y ⊙ x̂, and the bias, Σ ∂y, over the rows; either
    /// may be nil. With `keep` 0 they may hold anything.
    package static func normaliseGradient(
        gain: UnsafeMutablePointer<Float>?, bias: UnsafeMutablePointer<Float>?,
        _ outputDelta: UnsafePointer<Float>, _ x: UnsafePointer<Float>, statistics: UnsafePointer<Float>,
        rows: Int, columns: Int, scale: Float, keep: Float
    ) {
        sordino_normalise_gradient(gain, bias, outputDelta, x, statistics, rows, columns, scale, keep)
    }

    /// norms[e] += the squared norm of the gradient of gain and bias, as far as asked for, from the `positions` rows
    /// of each of `examples` examples.
    package static func addNormaliseNorms(
        to norms: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>, _ x: UnsafePointer<Float>,
        statistics: UnsafePointer<Float>, examples: Int, positions: Int, columns: Int, ofGain: Bool,
        ofBias: Bool
    ) {
        sordino_add_normalise_norms(
            norms, outputDelta, x, statistics, examples, positions, columns, ofGain ? 1 : 0, ofBias ? 1 : 0)
    }
}
