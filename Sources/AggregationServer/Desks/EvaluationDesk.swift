internal import Federation
internal import Operations

/// Evaluation of published models beside the rounds. A round is published without its accuracy, which follows into
/// its file; the run ends only when every evaluation has come back.
final class EvaluationDesk {
    private let context: DeskContext
    /// Nil where the server has no hold-out.
    private let evaluator: (any ModelEvaluator)?
    /// Evaluations that are under way.
    private var count = 0

    /// A desk with nothing under way. Nil: nothing is ever evaluated.
    init(_ context: DeskContext, evaluator: (any ModelEvaluator)?) {
        self.context = context
        self.evaluator = evaluator
    }

    /// Whether all results have come back.
    var isIdle: Bool { count == 0 }

    /// Whether the next round has to wait: for room, or for an accuracy that may end the run.
    var delaysNextRound: Bool {
        count >= EvaluationThread.capacity
            || (count > 0 && context.plan.configuration.targetAccuracy != nil)
    }

    /// Has the newest model evaluated if it is its turn: every so many of the `published` rounds, and the last of all.
    func consider(_ model: StoredModel, published: Int, isLast: Bool) {
        guard published % context.plan.configuration.evaluateEvery == 0 || isLast,
            evaluator?.add(model) == true
        else { return }
        count += 1
    }

    /// A result has come; to be called once for each.
    func noteResult() { count -= 1 }

    /// Tells operators of a result that stands in the round's file now.
    func announce(_ result: EvaluationResult, in file: RoundFile) {
        context.log.info(
            "round evaluated",
            [
                "round": .integer(file.round), "accuracy": .number(file.accuracy ?? .nan),
                "loss": .number(result.loss),
            ])
        context.metrics.evaluated(file)
    }

    /// Whether the round's accuracy is what the run was to reach.
    func reachesTarget(_ file: RoundFile) -> Bool {
        guard let target = context.plan.configuration.targetAccuracy, let accuracy = file.accuracy else {
            return false
        }
        return accuracy >= target
    }

    /// Works off what waits; nothing is evaluated any more.
    func close() { evaluator?.close() }
}
