internal import Compute
package import Configuration
internal import Datasets
package import Federation
internal import Glibc
internal import Learning

/// Trains with the product's own learning on data read by schema.
///
/// Data are loaded with the first round that needs them and kept until the agent rests.
package final class BuiltInTrainer: RoundTrainer {
    private let source: DataSource
    private var loaded: (preprocessing: Preprocessing?, examples: Examples, indices: [Int32])?
    private var prepared: Prepared?

    /// Trainer and buffers of one task plan.
    private final class Prepared {
        let task: String
        let trainer: LocalTrainer
        /// FedSGD's gradient; empty for strategies that train.
        var gradient: [Float]

        init(_ plan: TaskPlan, task: String) {
            self.task = task
            trainer = LocalTrainer(
                model: plan.model, options: plan.training, privately: plan.example != nil)
            let isGradient = plan.configuration.strategy.localWork == .gradient
            gradient = [Float](repeating: 0, count: isGradient ? plan.dimension : 0)
        }
    }

    /// A trainer on the data of a data section. Throws ``ConfigurationError`` when the section is wrong; no
    /// file is touched yet.
    package init(data: JSONValue, folder: String) throws {
        source = try DataSource(data, path: "data", folder: folder)
    }

    package func withUpdate<Result>(
        _ job: TrainingJob, _ body: (UnsafeBufferPointer<Float>, Int) throws -> Result
    ) throws -> Result {
        let (examples, indices) = try load(job)
        try check(examples, job.plan)
        let prepared = prepare(job)
        let stream = TrainingStream(seed: job.seed, client: job.client, round: job.round)
        let training = job.plan.training
        // A learning-rate schedule runs over the rounds of the federation.
        let rateFactor = training.schedule.multiplier(at: job.round - 1, of: job.plan.configuration.rounds)
        return try indices.withUnsafeBufferPointer { indices in
            if let example = job.plan.example {
                // Secret batches and noise come from the cryptographic generator, made here.
                let privatizer = ExamplePrivatizer(example, source: try SecureNoise())
                return try job.model.values.withUnsafeBufferPointer { model in
                    let (delta, _) = try prepared.trainer.privateDelta(
                        from: model, on: examples, indices: indices, stream: stream,
                        plan: example.training(examples: indices.count), rateFactor: rateFactor,
                        privatizer: privatizer)
                    return try body(UnsafeBufferPointer(delta), indices.count)
                }
            }
            guard job.plan.configuration.strategy.localWork == .gradient else {
                return try job.model.values.withUnsafeBufferPointer { model in
                    let (delta, _) = try prepared.trainer.delta(
                        from: model, on: examples, indices: indices, stream: stream, rateFactor: rateFactor)
                    return try body(UnsafeBufferPointer(delta), indices.count)
                }
            }
            var parameters = job.model.values
            let rate = -Float(training.learningRate * rateFactor)
            return try prepared.gradient.withUnsafeMutableBufferPointer { gradient in
                _ = try parameters.withUnsafeMutableBufferPointer { parameters in
                    try prepared.trainer.gradient(
                        of: parameters, on: examples, indices: indices, stream: stream, into: gradient)
                }
                for index in gradient.indices { gradient[index] *= rate }
                return try body(UnsafeBufferPointer(gradient), indices.count)
            }
        }
    }

    package func metrics(_ job: TrainingJob) throws -> ClientMetrics {
        let (examples, indices) = try load(job)
        try check(examples, job.plan)
        return try ClientEvaluator(job.plan).metrics(job.model.values, on: examples, indices: indices)
    }

    package func rest() {
        loaded = nil
        prepared = nil
        Allocator.trim()
    }

    private func prepare(_ job: TrainingJob) -> Prepared {
        if let prepared, prepared.task == job.task, prepared.trainer.model.layout == job.plan.model.layout {
            return prepared
        }
        let fresh = Prepared(job.plan, task: job.task)
        prepared = fresh
        return fresh
    }

    private func load(_ job: TrainingJob) throws -> (Examples, [Int32]) {
        if let loaded, loaded.preprocessing == job.preprocessing { return (loaded.examples, loaded.indices) }
        loaded = nil
        let examples =
            try job.preprocessing.map { try source.examples(using: $0) } ?? source.load(seed: job.seed).train
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
        let loss = plan.training.loss ?? LossCatalog.standard(for: plan.model, targets: examples.targets)
        try LossCatalog.check(loss, model: plan.model, targets: examples.targets)
    }
}
