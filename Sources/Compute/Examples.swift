/// A table of examples: features and targets, as training and evaluation read them.
///
/// Features are stored once, in their compact form; a batch is gathered as `Float` when it is used, so that
/// thousands of simulated clients share one table.
package struct Examples: Sendable {
    /// The features, row-major: `count` rows of `featureCount` values.
    package enum Features: Sendable {
        case floats([Float])
        /// Bytes that stand for `scale * byte`, such as pixels with scale 1/255.
        case bytes([UInt8], scale: Float)
        /// Tokens in `0..<vocabulary`, a row a sequence: whole numbers, never floats.
        case tokens([Int32], vocabulary: Int)
    }

    /// What the model is to predict.
    package enum Targets: Sendable {
        /// Class numbers in `0..<count`, one an example.
        case classes([Int32], count: Int)
        /// Row-major values, `width` an example.
        case values([Float], width: Int)
        /// Row-major class numbers in `0..<classes`, one for each of an example's `length` positions; ``ignored`` at
        /// a position that is not to be predicted, such as padding.
        case tokens([Int32], length: Int, classes: Int)

        /// What stands at a position that is not to be predicted.
        package static let ignored: Int32 = -1
    }

    /// Number of examples.
    package let count: Int
    /// Shape of one example, such as `[784]` or `[28, 28]`.
    package let featureShape: [Int]
    package let features: Features
    package let targets: Targets
    /// How many positions of each sequence are filled, from its start, at least 1; nil where all of them are.
    package let lengths: [Int32]?

    /// Number of values of one example.
    package var featureCount: Int { featureShape.reduce(1, *) }

    /// Features, targets and lengths must hold exactly `count` rows; tokens must lie within the vocabulary, and lengths
    /// in 1 to the first size of the shape.
    package init(
        count: Int, featureShape: [Int], features: Features, targets: Targets, lengths: [Int32]? = nil
    ) {
        let width = featureShape.reduce(1, *)
        switch features {
        case .floats(let values): precondition(values.count == count * width)
        case .bytes(let values, _): precondition(values.count == count * width)
        case .tokens(let values, let vocabulary):
            // Checked once, here: layers read a table at these places.
            precondition(values.count == count * width && Self.lie(values, from: 0, below: vocabulary))
        }
        switch targets {
        case .classes(let labels, _): precondition(labels.count == count)
        case .values(let values, let targetWidth): precondition(values.count == count * targetWidth)
        case .tokens(let values, let length, let classes):
            precondition(
                values.count == count * length && Self.lie(values, from: Targets.ignored, below: classes))
        }
        if let lengths {
            precondition(
                lengths.count == count && Self.lie(lengths, from: 1, below: (featureShape.first ?? 0) + 1))
        }
        self.count = count
        self.featureShape = featureShape
        self.features = features
        self.targets = targets
        self.lengths = lengths
    }

    private static func lie(_ values: [Int32], from least: Int32, below limit: Int) -> Bool {
        // Both at once: below `least` the difference wraps round to a large number.
        var farthest: UInt32 = 0
        for value in values { farthest = max(farthest, UInt32(bitPattern: value &- least)) }
        return values.isEmpty || Int(farthest) + Int(least) < limit
    }
}
