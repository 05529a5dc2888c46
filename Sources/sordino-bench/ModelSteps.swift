import Compute
import Configuration
import Learning

/// Steps of the models that people federate, each as a client takes it: gather, forward, backward, plain descent.
enum ModelSteps {
    /// The steps that were asked for, each beside the floor of its products, and where a workload says so the step with
    /// per-example clipping and without noise beside the plain one, in turns with it. Throws `ConfigurationError`.
    static func run(_ stopwatch: Stopwatch) throws -> [Figure] {
        let chosen = StepWorkload.all.filter { workload in
            stopwatch.selection.mayInclude("training/\(workload.name)")
                && (stopwatch.selection.includesLarge || !workload.isLarge)
        }
        guard !chosen.isEmpty else { return [] }
        // Before and after: the machine is shared, and the best rate of the whole run counts.
        _ = ProductRate.measure(stopwatch)
        let figures = try chosen.flatMap { try run($0, stopwatch) }
        if chosen.count > 1 { _ = ProductRate.measure(stopwatch) }
        return figures
    }

    private static func run(_ workload: StepWorkload, _ stopwatch: Stopwatch) throws -> [Figure] {
        let (model, parameters) = try workload.start()
        // One step more than is measured.
        let steps = workload.steps + 1
        let data = workload.examples(steps * workload.batch)
        let options = try TrainingOptions(
            .object(["batch_size": .integer(workload.batch), "learning_rate": .number(0.001)]),
            path: "training")
        let indices = (0..<Int32(data.count)).map { $0 }
        let plan = PrivateTrainingPlan(
            clippingNorm: 1, steps: steps, expectedBatchSize: Double(workload.batch))
        let batches = ConsecutiveBatches(size: workload.batch)
        let stream = TrainingStream(seed: 3)
        let plain = LocalTrainer(model: model, options: options)
        let clipped =
            workload.isAlsoPrivate ? LocalTrainer(model: model, options: options, privately: true) : nil
        let (meter, clippedMeter) = (StepMeter(steps: steps), StepMeter(steps: steps))
        try parameters.withUnsafeBufferPointer { parameters in
            try indices.withUnsafeBufferPointer { indices in
                for _ in 0..<stopwatch.repetitions {
                    try meter.meter(plain) {
                        _ = try plain.delta(
                            from: parameters, on: data, indices: indices, stream: stream, epochs: 1)
                    }
                    guard let clipped else { continue }
                    try clippedMeter.meter(clipped) {
                        _ = try clipped.privateDelta(
                            from: parameters, on: data, indices: indices, stream: stream, plan: plan,
                            privatizer: batches)
                    }
                }
            }
        }
        let figure = figure(workload, model, meter)
        guard clipped != nil else { return [figure] }
        let timing = Stopwatch.median(of: clippedMeter.seconds)
        return [
            figure,
            Figure(
                name: "training/\(workload.name)-clipped-per-example", seconds: timing.seconds,
                noise: timing.noise, unit: "step", .reference(figure.amount, "plain step"),
                goal: 1.6 * figure.amount, details: clippedMeter.details),
        ]
    }

    private static func figure(_ workload: StepWorkload, _ model: Model, _ meter: StepMeter) -> Figure {
        let timing = Stopwatch.median(of: meter.seconds)
        let operations = StepOperations(model)
        return Figure(
            name: "training/\(workload.name)", seconds: timing.seconds, noise: timing.noise, unit: "step",
            operations.yardstick(batch: workload.batch),
            details: [
                ("samples_per_second", Double(workload.batch) / timing.seconds),
                ("gflop", 1e-9 * Double(workload.batch) * operations.perExample),
            ] + meter.details)
    }
}
