internal import Compute
package import Configuration

/// The mean of each window of each channel, padding counted as zeros; windows lie side by side unless a stride says
/// otherwise, as PyTorch's `AvgPool2d` has them.
package struct AveragePoolingLayer: Layer {
    package static let kind = "average_pool"
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

    package func infer(_ pass: LayerPass) {
        pooling?.average(pass.output.base, input: pass.input.base, planes: pass.count * image.channels)
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        pooling?.averageBackward(
            inputDelta.base, outputDelta: pass.outputDelta.base, planes: pass.count * image.channels)
    }
}

/// The arguments of a pooling, `kernel`, `stride` and `padding`, and its windows on an image.
struct PoolingWindow: Sendable {
    private let options: WindowOptions

    init(_ section: Section) throws {
        options = try WindowOptions(section, axes: 2, strideIsKernel: true, isDilatable: false)
        guard options.isPooling else {
            throw section.error(
                "kernel",
                "must have at most \(Pooling.mostPlaces) places, and at least twice the padding along each axis"
            )
        }
    }

    /// All arguments with their values.
    var arguments: [String: JSONValue] { options.arguments }

    /// The image, the windows on it and the shape of the output. Throws where they do not fit.
    func attach(
        to input: ActivationShape
    ) throws(ShapeProblem) -> (image: ImageShape, pooling: Pooling, output: ActivationShape) {
        let image = try ImageShape(input)
        let vertical = try options.axis(0, size: image.height)
        let horizontal = try options.axis(1, size: image.width)
        return (
            image, Pooling(vertical: vertical, horizontal: horizontal),
            [image.channels, vertical.output, horizontal.output]
        )
    }
}
