package import Configuration

/// y = gain ⊙ x̂ + bias with x̂ = (x − mean) / √(variance + epsilon) over all values of an example,
/// or of each position of a sequence (Ba, Kiros and Hinton 2016).
///
/// Parameters as PyTorch's `LayerNorm` has them: weight (the gain), then bias, both of the shape that is normalised.
package struct LayerNormLayer: Layer {
    package static let kind = "layer_norm"
    package static let initialRange = InitialRange.ofNextLayer

    private let epsilon: Double
    private var shape: [Int] = []
    private var norm: RowNorm

    package init(_ section: Section) throws {
        epsilon = try section.positive("epsilon") ?? 1e-5
        norm = RowNorm(positions: 1, size: 0, epsilon: epsilon, isCentred: true)
    }

    package var arguments: [String: JSONValue] { ["epsilon": .number(epsilon)] }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        guard input.width > 1 else {
            throw ShapeProblem(message: "needs at least 2 values an example, not \(input.width)")
        }
        shape = input.hasTime ? Array(input.sizes.dropFirst()) : input.sizes
        norm = RowNorm(positions: input.positions, size: input.width, epsilon: epsilon, isCentred: true)
        return input
    }

    package var tensors: [ParameterTensor] {
        [
            ParameterTensor(name: "weight", shape: shape, start: .ones, isRegularised: false),
            ParameterTensor(name: "bias", shape: shape, start: .zeros, isRegularised: false),
        ]
    }

    package var scratchPerExample: Int { norm.scratchPerExample }

    package func infer(_ pass: LayerPass) { norm.infer(pass) }

    package func backward(_ pass: LayerPass) { norm.backward(pass) }

    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        norm.accumulateGradient(pass, into: gradient)
    }

    package var normRule: GradientNormRule { .own }

    package func squaredRounding(_ single: LayerPass) -> Double { norm.squaredRounding(single) }

    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        norm.addSquaredGradientNorms(pass, to: norms)
    }
}
