internal import Compute
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
    private var positions = 1
    private var size = 0

    package init(_ section: Section) throws {
        epsilon = try section.positive("epsilon") ?? 1e-5
    }

    package var arguments: [String: JSONValue] { ["epsilon": .number(epsilon)] }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        shape = input.hasTime ? Array(input.sizes.dropFirst()) : input.sizes
        (positions, size) = (input.positions, input.width)
        guard size > 1 else {
            throw ShapeProblem(message: "needs at least 2 values to normalise, not \(size)")
        }
        return input
    }

    package var tensors: [ParameterTensor] {
        [
            ParameterTensor(name: "weight", shape: shape, start: .ones, isRegularised: false),
            ParameterTensor(name: "bias", shape: shape, start: .zeros, isRegularised: false),
        ]
    }

    // At each position x̂, then its 1 / √(variance + epsilon).
    package var scratchPerExample: Int { positions * (size + 1) }

    package func infer(_ pass: LayerPass) {
        let (gain, bias) = (pass.parameters[0], pass.parameters[1])
        for row in 0..<(pass.count * positions) {
            let input = pass.input.row(row, width: size)
            let output = pass.output.row(row, width: size)
            let normal = pass.scratch.row(row, width: size + 1)
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
        guard let inputDeltas = pass.inputDelta else { return }
        let gain = pass.parameters[0]
        for row in 0..<(pass.count * positions) {
            let outputDelta = pass.outputDelta.row(row, width: size)
            let inputDelta = inputDeltas.row(row, width: size)
            let normal = pass.scratch.row(row, width: size + 1)
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
    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        let rows = pass.count * positions
        if let (target, keep) = gradient[0] {
            if keep == 0 { target.update(repeating: 0, count: size) }
            for row in 0..<rows {
                let outputDelta = pass.outputDelta.row(row, width: size)
                let normal = pass.scratch.row(row, width: size + 1)
                for column in 0..<size {
                    target[column] += gradient.scale * outputDelta[column] * normal[column]
                }
            }
        }
        if let (target, keep) = gradient[1] {
            Kernels.sumRows(
                into: target, pass.outputDelta.base, rows: rows, columns: size, scale: gradient.scale,
                keep: keep)
        }
    }

    // With one position the two gradients are had without forming them; with more they are cheap to form.
    package var normRule: GradientNormRule { positions == 1 ? .own : .direct }

    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        let (gain, bias): (Float, Float) = (
            pass.parameters.isTrained(0) ? 1 : 0, pass.parameters.isTrained(1) ? 1 : 0
        )
        for row in 0..<pass.count {
            let outputDelta = pass.outputDelta.row(row, width: size)
            let normal = pass.scratch.row(row, width: size + 1)
            var sum: Float = 0
            for column in 0..<size {
                let square = outputDelta[column] * outputDelta[column]
                sum += gain * square * normal[column] * normal[column] + bias * square
            }
            norms[row] += sum
        }
    }
}
