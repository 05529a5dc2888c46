import Compute
import Configuration
import Learning

/// Steps of local training on one thread, as a federated client takes them.
enum TrainingSuite {
    private static let examples = 60_000
    private static let width = 784

    /// One step of the MLP 784-64-64-10, gathering from a table of 60,000 examples in bytes; then those of other models.
    static func run(_ stopwatch: Stopwatch) throws -> [Figure] {
        let data = table()
        let model = try Model(
            ModelSpec(
                .object([
                    "preset": .string("mlp"), "hidden": .array([.integer(64), .integer(64)]),
                    "classes": .integer(10),
                ]), path: "model"), inputShape: [width])
        var figures: [Figure] = []
        for (name, batch, rate) in [
            ("sgd", 10, 0.1), ("sgd", 32, 0.1), ("sgd", 64, 0.1), ("adam", 128, 0.001),
        ]
        where stopwatch.selection.mayInclude("training/mlp-batch-\(batch)-\(name)") {
            figures.append(try step(model, options(name, batch: batch, rate: rate), data, stopwatch))
        }
        if stopwatch.selection.includes("training/mlp-batch-64-clipped-per-example") {
            figures.append(try privateStep(model, options("sgd", batch: 64, rate: 0.1), data, stopwatch))
        }
        if stopwatch.selection.mayInclude("training/dp-sgd") { figures += try PrivateStep.run(stopwatch) }
        return figures + (try ModelSteps.run(stopwatch))
    }

    private static func options(_ optimizer: String, batch: Int, rate: Double) throws -> TrainingOptions {
        try TrainingOptions(
            .object([
                "optimizer": .string(optimizer), "batch_size": .integer(batch),
                "learning_rate": .number(rate),
            ]), path: "training")
    }

    private static func step(
        _ model: Model, _ options: TrainingOptions, _ data: Examples, _ stopwatch: Stopwatch
    ) throws -> Figure {
        let trainer = LocalTrainer(model: model, options: options)
        let parameters = model.initialParameters(seed: 1).values
        let steps = 200
        var random = SeededGenerator(seed: 2, purpose: .dataOrder)
        let indices = (0..<(steps * options.batchSize)).map { _ in Int32(random.index(below: examples)) }
        // Measured in the same moment as the figure: the machine is shared.
        let rate = ProductRate.measure(stopwatch)
        let (seconds, noise) = try stopwatch.time {
            try parameters.withUnsafeBufferPointer { parameters in
                try indices.withUnsafeBufferPointer { indices in
                    _ = try trainer.delta(
                        from: parameters, on: data, indices: indices, stream: TrainingStream(seed: 3),
                        epochs: 1)
                }
            }
        }
        let perStep = seconds / Double(steps)
        let meter = StepMeter(steps: steps)
        if AllocationCount.isKept {
            try meter.meter(trainer) {
                var trained = parameters
                _ = try trainer.train(
                    &trained, on: data, indices: indices, stream: TrainingStream(seed: 3), epochs: 1)
            }
        }
        return Figure(
            name: "training/mlp-batch-\(options.batchSize)-\(options.optimizerName)", seconds: perStep,
            noise: noise, unit: "step",
            .operations(Double(options.batchSize) * StepOperations(model).perExample),
            details: [
                ("samples_per_second", Double(options.batchSize) / perStep), ("product_gflops", rate / 1e9),
            ] + meter.details)
    }

    /// A step with per-example clipping and no noise, beside the plain step at the same batch size, measured
    /// alternately with it.
    private static func privateStep(
        _ model: Model, _ options: TrainingOptions, _ data: Examples, _ stopwatch: Stopwatch
    ) throws -> Figure {
        let (plain, clipped) = (
            LocalTrainer(model: model, options: options),
            LocalTrainer(model: model, options: options, privately: true)
        )
        let steps = 200
        let start = model.initialParameters(seed: 1).values
        var random = SeededGenerator(seed: 2, purpose: .dataOrder)
        let indices = (0..<(steps * options.batchSize)).map { _ in Int32(random.index(below: examples)) }
        let batches = ConsecutiveBatches(size: options.batchSize)
        let plan = PrivateTrainingPlan(
            clippingNorm: 1, steps: steps, expectedBatchSize: Double(options.batchSize))
        let stream = TrainingStream(seed: 3)
        var times: [(plain: Double, clipped: Double)] = []
        for _ in 0..<stopwatch.repetitions {
            let once = Stopwatch(repetitions: 1)
            let ordinary = try once.time {
                _ = try start.withUnsafeBufferPointer { start in
                    try indices.withUnsafeBufferPointer {
                        try plain.delta(from: start, on: data, indices: $0, stream: stream, epochs: 1)
                    }
                }
            }
            let bounded = try once.time {
                _ = try start.withUnsafeBufferPointer { start in
                    try indices.withUnsafeBufferPointer {
                        try clipped.privateDelta(
                            from: start, on: data, indices: $0, stream: stream, plan: plan,
                            privatizer: batches
                        )
                    }
                }
            }
            times.append((ordinary.seconds / Double(steps), bounded.seconds / Double(steps)))
        }
        let sorted = times.map(\.clipped).sorted()
        let median = sorted[sorted.count / 2]
        return Figure(
            name: "training/mlp-batch-\(options.batchSize)-clipped-per-example", seconds: median,
            noise: (sorted[sorted.count * 3 / 4] - sorted[sorted.count / 4]) / 2 / median, unit: "step",
            .reference(times.map(\.plain).sorted()[times.count / 2], "plain step"))
    }

    /// 60,000 made-up examples of 784 bytes in ten classes.
    static func table() -> Examples {
        var random = SeededGenerator(seed: 1, purpose: .test)
        var words = [UInt32](repeating: 0, count: examples * width / 4)
        words.withUnsafeMutableBufferPointer { random.fill($0) }
        let pixels = words.withUnsafeBytes { Array($0) }
        let labels = (0..<examples).map { Int32($0 % 10) }
        return Examples(
            count: examples, featureShape: [width], features: .bytes(pixels, scale: 1 / 255),
            targets: .classes(labels, count: 10))
    }
}
