package import Configuration

/// y = x_T at the last position T that an example fills: [time, features] become [features].
package struct LastPositionLayer: Layer {
    package static let kind = "last_position"
    package static let initialRange = InitialRange.ofNextLayer

    private var positions = 0
    private var width = 0

    package init(_ section: Section) {}

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        (positions, width) = try input.sequence()
        return ActivationShape(Array(input.sizes.dropFirst()))
    }

    // Where the last filled position of an example begins.
    private func last(_ example: Int, _ pass: LayerPass) -> Int {
        (pass.length(of: example, positions: positions) - 1) * width
    }

    package func infer(_ pass: LayerPass) {
        for example in 0..<pass.count {
            let input = pass.input.row(example, width: positions * width)
            pass.output.row(example, width: width).update(from: input + last(example, pass), count: width)
        }
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        inputDelta.base.update(repeating: 0, count: pass.count * positions * width)
        for example in 0..<pass.count {
            let target = inputDelta.row(example, width: positions * width)
            (target + last(example, pass)).update(
                from: pass.outputDelta.row(example, width: width), count: width)
        }
    }
}
