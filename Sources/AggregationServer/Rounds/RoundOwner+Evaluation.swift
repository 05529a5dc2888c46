internal import Federation
internal import Foundation
internal import Operations

/// Evaluation of published models beside the rounds. A round is published without its accuracy, which follows into
/// its file; the run ends only when every evaluation has come back.
extension RoundOwner {
    /// Evaluates the model of a published round if it is its turn.
    func considerEvaluation(of round: Int) {
        guard isEvaluationDue, evaluation?.add(model) == true else { return }
        evaluating += 1
    }

    /// Every so many published rounds, and the last of all.
    private var isEvaluationDue: Bool {
        engine.published % plan.configuration.evaluateEvery == 0 || engine.phase == .finished
            || run.isStopping
    }

    /// Whether the next round has to wait: for room, or for an accuracy that may end the run.
    var waitsForEvaluation: Bool {
        evaluating >= EvaluationThread.capacity
            || (evaluating > 0 && plan.configuration.targetAccuracy != nil)
    }

    /// Puts a result where it belongs.
    func take(_ result: EvaluationResult) {
        evaluating -= 1
        guard let place = history.lastIndex(where: { $0.round == result.round }) else { return }
        var file = history[place]
        file.accuracy = result.accuracy
        file.loss = result.loss.isFinite ? result.loss : nil
        file.evaluationSeconds = result.seconds
        history[place] = file
        if unbooked?.round == file.round { unbooked = file }
        do {
            try state.write(file)
        } catch {
            // The figures stay on the dashboard; they are no part of what a restart needs.
            storageFailed("keep the evaluation of round \(file.round)", error)
        }
        log.info(
            "round evaluated",
            [
                "round": .integer(file.round), "accuracy": .number(file.accuracy ?? .nan),
                "loss": .number(result.loss),
            ])
        metrics.evaluated(file)
        warnOfDivergence(result)
        announce()
        if let target = plan.configuration.targetAccuracy, let accuracy = file.accuracy, accuracy >= target,
            engine.phase == .idle
        {
            dispatch(engine.handle(.stop(.targetReached)))
        }
    }

    /// After a restart: evaluates the newest model if the last process ended before it had.
    func evaluateAgain() {
        guard let file = history.last(where: { $0.state == .published }), file.round == run.modelRound,
            file.accuracy == nil, file.loss == nil
        else { return }
        considerEvaluation(of: file.round)
    }
}
