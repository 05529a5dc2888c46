package import Configuration

/// What stands at a sequence's first position, such as BERT's [CLS]: [time, features] becomes [features].
package struct FirstPositionLayer: Layer {
    package static let kind = "first_position"
    package static let initialRange = InitialRange.ofNextLayer

    private var positions = 1
    private var width = 0

    package init(_ section: Section) {}

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        (positions, width) = try input.sequence()
        return ActivationShape(Array(input.sizes.dropFirst()))
    }

    package func infer(_ pass: LayerPass) {
        for example in 0..<pass.count {
            pass.output.row(example, width: width).update(
                from: pass.input.row(example, width: positions * width), count: width)
        }
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        for example in 0..<pass.count {
            let target = inputDelta.row(example, width: positions * width)
            target.update(from: pass.outputDelta.row(example, width: width), count: width)
            (target + width).update(repeating: 0, count: (positions - 1) * width)
        }
    }
}
