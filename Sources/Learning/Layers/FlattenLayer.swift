package import Configuration

/// Reads each example as one flat row; the values stay as they are.
package struct FlattenLayer: Layer {
    package static let kind = "flatten"
    package static let initialRange = InitialRange.ofNextLayer

    private var size = 0

    package init(_ section: Section) {}

    package mutating func attach(to inputShape: [Int]) throws(ShapeProblem) -> [Int] {
        size = inputShape.reduce(1, *)
        return [size]
    }

    package func infer(_ pass: LayerPass) {
        pass.output.update(from: pass.input, count: pass.count * size)
    }

    package func backward(_ pass: LayerPass) {
        pass.inputDelta.update(from: pass.outputDelta, count: pass.count * size)
    }
}
