internal import CKernels

/// The three products of a dense layer: y = x Wᵀ + b and its two gradients.
///
/// x: [rows, inputs], W: [outputs, inputs] as PyTorch stores it, y: [rows, outputs]; all row-major and dense.
/// Products of a federated client's size go to our own kernels at every level but the baseline, large ones to
/// OpenBLAS. Which one runs depends on the shape and the level alone, so that results reproduce on a machine.
package enum Affine {
    /// Multiplications from which on OpenBLAS takes over: its blocking for the caches then wins.
    static let largestSmallProduct = 1 << 25
    private static let hasSmallKernels = VectorLevel.current != .baseline

    private static func isSmall(_ rows: Int, _ inputs: Int, _ outputs: Int) -> Bool {
        hasSmallKernels && rows * inputs * outputs < largestSmallProduct
    }

    /// y = x Wᵀ + b; `bias` may be nil.
    package static func forward(
        output: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>, weight: UnsafePointer<Float>,
        bias: UnsafePointer<Float>?, rows: Int, inputs: Int, outputs: Int
    ) {
        if isSmall(rows, inputs, outputs) {
            return sordino_affine(output, input, weight, bias, rows, outputs, inputs)
        }
        BLAS.multiply(
            input, weight, transposeB: true, into: output, rows: rows, columns: outputs, inner: inputs)
        if let bias { Kernels.addToRows(output, bias, rows: rows, columns: outputs) }
    }

    /// ∂x = ∂y W.
    package static func inputDelta(
        _ inputDelta: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>,
        weight: UnsafePointer<Float>, rows: Int, inputs: Int, outputs: Int
    ) {
        if isSmall(rows, inputs, outputs) {
            return sordino_product(
                inputDelta, outputDelta, outputs, 1, weight, rows, inputs, outputs, 1, 0)
        }
        BLAS.multiply(outputDelta, weight, into: inputDelta, rows: rows, columns: inputs, inner: outputs)
    }

    /// target = keep * target + scale * ∂yᵀ x, of W's shape. With the weights themselves as the target, `keep` 1
    /// and a negative scale this is a step of gradient descent without a gradient in memory.
    package static func weightGradient(
        into target: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, rows: Int, inputs: Int, outputs: Int, scale: Float, keep: Float
    ) {
        if isSmall(rows, inputs, outputs) {
            return sordino_product(
                target, outputDelta, 1, outputs, input, outputs, inputs, rows, scale, keep)
        }
        BLAS.multiply(
            outputDelta, transposeA: true, input, into: target, rows: outputs, columns: inputs, inner: rows,
            scale: scale, keep: keep)
    }
}
