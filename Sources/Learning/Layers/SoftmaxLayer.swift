internal import Compute
package import Configuration

/// Each example, or each position of a sequence, becomes a probability distribution: y = exp(x) / Σ exp(x).
package struct SoftmaxLayer: Layer {
    package static let kind = "softmax"

    private var positions = 1
    private var size = 0

    package init(_ section: Section) {}

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        guard input.hasTime || input.sizes.count == 1 else {
            throw ShapeProblem(
                message: "needs a flat example, not shape \(input.sizes); put {flatten: {}} before it")
        }
        (positions, size) = (input.positions, input.width)
        return input
    }

    package func infer(_ pass: LayerPass) {
        Kernels.softmax(pass.output.base, pass.input.base, rows: pass.count * positions, columns: size)
    }

    // ∂x = y ⊙ (∂y − ⟨∂y, y⟩), row by row.
    package func backward(_ pass: LayerPass) {
        guard let inputDeltas = pass.inputDelta else { return }
        for row in 0..<(pass.count * positions) {
            let output = pass.output.row(row, width: size)
            let outputDelta = pass.outputDelta.row(row, width: size)
            let inputDelta = inputDeltas.row(row, width: size)
            var dot: Float = 0
            for column in 0..<size { dot += output[column] * outputDelta[column] }
            for column in 0..<size {
                inputDelta[column] = output[column] * (outputDelta[column] - dot)
            }
        }
    }
}
