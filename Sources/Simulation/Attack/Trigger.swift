internal import Compute
internal import Configuration

/// A square of the brightest pixels in the lower right corner: images that carry it shall be taken for one class (Gu et al.
/// 2017, section 4).
package struct Trigger: Equatable, Sendable {
    /// Pixels a side.
    package let size: Int
    /// The class that images with the pattern shall be taken for.
    package let target: Int

    /// Reads `pattern` and `target`.
    init(_ section: Section) throws {
        size = try section.integer("pattern", in: 1...1024) ?? 3
        target = try section.integer("target", in: 0...1_000_000) ?? 0
    }

    /// The keys that ``init(_:)`` reads.
    var settings: [String: JSONValue] { ["pattern": .integer(size), "target": .integer(target)] }

    /// Throws ``ConfigurationError`` where the data are no images of that size, or have no such class.
    func check(_ examples: Examples) throws {
        func refuse(_ key: String, _ problem: String) -> ConfigurationError {
            ConfigurationError(path: "simulation.attack.\(key)", problem: problem)
        }
        guard case .classes(_, let classes) = examples.targets else {
            throw refuse("name", "a back door leads to a class, and these data have none")
        }
        guard target < classes else {
            throw refuse("target", "is \(target), and the classes are 0 to \(classes - 1)")
        }
        let shape = examples.featureShape
        var isImage = (2...3).contains(shape.count)
        if case .tokens = examples.features { isImage = false }
        guard isImage, size <= shape[shape.count - 1], size <= shape[shape.count - 2] else {
            throw refuse(
                "pattern", "needs images of at least \(size) by \(size) pixels, not the shape \(shape)")
        }
    }

    /// The same examples, where `isMarked` says so with the pattern, and with the target's label.
    func marking(_ examples: Examples, where isMarked: (Int) -> Bool) -> Examples {
        guard case .classes(var labels, let classes) = examples.targets else { return examples }
        let places = places(in: examples.featureShape)
        let width = examples.featureCount
        let marked = (0..<examples.count).filter(isMarked)
        for row in marked { labels[row] = Int32(target) }
        let features: Examples.Features
        switch examples.features {
        case .bytes(var values, let scale):
            for row in marked { for place in places { values[row * width + place] = .max } }
            features = .bytes(values, scale: scale)
        case .floats(var values):
            let brightest = values.max() ?? 1
            for row in marked { for place in places { values[row * width + place] = brightest } }
            features = .floats(values)
        case .tokens: return examples
        }
        return Examples(
            count: examples.count, featureShape: examples.featureShape, features: features,
            targets: .classes(labels, count: classes), lengths: examples.lengths)
    }

    /// Places of the pattern's pixels in an example, in every channel.
    private func places(in shape: [Int]) -> [Int] {
        let (height, width) = (shape[shape.count - 2], shape[shape.count - 1])
        let channels = shape.count == 3 ? shape[0] : 1
        return (0..<channels).flatMap { channel in
            (height - size..<height).flatMap { row in
                (width - size..<width).map { (channel * height + row) * width + $0 }
            }
        }
    }

    /// What tells how often the back door opens: examples of other classes, all with the pattern and the target's label, so that
    /// accuracy on them is the attack's success rate. Nil where there are none.
    func probe(_ holdout: Examples) -> Examples? {
        guard case .classes(let labels, _) = holdout.targets else { return nil }
        let rows = labels.indices.filter { Int(labels[$0]) != target }.map { Int32($0) }
        guard !rows.isEmpty else { return nil }
        return marking(holdout.taking(rows), where: { _ in true })
    }
}

extension Examples {
    /// The rows at these places, in this order.
    func taking(_ rows: [Int32]) -> Examples {
        func pick<Value>(_ values: [Value], _ width: Int) -> [Value] {
            rows.flatMap { values[Int($0) * width..<(Int($0) + 1) * width] }
        }
        let features: Features =
            switch self.features {
            case .floats(let values): .floats(pick(values, featureCount))
            case .bytes(let values, let scale): .bytes(pick(values, featureCount), scale: scale)
            case .tokens(let values, let vocabulary):
                .tokens(pick(values, featureCount), vocabulary: vocabulary)
            }
        let targets: Targets =
            switch self.targets {
            case .classes(let labels, let count): .classes(pick(labels, 1), count: count)
            case .values(let values, let width): .values(pick(values, width), width: width)
            case .tokens(let values, let length, let classes):
                .tokens(pick(values, length), length: length, classes: classes)
            }
        return Examples(
            count: rows.count, featureShape: featureShape, features: features, targets: targets,
            lengths: lengths.map { pick($0, 1) })
    }
}
