package import Compute
internal import Configuration
internal import Learning

/// What a client says of the model that it was given, on its own data.
package struct ClientMetrics: Equatable, Sendable {
    /// Mean loss an example.
    package var loss: Double
    /// Share of examples that the model gets right; nil where there are no classes.
    package var accuracy: Double?
    /// Number of its examples.
    package var examples: Int

    package init(loss: Double, accuracy: Double?, examples: Int) {
        self.loss = loss
        self.accuracy = accuracy
        self.examples = examples
    }
}

extension ClientMetrics {
    /// What a client says that has nothing to say: the same whatever its data.
    package static let nothing = ClientMetrics(loss: .nan, accuracy: nil, examples: 0)
}

/// Means over the clients of one round, as the mechanism released them: noisy, and cut to their ranges.
package struct ReleasedMetrics: Equatable, Sendable {
    package var loss: Double
    package var accuracy: Double?
    package var examples: Double
}

/// `task.evaluation.holdout: "federated"`: losses, accuracies and example counts ride in the vector of a round, three
/// more coordinates behind the update's.
///
/// Each is bounded, mapped to -1...1, and scaled so that the three of them together have at most `share` of the
/// clipping norm; the update is clipped to what is left of it, √(1 - share²) where nothing else rides along. The whole vector thus keeps the norm
/// that the mechanism's sensitivity is, and metrics cost nothing beyond the update's event.
package struct MetricsPlan: Equatable, Sendable {
    /// Coordinates: loss, accuracy, examples.
    package static let count = 3
    /// Norm of the metrics over the clipping norm.
    package var share: Double
    /// Losses above count as this.
    package var lossBound: Double
    /// Numbers of examples above count as this.
    package var examplesBound: Int

    /// Reads the keys of `task.evaluation`.
    init(_ section: Section) throws {
        share =
            try section.number("metrics_share", expected: "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
            ?? 0.1
        lossBound = try section.positive("loss_bound") ?? 5
        examplesBound = try section.integer("examples_bound", in: 1...1_000_000_000) ?? 1000
    }

    /// The coordinates of a client's metrics, of norm at most `share` × `clippingNorm`.
    func coordinates(_ metrics: ClientMetrics, clippingNorm: Double) -> [Float] {
        let unit = clippingNorm * share / Double(Self.count).squareRoot()
        let shares = [
            metrics.loss / lossBound, metrics.accuracy ?? 0.5,
            Double(metrics.examples) / Double(examplesBound),
        ]
        // What is not a number says nothing, as the middle does.
        return shares.map { value in
            Float(unit * (value.isNaN ? 0 : 2 * min(max(value, 0), 1) - 1)).towardZero
        }
    }

    /// The means that noisy mean coordinates stand for.
    func released(_ means: some Collection<Float>, clippingNorm: Double, classifies: Bool) -> ReleasedMetrics
    {
        let unit = clippingNorm * share / Double(Self.count).squareRoot()
        let shares = means.map { min(max((Double($0) / unit + 1) / 2, 0), 1) }
        return ReleasedMetrics(
            loss: shares[0] * lossBound, accuracy: classifies ? shares[1] : nil,
            examples: shares[2] * Double(examplesBound))
    }
}

extension Float {
    /// The neighbour nearer to zero: a sum of squares of rounded values must not exceed its bound by rounding.
    var towardZero: Float { self == 0 ? 0 : self > 0 ? nextDown : nextUp }
}

extension TaskPlan {
    /// Whether the task's answers are classes: it has accuracies then. Without data this is known from the loss.
    var classifies: Bool {
        guard let loss = training.loss else { return true }
        return type(of: loss).link != .identity
    }
}

/// Measures models on a client's own data. Belongs to one worker.
package final class ClientEvaluator {
    private let plan: TaskPlan
    private var evaluator: Evaluator?

    /// An evaluator for the plan's model.
    package init(_ plan: TaskPlan) { self.plan = plan }

    /// The model's metrics on the examples of the given indices. Throws ``ConfigurationError`` where model, loss and
    /// targets do not fit together.
    package func metrics(
        _ model: [Float], on examples: Examples, indices: some Collection<Int32>
    ) throws -> ClientMetrics {
        let evaluator =
            try self.evaluator
            ?? Evaluator(model: plan.model, options: plan.training, targets: examples.targets)
        self.evaluator = evaluator
        let metrics = evaluator.metrics(model, on: examples.subset(indices))
        guard metrics.accuracy != nil || !plan.classifies else {
            throw ConfigurationError(
                path: "task.training.loss",
                problem: "is needed where answers are no classes, for the metrics of clients")
        }
        return ClientMetrics(
            loss: metrics.loss, accuracy: plan.classifies ? metrics.accuracy : nil,
            examples: metrics.examples)
    }
}

extension Examples {
    /// A copy of the rows of the given indices, in their order.
    package func subset(_ indices: some Collection<Int32>) -> Examples {
        func rows<Value>(_ values: [Value], _ width: Int) -> [Value] {
            var result: [Value] = []
            result.reserveCapacity(indices.count * width)
            for index in indices { result += values[Int(index) * width..<(Int(index) + 1) * width] }
            return result
        }
        let features: Features =
            switch self.features {
            case .floats(let values): .floats(rows(values, featureCount))
            case .bytes(let values, let scale): .bytes(rows(values, featureCount), scale: scale)
            case .tokens(let values, let vocabulary):
                .tokens(rows(values, featureCount), vocabulary: vocabulary)
            }
        let targets: Targets =
            switch self.targets {
            case .classes(let labels, let count): .classes(rows(labels, 1), count: count)
            case .values(let values, let width): .values(rows(values, width), width: width)
            case .tokens(let values, let length, let classes):
                .tokens(rows(values, length), length: length, classes: classes)
            }
        return Examples(
            count: indices.count, featureShape: featureShape, features: features, targets: targets,
            lengths: lengths.map { rows($0, 1) })
    }
}
