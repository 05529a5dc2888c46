package import Configuration

/// Reads each example as one flat row; the values stay as they are.
package struct FlattenLayer: Layer {
    package static let kind = "flatten"
    package static let initialRange = InitialRange.ofNextLayer

    private var size = 0

    package init(_ section: Section) {}

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        size = input.count
        return [size]
    }

    package func infer(_ pass: LayerPass) {
        pass.output.base.update(from: pass.input.base, count: pass.count * size)
    }

    package func backward(_ pass: LayerPass) {
        pass.inputDelta?.base.update(from: pass.outputDelta.base, count: pass.count * size)
    }
}
