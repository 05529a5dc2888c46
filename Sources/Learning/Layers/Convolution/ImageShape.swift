/// A shape read as an image.
struct ImageShape: Sendable, Hashable {
    let channels: Int
    let height: Int
    let width: Int

    /// Values of one channel.
    var plane: Int { height * width }
    /// The shape between layers.
    var activation: ActivationShape { [channels, height, width] }

    /// Reads [channels, height, width], or [height, width] as one channel. Throws for any other shape.
    init(_ shape: ActivationShape) throws(ShapeProblem) {
        let sizes = shape.sizes.count == 2 ? [1] + shape.sizes : shape.sizes
        guard sizes.count == 3, !shape.hasTime else {
            throw ShapeProblem(
                message: "needs images, of a shape such as [3, 32, 32] (channels, height, width), not "
                    + (shape.hasTime ? "sequences of \(shape.sizes)" : "\(shape.sizes)"))
        }
        guard sizes.allSatisfy({ $0 > 0 }) else {
            throw ShapeProblem(message: "an image has no values to read: \(shape.sizes)")
        }
        (channels, height, width) = (sizes[0], sizes[1], sizes[2])
    }

    init(channels: Int, height: Int, width: Int) {
        (self.channels, self.height, self.width) = (channels, height, width)
    }
}
