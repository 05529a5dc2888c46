internal import CKernels

/// The three products of a dense layer: y = x Wᵀ + b and its two gradients.
///
/// x: [rows, inputs], W: [outputs, inputs] as PyTorch stores it, y: [rows, outputs]; all row-major and dense.
/// Products of a federated client's size go to our own kernels at every level but the baseline, large ones to
/// OpenBLAS. Which one runs depends on the shape and the level alone, so that results reproduce on a machine.
package enum Affine {
    /// Multiplications from which on OpenBLAS takes over, as a rule: its blocking for the caches then wins.
    static let largestSmallProduct = 1 << 25
    private static let hasSmallKernels = VectorLevel.current != .baseline
    private static let isWide = VectorLevel.current == .avx512

    private static func isSmall(_ rows: Int, _ inputs: Int, _ outputs: Int) -> Bool {
        hasSmallKernels && rows * inputs * outputs < largestSmallProduct
    }

    // Our forward kernel reads all rows of x for every four of W: many short rows take OpenBLAS 0.8 times as long
    // (1280 x 128 x 128). Rows that stay in the second-level cache take it 1.1 times as long with vectors of 512 bits,
    // however large W is (128 x 768 x 2304).
    private static func isOurForward(_ rows: Int, _ inputs: Int, _ outputs: Int) -> Bool {
        if isSmall(rows, inputs, outputs) { return rows <= 512 }
        return isWide && rows <= 128 && rows * inputs <= 1 << 17
    }

    // Weights whose rows of ∂y are short enough to be read by columns again and again.
    private static func isOurWeightGradient(_ rows: Int, _ inputs: Int, _ outputs: Int) -> Bool {
        isSmall(rows, inputs, outputs) || (isWide && rows <= 128 && outputs <= 4096)
    }

    // Our other kernel reads a panel of W's columns for every few rows of ∂y. Where the panel stays in the second-level
    // cache, vectors of 512 bits take 0.93 times as long as OpenBLAS without packing (1280 x 128 x 512).
    private static func isOurInputDelta(_ rows: Int, _ inputs: Int, _ outputs: Int) -> Bool {
        isSmall(rows, inputs, outputs) || (isWide && outputs <= 768)
    }

    /// y = x Wᵀ + b; `bias` may be nil.
    package static func forward(
        output: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>, weight: UnsafePointer<Float>,
        bias: UnsafePointer<Float>?, rows: Int, inputs: Int, outputs: Int
    ) {
        if isOurForward(rows, inputs, outputs) {
            return sordino_affine(output, input, weight, bias, rows, outputs, inputs)
        }
        lay(bias, into: output, rows: rows, columns: outputs)
        BLAS.multiply(
            input, weight, transposeB: true, into: output, rows: rows, columns: outputs, inner: inputs,
            keep: bias == nil ? 0 : 1)
    }

    /// y = x W + b with W stored as [inputs, outputs]; `bias` may be nil.
    package static func forwardTransposed(
        output: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>, weight: UnsafePointer<Float>,
        bias: UnsafePointer<Float>?, rows: Int, inputs: Int, outputs: Int
    ) {
        lay(bias, into: output, rows: rows, columns: outputs)
        let keep: Float = bias == nil ? 0 : 1
        // The same product as that of an input's delta, where a layer has as many outputs as this one has inputs.
        if isOurInputDelta(rows, outputs, inputs) {
            return sordino_product(output, input, inputs, 1, weight, rows, outputs, inputs, 1, keep)
        }
        BLAS.multiply(input, weight, into: output, rows: rows, columns: outputs, inner: inputs, keep: keep)
    }

    // The bias comes first: one pass over the output less than to clear it, and to add the bias afterwards.
    private static func lay(
        _ bias: UnsafePointer<Float>?, into output: UnsafeMutablePointer<Float>, rows: Int, columns: Int
    ) {
        guard let bias else { return }
        for row in 0..<rows { (output + row * columns).update(from: bias, count: columns) }
    }

    /// ∂x = ∂y W.
    package static func inputDelta(
        _ inputDelta: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>,
        weight: UnsafePointer<Float>, rows: Int, inputs: Int, outputs: Int
    ) {
        if isOurInputDelta(rows, inputs, outputs) {
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
        if isOurWeightGradient(rows, inputs, outputs) {
            return sordino_product(
                target, outputDelta, 1, outputs, input, outputs, inputs, rows, scale, keep)
        }
        BLAS.multiply(
            outputDelta, transposeA: true, input, into: target, rows: outputs, columns: inputs, inner: rows,
            scale: scale, keep: keep)
    }
}
