internal import Compute
package import Configuration

/// The mean of each channel of an image ([channels, height, width] → [channels]), or of each feature over the filled
/// positions of a sequence ([time, features] → [features]).
package struct GlobalAveragePoolingLayer: Layer {
    package static let kind = "global_average_pool"
    package static let initialRange = InitialRange.ofNextLayer

    private var hasTime = false
    /// Places that a mean is taken over, and means.
    private var places = 0
    private var outputs = 0

    package init(_ section: Section) {}

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        hasTime = input.hasTime
        if hasTime {
            (places, outputs) = (input.positions, input.width)
            guard input.count > 0 else { throw ShapeProblem(message: "a sequence has no values to read") }
        } else {
            let image = try ImageShape(input)
            (places, outputs) = (image.plane, image.channels)
        }
        return [outputs]
    }

    package func infer(_ pass: LayerPass) {
        guard hasTime else {
            return Kernels.sumPlanes(
                into: pass.output.base, pass.input.base, planes: pass.count * outputs, size: places,
                scale: 1 / Float(places))
        }
        for example in 0..<pass.count {
            let length = pass.length(of: example, positions: places)
            Kernels.sumRows(
                into: pass.output.row(example, width: outputs),
                pass.input.row(example, width: places * outputs), rows: length, columns: outputs,
                scale: 1 / Float(length), keep: 0)
        }
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        guard hasTime else {
            return Kernels.fillPlanes(
                inputDelta.base, with: pass.outputDelta.base, planes: pass.count * outputs, size: places,
                scale: 1 / Float(places))
        }
        for example in 0..<pass.count {
            let length = pass.length(of: example, positions: places)
            let outputDelta = pass.outputDelta.row(example, width: outputs)
            let place = inputDelta.row(example, width: places * outputs)
            place.update(repeating: 0, count: places * outputs)
            for position in 0..<length {
                Kernels.addScaled(
                    to: place + position * outputs, outputDelta, factor: 1 / Float(length), count: outputs)
            }
        }
    }
}
