internal import Compute
package import Configuration

/// The largest value of each window of each channel; windows lie side by side unless a stride says otherwise, as
/// PyTorch's `MaxPool2d` has them.
package struct MaxPoolingLayer: Layer {
    package static let kind = "max_pool"
    package static let shorthand: String? = "kernel"
    package static let initialRange = InitialRange.ofNextLayer

    private let window: PoolingWindow

    private var image = ImageShape(channels: 0, height: 0, width: 0)
    private var pooling: Pooling?

    package init(_ section: Section) throws { window = try PoolingWindow(section) }

    package var arguments: [String: JSONValue] { window.arguments }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        let (image, pooling, output) = try window.attach(to: input)
        (self.image, self.pooling) = (image, pooling)
        return output
    }

    // The place that won each window, a byte each.
    package var scratchPerExample: Int { (image.channels * (pooling?.outputCount ?? 0) + 3) / 4 }

    private func withWinners(
        _ pass: LayerPass, _ body: (_ example: Int, _ winners: UnsafeMutablePointer<UInt8>) -> Void
    ) {
        let count = image.channels * (pooling?.outputCount ?? 0)
        for example in 0..<pass.count {
            let place = UnsafeMutableRawPointer(pass.scratch.row(example, width: scratchPerExample))
            place.withMemoryRebound(to: UInt8.self, capacity: count) { body(example, $0) }
        }
    }

    package func infer(_ pass: LayerPass) {
        guard let pooling else { return }
        withWinners(pass) { example, winners in
            pooling.maximum(
                pass.output.row(example, width: image.channels * pooling.outputCount), winners: winners,
                input: pass.input.row(example, width: image.channels * image.plane), planes: image.channels)
        }
    }

    package func backward(_ pass: LayerPass) {
        guard let pooling, let inputDelta = pass.inputDelta else { return }
        withWinners(pass) { example, winners in
            pooling.maximumBackward(
                inputDelta.row(example, width: image.channels * image.plane),
                outputDelta: pass.outputDelta.row(example, width: image.channels * pooling.outputCount),
                winners: winners, planes: image.channels)
        }
    }
}
