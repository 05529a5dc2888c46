package import Configuration

/// Cuts an image into squares, row by row, each a position of a sequence: [channels, height, width] becomes [patches,
/// channels · size · size] (Dosovitskiy et al. 2021, section 3.1). A dense layer behind it is ViT's patch embedding.
package struct PatchesLayer: Layer {
    package static let kind = "patches"
    package static let shorthand: String? = "size"
    package static let initialRange = InitialRange.ofNextLayer

    private let size: Int
    private var channels = 1
    private var height = 0
    private var width = 0

    package init(_ section: Section) throws {
        guard let size = try section.integer("size", in: 1...4096) else {
            throw section.error("size", "is missing: the side of a patch in pixels, such as 4")
        }
        self.size = size
    }

    package var arguments: [String: JSONValue] { ["size": .integer(size)] }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        let sizes = input.sizes.count == 2 ? [1] + input.sizes : input.sizes
        guard !input.hasTime, sizes.count == 3 else {
            throw ShapeProblem(
                message: "needs an image of channels, height and width, not shape \(input.sizes)")
        }
        (channels, height, width) = (sizes[0], sizes[1], sizes[2])
        guard height % size == 0, width % size == 0 else {
            throw ShapeProblem(message: "cannot cut \(height) x \(width) pixels into squares of \(size)")
        }
        return ActivationShape([(height / size) * (width / size), channels * size * size], hasTime: true)
    }

    package func infer(_ pass: LayerPass) {
        let pixels = channels * height * width
        for example in 0..<pass.count {
            let image = pass.input.row(example, width: pixels)
            var target = pass.output.row(example, width: pixels)
            forEachLine { offset in
                target.update(from: image + offset, count: size)
                target += size
            }
        }
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        let pixels = channels * height * width
        for example in 0..<pass.count {
            let image = inputDelta.row(example, width: pixels)
            var source = pass.outputDelta.row(example, width: pixels)
            forEachLine { offset in
                (image + offset).update(from: source, count: size)
                source += size
            }
        }
    }

    // The offsets of a patch's lines in the image, in the order of the output.
    private func forEachLine(_ body: (Int) -> Void) {
        for row in stride(from: 0, to: height, by: size) {
            for column in stride(from: 0, to: width, by: size) {
                for channel in 0..<channels {
                    for line in 0..<size { body((channel * height + row + line) * width + column) }
                }
            }
        }
    }
}
