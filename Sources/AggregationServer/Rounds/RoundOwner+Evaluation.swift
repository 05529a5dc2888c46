internal import Federation
internal import Operations

/// Evaluation of published models, between the desk of the evaluations and the books.
extension RoundOwner {
    /// Has the model of the round just published evaluated if it is its turn.
    func considerEvaluation() {
        evaluations.consider(
            model, published: engine.published, isLast: engine.phase == .finished || run.isStopping)
    }

    /// Puts a result where it belongs.
    func take(_ result: EvaluationResult) {
        evaluations.noteResult()
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
        evaluations.announce(result, in: file)
        stalls.note(result)
        announce()
        if evaluations.reachesTarget(file), engine.phase == .idle {
            dispatch(engine.handle(.stop(.targetReached)))
        }
    }

    /// After a restart: evaluates the newest model if the last process ended before it had.
    func evaluateAgain() {
        guard let file = history.last(where: { $0.state == .published }), file.round == run.modelRound,
            file.accuracy == nil, file.loss == nil
        else { return }
        considerEvaluation()
    }
}
