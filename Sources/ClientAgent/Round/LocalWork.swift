internal import Compute
internal import Custody
internal import Federation
internal import Learning
internal import Operations

/// The part of a round that touches private data: training, and the report that is made of it.
///
/// Where anything is private, whatever happens here is the agent's own affair. A failure of any kind becomes the
/// report of a client without examples, with the usual noise, and is told to nobody but the owner.
package struct LocalWork {
    private let trainer: any RoundTrainer
    /// When it must be over; nil: whenever it is done.
    private let mustEnd: ContinuousClock.Instant?
    /// Greatest magnitude of the published model's values.
    private let maximalWeight: Double

    package init(trainer: any RoundTrainer, mustEnd: ContinuousClock.Instant? = nil, maximalWeight: Double) {
        self.trainer = trainer
        self.mustEnd = mustEnd
        self.maximalWeight = maximalWeight
    }

    /// A report made by `body` from the change, the number of examples behind it and, where the plan has them, the
    /// client's metrics; and why it is one of noise alone, nil where it is not.
    ///
    /// Throws what `body` throws for no change at all, and where failures may be seen what training throws.
    func attempt<Report>(
        of work: RoundWork,
        _ body: (UnsafeBufferPointer<Float>, Int, ClientMetrics?) throws -> Report
    ) throws -> (Report, failure: (any Error)?) {
        let job = work.job(mustEnd: mustEnd)
        func train() throws -> Report {
            let metrics = try work.plan.metrics.map { _ in try trainer.metrics(job) }
            return try trainer.withUpdate(job) { try body($0, $1, metrics) }
        }
        guard work.plan.hidesFailures else { return (try train(), nil) }
        do {
            guard work.hasAcceptableWeights(maximalWeight) else {
                throw ModelOutOfBounds(limit: maximalWeight)
            }
            return (try train(), nil)
        } catch {
            return (try nothing(job, body), error)
        }
    }

    /// ``attempt(of:_:)`` where no metrics ride along.
    func attempt<Report>(
        of work: RoundWork, _ body: (UnsafeBufferPointer<Float>, Int) throws -> Report
    ) throws -> (Report, failure: (any Error)?) {
        try attempt(of: work) { delta, examples, _ in try body(delta, examples) }
    }

    /// The report of a client without examples; should even the noise of single examples lead out of every range, of
    /// no change at all.
    private func nothing<Report>(
        _ job: TrainingJob, _ body: (UnsafeBufferPointer<Float>, Int, ClientMetrics?) throws -> Report
    ) throws -> Report {
        let metrics = job.plan.metrics.map { _ in ClientMetrics.nothing }
        if job.plan.example != nil {
            let training = ClientTraining(plan: job.plan)
            let stream = TrainingStream(seed: job.seed, client: job.client, round: job.round)
            let change = try job.model.values.withUnsafeBufferPointer { model in
                try training.updateWithoutExamples(of: model, stream: stream) { try SecureNoise() }
            }
            if let report = try? body(change, 1, metrics) { return report }
        }
        let zeros = [Float](repeating: 0, count: job.plan.report.trained.count)
        return try zeros.withUnsafeBufferPointer { try body($0, 1, metrics) }
    }
}

/// A published model that nobody should train from.
struct ModelOutOfBounds: ExitCoded, CustomStringConvertible {
    let limit: Double

    var exitCode: ExitCode { .invalidInput }

    var description: String {
        "the published model has values that are not finite, or above policy.maximal_weight (\(limit)) in magnitude"
    }
}
