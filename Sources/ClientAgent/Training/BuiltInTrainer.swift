internal import Compute
package import Configuration
internal import Custody
package import Datasets
package import Federation
internal import Glibc
internal import Learning
package import Operations

/// Trains with the product's own learning on data read by schema.
///
/// Data are loaded with the first round that needs them and kept until the agent rests.
package final class BuiltInTrainer: RoundTrainer {
    private let source: DataSource
    /// The owner's log.
    private let log: Logger?
    private var saidPassedOver: [String] = []
    private var saidWarnings: Set<String> = []
    private var loaded: (preprocessing: Preprocessing?, examples: Examples, indices: [Int32])?
    /// The buffers of one task, by the task's digest.
    private var prepared: (task: String, work: ClientTraining)?

    private let crowd: Crowd

    /// A trainer on the data of a data section, whose rows hide in a crowd as `crowd` says and whose identifiers are hashed by
    /// `identifierHash`. Throws ``ConfigurationError`` when the section is wrong; no file is touched yet.
    package init(
        data: JSONValue, folder: String, log: Logger? = nil, crowd: Crowd = Crowd(),
        identifierHash: DataSource.IdentifierHash? = nil
    ) throws {
        self.log = log
        self.crowd = crowd
        source = try DataSource(data, path: "data", folder: folder, identifierHash: identifierHash)
    }

    package func withUpdate<Result>(
        _ job: TrainingJob, _ body: (UnsafeBufferPointer<Float>, Int) throws -> Result
    ) throws -> Result {
        let (examples, indices) = try load(job)
        try check(examples, job.plan)
        let work = prepare(job)
        work.isInterrupted = job.mustEnd.map { end in { ContinuousClock.now >= end } }
        let stream = TrainingStream(seed: job.seed, client: job.client, round: job.round)
        return try indices.withUnsafeBufferPointer { indices in
            try job.model.values.withUnsafeBufferPointer { model in
                // Secret batches and noise come from the cryptographic generator, made here.
                let (delta, outcome) = try work.update(
                    of: model, on: examples, indices: indices, stream: stream, context: job.context
                ) { try SecureNoise() }
                if outcome.diverged {
                    log?.warning(
                        "training ended in values that are not finite, which the noise or the learning rate made; "
                            + "no change is reported", ["round": .integer(job.round)])
                }
                return try body(delta, indices.count)
            }
        }
    }

    package func examine(_ job: TrainingJob) throws {
        let (examples, _) = try load(job)
        try check(examples, job.plan)
    }

    package func metrics(_ job: TrainingJob) throws -> ClientMetrics {
        let (examples, indices) = try load(job)
        try check(examples, job.plan)
        let model =
            OwnModel(job.plan, seed: job.seed)?.published(job.model.values, memory: job.context.memory)
            ?? job.model.values
        return try ClientEvaluator(job.plan).metrics(model, on: examples, indices: indices)
    }

    package func rest() {
        loaded = nil
        prepared = nil
        IdleMemory.giveBack()
    }

    private func prepare(_ job: TrainingJob) -> ClientTraining {
        if let prepared, prepared.task == job.task,
            prepared.work.trainer.model.layout == job.plan.model.layout
        {
            return prepared.work
        }
        let work = ClientTraining(plan: job.plan)
        prepared = (job.task, work)
        return work
    }

    private func load(_ job: TrainingJob) throws -> (Examples, [Int32]) {
        if let loaded, loaded.preprocessing == job.preprocessing { return (loaded.examples, loaded.indices) }
        loaded = nil
        guard let schema = job.preprocessing else { throw TaskWithoutSchema() }
        let rows = try source.rows(
            using: schema, .init(requiresLabel: job.plan.training.needsTargets, keep: crowd.columns))
        try crowd.require(rows.kept)
        let (examples, passedOver) = (rows.examples, rows.passedOver)
        if !passedOver.isEmpty, passedOver != saidPassedOver {
            saidPassedOver = passedOver
            log?.info(
                "columns that the task does not know are left out",
                ["columns": .text(passedOver.prefix(20).joined(separator: ", "))])
        }
        for warning in rows.warnings where saidWarnings.insert(warning).inserted {
            log?.warning("\(warning)")
        }
        let indices = Array(0..<Int32(examples.count))
        loaded = (job.preprocessing, examples, indices)
        return (examples, indices)
    }

    private func check(_ examples: Examples, _ plan: TaskPlan) throws {
        guard examples.featureCount == plan.model.inputShape.reduce(1, *) else {
            throw ConfigurationError(
                path: "data",
                problem: "gives \(examples.featureCount) features; the task's model takes "
                    + "\(plan.model.inputShape.reduce(1, *))")
        }
        try plan.model.check(examples)
        let loss = plan.training.loss ?? LossCatalog.standard(for: plan.model, targets: examples.targets)
        try LossCatalog.check(loss, model: plan.model, targets: examples.targets)
    }
}
