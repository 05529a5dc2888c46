internal import Compute
package import Configuration

/// y = the mean of x_t over the positions that an example fills: [time, features] become [features].
package struct MeanOverTimeLayer: Layer {
    package static let kind = "mean_over_time"
    package static let initialRange = InitialRange.ofNextLayer

    private var positions = 0
    private var width = 0

    package init(_ section: Section) {}

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        (positions, width) = try input.sequence()
        return ActivationShape(Array(input.sizes.dropFirst()))
    }

    package func infer(_ pass: LayerPass) {
        for example in 0..<pass.count {
            let filled = pass.length(of: example, positions: positions)
            Kernels.sumRows(
                into: pass.output.row(example, width: width),
                pass.input.row(example, width: positions * width), rows: filled, columns: width,
                scale: 1 / Float(filled), keep: 0)
        }
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        inputDelta.base.update(repeating: 0, count: pass.count * positions * width)
        for example in 0..<pass.count {
            let filled = pass.length(of: example, positions: positions)
            let target = inputDelta.row(example, width: positions * width)
            for position in 0..<filled {
                Kernels.addScaled(
                    to: target + position * width, pass.outputDelta.row(example, width: width),
                    factor: 1 / Float(filled), count: width)
            }
        }
    }
}
