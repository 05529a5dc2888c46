package import Configuration

/// y = gain ⊙ x / √(mean of x² + epsilon) over all values of an example, or of each position of a sequence
/// (Zhang and Sennrich 2019).
///
/// One parameter as PyTorch's `RMSNorm` has it: weight (the gain), of the shape that is normalised.
package struct RMSNormLayer: Layer {
    package static let kind = "rms_norm"
    package static let initialRange = InitialRange.ofNextLayer

    private let epsilon: Double
    private var shape: [Int] = []
    private var norm: RowNorm

    package init(_ section: Section) throws {
        epsilon = try section.positive("epsilon") ?? 1e-6
        norm = RowNorm(positions: 1, size: 0, epsilon: epsilon, isCentred: false)
    }

    package var arguments: [String: JSONValue] { ["epsilon": .number(epsilon)] }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        guard input.width > 1 else {
            throw ShapeProblem(message: "needs at least 2 values an example, not \(input.width)")
        }
        shape = input.hasTime ? Array(input.sizes.dropFirst()) : input.sizes
        norm = RowNorm(positions: input.positions, size: input.width, epsilon: epsilon, isCentred: false)
        return input
    }

    package var tensors: [ParameterTensor] {
        [ParameterTensor(name: "weight", shape: shape, start: .ones, isRegularised: false)]
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
