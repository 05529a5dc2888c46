internal import Compute
package import Configuration

/// y = gain ⊙ x̂ + bias with x̂ = (x − mean) / √(variance + epsilon) over all values of an example
/// (Ba, Kiros and Hinton 2016).
///
/// Parameters as PyTorch's `LayerNorm` has them: weight (the gain), then bias, both of the example's shape.
package struct LayerNormLayer: Layer {
    package static let kind = "layer_norm"
    package static let initialRange = InitialRange.ofNextLayer

    private let epsilon: Double
    private var shape: [Int] = []
    private var size = 0

    package init(_ section: Section) throws {
        epsilon = try section.positive("epsilon") ?? 1e-5
    }

    package var arguments: [String: JSONValue] { ["epsilon": .number(epsilon)] }

    package mutating func attach(to inputShape: [Int]) throws(ShapeProblem) -> [Int] {
        shape = inputShape
        size = inputShape.reduce(1, *)
        guard size > 1 else { throw ShapeProblem(message: "needs at least 2 values an example, not \(size)") }
        return inputShape
    }

    package var tensors: [ParameterTensor] {
        [
            ParameterTensor(name: "weight", shape: shape, start: .ones, isRegularised: false),
            ParameterTensor(name: "bias", shape: shape, start: .zeros, isRegularised: false),
        ]
    }

    // x̂ of each example, then its 1 / √(variance + epsilon).
    package var scratchPerExample: Int { size + 1 }

    package func infer(_ pass: LayerPass) {
        let gain = pass.parameters
        let bias = pass.parameters + size
        for row in 0..<pass.count {
            let input = pass.input + row * size
            let output = pass.output + row * size
            let normal = pass.scratch + row * (size + 1)
            var sum: Float = 0
            for column in 0..<size { sum += input[column] }
            let mean = sum / Float(size)
            var squares: Float = 0
            for column in 0..<size { squares += (input[column] - mean) * (input[column] - mean) }
            let inverse = 1 / (squares / Float(size) + Float(epsilon)).squareRoot()
            for column in 0..<size {
                normal[column] = (input[column] - mean) * inverse
                output[column] = gain[column] * normal[column] + bias[column]
            }
            normal[size] = inverse
        }
    }

    // With d = gain ⊙ ∂y: ∂x = (d − mean(d) − x̂ mean(d ⊙ x̂)) / √(variance + epsilon).
    package func backward(_ pass: LayerPass) {
        let gain = pass.parameters
        for row in 0..<pass.count {
            let outputDelta = pass.outputDelta + row * size
            let inputDelta = pass.inputDelta + row * size
            let normal = pass.scratch + row * (size + 1)
            var sum: Float = 0
            var dot: Float = 0
            for column in 0..<size {
                let delta = gain[column] * outputDelta[column]
                sum += delta
                dot += delta * normal[column]
            }
            let (mean, meanDot) = (sum / Float(size), dot / Float(size))
            for column in 0..<size {
                inputDelta[column] =
                    (gain[column] * outputDelta[column] - mean - normal[column] * meanDot) * normal[size]
            }
        }
    }

    // ∂gain = Σ ∂y ⊙ x̂, ∂bias = Σ ∂y.
    package func accumulateGradient(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, scale: Float, keep: Float
    ) {
        if keep == 0 { target.update(repeating: 0, count: size) }
        for row in 0..<pass.count {
            let outputDelta = pass.outputDelta + row * size
            let normal = pass.scratch + row * (size + 1)
            for column in 0..<size { target[column] += scale * outputDelta[column] * normal[column] }
        }
        Kernels.sumRows(
            into: target + size, pass.outputDelta, rows: pass.count, columns: size, scale: scale, keep: keep)
    }

    package var hasGradientNormRule: Bool { true }

    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        for row in 0..<pass.count {
            let outputDelta = pass.outputDelta + row * size
            let normal = pass.scratch + row * (size + 1)
            var sum: Float = 0
            for column in 0..<size {
                let square = outputDelta[column] * outputDelta[column]
                sum += square * normal[column] * normal[column] + square
            }
            norms[row] += sum
        }
    }
}
