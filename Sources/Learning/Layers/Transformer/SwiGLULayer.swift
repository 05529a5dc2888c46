internal import Compute
package import Configuration

/// y = silu(first half of x) ⊙ second half of x, of each example or each position of a sequence (Shazeer 2020, equation
/// 5, behind the dense layer that makes both halves).
package struct SwiGLULayer: Layer {
    package static let kind = "swiglu"

    private var positions = 1
    private var half = 0

    package init(_ section: Section) {}

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        guard input.width > 0, input.width % 2 == 0 else {
            throw ShapeProblem(message: "needs two halves, not \(input.width) values")
        }
        (positions, half) = (input.positions, input.width / 2)
        return input.hasTime ? ActivationShape([positions, half], hasTime: true) : [half]
    }

    package func infer(_ pass: LayerPass) {
        Kernels.swiglu(pass.output.base, pass.input.base, rows: pass.count * positions, half: half)
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        Kernels.swigluBackward(
            inputDelta.base, pass.outputDelta.base, input: pass.input.base, rows: pass.count * positions,
            half: half)
    }
}
