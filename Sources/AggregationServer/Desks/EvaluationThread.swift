internal import Compute
internal import Federation
internal import Learning
internal import Synchronization

/// What an evaluation found.
struct EvaluationResult: Sendable {
    /// The round that published the model.
    let round: Int
    /// Share of the examples that the model classifies right; nil where it does not classify.
    let accuracy: Double?
    /// Mean loss of an example; may be infinite or no number.
    let loss: Double
    /// How long it took.
    let seconds: Double
    /// Mean absolute error, root mean squared error and coefficient of determination, errors in the unit of the data;
    /// nil where classes are learnt.
    var mae: Double?
    var rmse: Double?
    var r2: Double?
}

/// Evaluates models in their order and posts an ``EvaluationResult`` for each.
protocol ModelEvaluator {
    /// Evaluates a model once those before it are done; false when there is no room.
    func add(_ model: StoredModel) -> Bool
    /// Works off what waits.
    func close()
}

/// Evaluates published models on the server's hold-out, in the order of their rounds, on a thread of its own: agents
/// are answered and the next round goes on meanwhile.
final class EvaluationThread: ModelEvaluator, Sendable {
    /// Models that wait or are evaluated; ``add(_:)`` takes no more than this.
    static let capacity = 2

    private let queue: WorkQueue<StoredModel>

    /// Posts results to `mailbox`.
    init(_ setup: ServerSetup, holdout: Examples, mailbox: OwnerMailbox) throws {
        let evaluator = Mutex(Evaluator(model: setup.plan.model, loss: setup.loss))
        queue = try WorkQueue(name: "evaluation", threads: 1, capacity: Self.capacity) { model in
            let began = ContinuousClock.now
            let metrics = evaluator.withLock { $0.metrics(model.parameters(), on: holdout) }
                .inUnit(scale: setup.targetScale)
            let (seconds, attoseconds) = (ContinuousClock.now - began).components
            mailbox.post(
                .evaluated(
                    EvaluationResult(
                        round: model.round, accuracy: metrics.accuracy, loss: metrics.loss,
                        seconds: Double(seconds) + Double(attoseconds) * 1e-18,
                        mae: metrics.meanAbsoluteError, rmse: metrics.rootMeanSquaredError,
                        r2: metrics.rSquared)))
        }
    }

    func add(_ model: StoredModel) -> Bool { queue.add(model) }

    func close() { queue.close() }
}
