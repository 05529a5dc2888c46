internal import Compute
package import Configuration

/// `training.augment`: random changes of the images that train, drawn anew for every example and step. What is evaluated
/// stays as it is.
package struct AugmentationOptions: Sendable {
    private let rules: ImageAugmentation.Rules
    private let path: String

    /// Reads the section strictly. Throws ``ConfigurationError`` with the whole path.
    package init(_ section: Section) throws {
        path = section.path
        var rules = ImageAugmentation.Rules()
        rules.shift = try section.integer("shift", in: 0...1024) ?? 0
        rules.flips = try section.bool("flip") ?? false
        rules.crop =
            try section.number("crop", expected: "a share above 0 and up to 1") { $0 > 0 && $0 <= 1 } ?? 1
        rules.cutout = try section.integer("cutout", in: 0...65_536) ?? 0
        try section.finish()
        self.rules = rules
    }

    /// The section with every default filled in.
    package var json: JSONValue {
        .object([
            "shift": .integer(rules.shift), "flip": .bool(rules.flips), "crop": .number(rules.crop),
            "cutout": .integer(rules.cutout),
        ])
    }

    /// Throws ``ConfigurationError`` where the model's input is no image, or one too small to be changed so.
    package func check(_ model: Model) throws {
        guard let image = Self.image(of: model) else {
            throw ConfigurationError(
                path: path,
                problem: "is for images, [channels, height, width] or [height, width], but the model reads "
                    + (model.vocabulary == nil ? "\(model.inputShape)" : "tokens"))
        }
        guard max(image.height, image.width) <= 65_536, rules.shift < min(image.height, image.width) else {
            throw ConfigurationError(
                path: "\(path).shift",
                problem:
                    "is \(rules.shift), which images of \(image.height) by \(image.width) pixels have no "
                    + "room for")
        }
    }

    /// What changes the batches of a model whose input ``check(_:)`` takes; nil for another.
    func augmentation(for model: Model, capacity: Int) -> ImageAugmentation? {
        guard (try? check(model)) != nil, let image = Self.image(of: model) else { return nil }
        return ImageAugmentation(
            rules, channels: image.channels, height: image.height, width: image.width, capacity: capacity)
    }

    /// The image that a model reads. Two sizes are one where the first layer does not read the first of them as time.
    private static func image(of model: Model) -> ImageShape? {
        guard model.vocabulary == nil, let image = try? ImageShape(ActivationShape(model.inputShape)) else {
            return nil
        }
        guard model.inputShape.count == 2, var first = model.nodes.first?.layer else { return image }
        // A layer of sequences yields one, or does not take a third size.
        guard let output = try? first.attach(to: image.activation), !output.hasTime else { return nil }
        return image
    }
}
