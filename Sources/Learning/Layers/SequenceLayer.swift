package import Configuration

/// Reads the first size of each example's shape as time; the values stay as they are. What follows then works on each
/// position: a dense layer, a norm, a recurrence.
package struct SequenceLayer: Layer {
    package static let kind = "sequence"
    package static let initialRange = InitialRange.ofNextLayer

    private var size = 0

    package init(_ section: Section) {}

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        guard input.sizes.count > 1 else {
            throw ShapeProblem(
                message: "needs a shape of time and values, such as [90, 3], not \(input.sizes)")
        }
        size = input.count
        return ActivationShape(input.sizes, hasTime: true)
    }

    package func infer(_ pass: LayerPass) {
        pass.output.base.update(from: pass.input.base, count: pass.count * size)
    }

    package func backward(_ pass: LayerPass) {
        pass.inputDelta?.base.update(from: pass.outputDelta.base, count: pass.count * size)
    }
}
