internal import Compute
package import Configuration

/// Adds what is learnt of each position: y_t = x_t + W[t], zero at positions behind the example's last.
///
/// Parameter: weight [length, units], normal with deviation 1 unless `deviation` says otherwise. A sequence longer than
/// `length` is refused; without `length` all sequences are as long as the model's input.
package struct PositionsLayer: Layer {
    package static let kind = "positions"
    package static let shorthand: String? = "length"

    private let stated: Int?
    private let deviation: Double
    private var length = 0
    private var positions = 0
    private var units = 0

    package init(_ section: Section) throws {
        stated = try section.integer("length", in: 1...(1 << 20))
        deviation = try section.positive("deviation") ?? 1
    }

    package var arguments: [String: JSONValue] {
        var arguments: [String: JSONValue] = ["deviation": .number(deviation)]
        if let stated { arguments["length"] = .integer(stated) }
        return arguments
    }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        (positions, units) = try input.sequence()
        length = stated ?? positions
        guard positions <= length else {
            throw ShapeProblem(
                message: "a sequence of \(positions) positions is longer than the model, which has \(length)")
        }
        return ActivationShape(input.sizes, hasTime: true)
    }

    package var tensors: [ParameterTensor] {
        [
            ParameterTensor(
                name: "weight", shape: [length, units], start: .normal(deviation: deviation),
                isRegularised: true)
        ]
    }

    // Values of an example at its filled positions.
    private func filled(_ example: Int, _ pass: LayerPass) -> Int {
        pass.length(of: example, positions: positions) * units
    }

    package func infer(_ pass: LayerPass) {
        let width = positions * units
        for example in 0..<pass.count {
            let (count, output) = (filled(example, pass), pass.output.row(example, width: width))
            Kernels.add(into: output, pass.input.row(example, width: width), pass.parameters[0], count: count)
            (output + count).update(repeating: 0, count: width - count)
        }
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        let width = positions * units
        for example in 0..<pass.count {
            let (count, target) = (filled(example, pass), inputDelta.row(example, width: width))
            target.update(from: pass.outputDelta.row(example, width: width), count: count)
            (target + count).update(repeating: 0, count: width - count)
        }
    }

    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        guard let (target, keep) = gradient[0] else { return }
        if keep == 0 { target.update(repeating: 0, count: length * units) }
        for example in 0..<pass.count {
            Kernels.addScaled(
                to: target, pass.outputDelta.row(example, width: positions * units), factor: gradient.scale,
                count: filled(example, pass))
        }
    }

    package var normRule: GradientNormRule { .own }

    // An example has each position once: its gradient is its delta.
    // Each position has a vector of its own: nothing is summed.
    package func squaredRounding(_ single: LayerPass) -> Double { 0 }

    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        guard pass.parameters.isTrained(0) else { return }
        for example in 0..<pass.count {
            let outputDelta = pass.outputDelta.row(example, width: positions * units)
            norms[example] += Float(Kernels.squareNorm(outputDelta, count: filled(example, pass)))
        }
    }
}
