import Compute
import Configuration
internal import Custody
import Federation
import Learning
import Privacy
import Simulation

/// A DP-SGD step of the MLP 784-64-64-10 at batch 64.
enum PrivateStep {
    /// With secret Poisson batches and clipping, with the noise as well, and the noise alone. Held against the plain
    /// step at that batch, and the noise against the sampler by itself. All measured in turns.
    static func run(_ stopwatch: Stopwatch) throws -> [Figure] {
        let (batch, steps) = (64, 50)
        let plan = try BenchTask.perceptron(
            mode: .none, batch: batch,
            example: .object([
                "clipping_norm": .number(1), "noise_multiplier": .number(1),
                "records": .integer(steps * batch),
            ]))
        guard let example = plan.example else { return [] }
        let data = TrainingSuite.table()
        let start = plan.model.initialParameters(seed: 1).values
        let indices = (0..<Int32(steps * batch)).map { 17 * $0 }
        let plain = LocalTrainer(model: plan.model, options: plan.training)
        let clipped = LocalTrainer(model: plan.model, options: plan.training, privately: true)
        let privatizer = ExamplePrivatizer(example, source: try SecureNoise())
        let stream = TrainingStream(seed: 3)
        var sum = [Float](repeating: 0.001, count: plan.dimension)
        var source = try SecureNoise()
        let sampler = try RoundedGaussian(sigma: 1e6)
        let drawn = UnsafeMutableBufferPointer<Int64>.allocate(capacity: plan.dimension)
        drawn.initialize(repeating: 0)
        defer { drawn.deallocate() }
        func train(_ privatizer: (any GradientPrivatizer)?) throws {
            try start.withUnsafeBufferPointer { start in
                try indices.withUnsafeBufferPointer { indices in
                    if let privatizer {
                        _ = try clipped.privateDelta(
                            from: start, on: data, indices: indices, stream: stream,
                            plan: example.training, privatizer: privatizer)
                    } else {
                        _ = try plain.delta(
                            from: start, on: data, indices: indices, stream: stream, epochs: 1)
                    }
                }
            }
        }
        let privatizers: [(any GradientPrivatizer)?] = [nil, BatchesAlone(privatizer), privatizer]
        let once = Stopwatch(repetitions: 1)
        var times: [[Double]] = [[], [], [], [], []]
        for _ in 0..<stopwatch.repetitions {
            for (place, chosen) in privatizers.enumerated() {
                times[place].append(try once.time { try train(chosen) }.seconds / Double(steps))
            }
            times[3].append(
                try once.time { try sum.withUnsafeMutableBufferPointer { try privatizer.privatize(sum: $0) } }
                    .seconds)
            times[4].append(try once.time { try sampler.draw(into: drawn, from: &source) }.seconds)
        }
        let medians = times.map { Stopwatch.median(of: $0) }
        let plainStep = Yardstick.reference(medians[0].seconds, "plain step")
        func figure(_ name: String, _ timing: (seconds: Double, noise: Double), goal: Double?) -> Figure {
            Figure(
                name: "training/dp-sgd-batch-64-\(name)", seconds: timing.seconds, noise: timing.noise,
                unit: "step", plainStep, goal: goal)
        }
        let coordinates = Double(plan.dimension)
        return [
            figure("without-noise", medians[1], goal: 1.2 * medians[0].seconds),
            figure("with-noise", medians[2], goal: nil),
            Figure(
                name: "training/dp-sgd-noise-\(plan.dimension)", seconds: medians[3].seconds,
                noise: medians[3].noise, unit: "step", .reference(medians[4].seconds, "the sampler alone"),
                details: [
                    ("ns_per_coordinate", 1e9 * medians[3].seconds / coordinates),
                    ("sampler_ns_per_coordinate", 1e9 * medians[4].seconds / coordinates),
                ]),
        ]
    }
}

/// Another privatizer's batches without its noise.
private final class BatchesAlone: GradientPrivatizer {
    func secretSeed() -> UInt64 { 1 }

    private let other: any GradientPrivatizer

    init(_ other: any GradientPrivatizer) { self.other = other }

    func nextBatch(of count: Int, into positions: UnsafeMutableBufferPointer<Int32>) throws -> Int {
        try other.nextBatch(of: count, into: positions)
    }

    func privatize(sum: UnsafeMutableBufferPointer<Float>) {}
}
