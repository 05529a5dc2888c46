import Compute
import Configuration
import Learning

/// Steps of local training on one thread, as a federated client takes them.
enum TrainingSuite {
    private static let examples = 60_000
    private static let width = 784

    /// One step of the MLP 784-64-64-10, gathering from a table of 60,000 examples in bytes.
    static func run(_ stopwatch: Stopwatch) throws -> [Figure] {
        let data = table()
        let model = try Model(
            ModelSpec(
                .object([
                    "preset": .string("mlp"), "hidden": .array([.integer(64), .integer(64)]),
                    "classes": .integer(10),
                ]), path: "model"), inputShape: [width])
        let plain = try [("sgd", 10, 0.1), ("sgd", 32, 0.1), ("sgd", 64, 0.1), ("adam", 128, 0.001)].map {
            try step(model, options($0, batch: $1, rate: $2), data, stopwatch)
        }
        return try plain + [privateStep(model, options("sgd", batch: 64, rate: 0.1), data, stopwatch)]
            + PrivateStep.run(stopwatch)
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
        return Figure(
            name: "training/mlp-batch-\(options.batchSize)-\(options.optimizerName)", seconds: perStep,
            noise: noise, unit: "step", .operations(operations(model, options.batchSize)),
            details: [
                ("samples_per_second", Double(options.batchSize) / perStep), ("product_gflops", rate / 1e9),
            ])
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

    /// Two operations for each multiplication with a weight: forward, weight gradient, and input gradient
    /// except the first layer's.
    private static func operations(_ model: Model, _ batch: Int) -> Double {
        let weights = model.nodes.filter { !$0.places.isEmpty }.map {
            $0.inputShape.count * $0.outputShape.count
        }
        return 2 * Double(batch) * Double(3 * weights.reduce(0, +) - weights[0])
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

/// Batches of a fixed size, one after the other, and no noise: what remains is the cost of clipping.
private final class ConsecutiveBatches: GradientPrivatizer {
    func secretSeed() -> UInt64 { 1 }

    private let size: Int
    private var next = 0

    init(size: Int) { self.size = size }

    func nextBatch(of count: Int, into positions: UnsafeMutableBufferPointer<Int32>) -> Int {
        for place in 0..<size { positions[place] = Int32((next + place) % count) }
        next = (next + size) % count
        return size
    }

    func privatize(sum: UnsafeMutableBufferPointer<Float>) {}
}
