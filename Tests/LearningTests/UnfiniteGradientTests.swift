import Compute
import Configuration
import Testing

@testable import Learning

/// Draws the batches that it was given, adds a fixed amount to every sum, and remembers the sums before.
private final class FixedPrivatizer: GradientPrivatizer {
    func secretSeed() -> UInt64 { 1 }

    private let batch: [Int32]
    private let noise: Float
    private(set) var sums: [[Float]] = []

    init(batch: [Int32], noise: Float = 0) {
        self.batch = batch
        self.noise = noise
    }

    func nextBatch(of count: Int, into positions: UnsafeMutableBufferPointer<Int32>) -> Int {
        for (place, position) in batch.enumerated() { positions[place] = position }
        return batch.count
    }

    func privatize(sum: UnsafeMutableBufferPointer<Float>) {
        sums.append(Array(sum))
        for place in sum.indices { sum[place] += noise }
    }
}

/// Whatever a record makes of a gradient, private training takes every step and keeps every bound.
@Suite struct UnfiniteGradientTests {
    private static let models = PrivateTrainingTests.models

    fileprivate struct Setup {
        let model: Model
        let options: TrainingOptions
        let start: [Float]

        init(_ index: Int, _ text: String = "learning_rate: 1e-30") throws {
            let (layers, shape, loss) = UnfiniteGradientTests.models[index]
            model = try testModel(layers, shape)
            options = try TrainingOptions(json5("{batch_size: 4, loss: '\(loss)', \(text)}"), path: "t")
            start = perturbed(model.initialParameters(seed: 1).values, seed: 2)
        }

        func delta(
            of data: Examples, steps: Int, rate: Double = 1, _ privatizer: FixedPrivatizer
        ) throws -> (delta: [Float], diverged: Bool) {
            let trainer = LocalTrainer(model: model, options: options, privately: true)
            return try start.withUnsafeBufferPointer { start in
                try (0..<Int32(data.count)).map { $0 }.withUnsafeBufferPointer { indices in
                    let (delta, taken) = try trainer.privateDelta(
                        from: start, on: data, indices: indices, stream: TrainingStream(seed: 1),
                        plan: PrivateTrainingPlan(clippingNorm: 0.7, steps: steps, expectedBatchSize: 4),
                        rateFactor: rate, privatizer: privatizer)
                    #expect(taken == steps)
                    return (Array(delta), trainer.lastDiverged)
                }
            }
        }
    }

    private static func damaged(_ data: Examples, _ example: Int, _ value: Float) -> Examples {
        guard case .floats(var features) = data.features else { return data }
        let width = data.featureCount
        for place in example * width..<(example + 1) * width { features[place] = value }
        return Examples(
            count: data.count, featureShape: data.featureShape, features: .floats(features),
            targets: data.targets)
    }

    /// With one record that overflows the sum stays finite and within the norm of the sum without it; one that is
    /// not a number adds exactly nothing.
    @Test(arguments: models.indices, [Float.nan, .infinity, -.infinity, 1e38, 3e19])
    func aRecordMovesTheSumByAtMostTheNorm(index: Int, value: Float) throws {
        let setup = try Setup(index)
        let data = randomExamples(count: 12, shape: setup.model.inputShape, classes: 3, seed: 5)
        // Beyond the arena's capacity too: chunks before and after the record's.
        let all = (0..<12).map { Int32($0) }
        let (with, without) = (FixedPrivatizer(batch: all), FixedPrivatizer(batch: all.filter { $0 != 4 }))
        let hurt = Self.damaged(data, 4, value)
        _ = try setup.delta(of: hurt, steps: 3, with)
        _ = try setup.delta(of: hurt, steps: 3, without)
        #expect(with.sums.count == 3)
        for (sum, other) in zip(with.sums, without.sums) {
            let moved = zip(sum, other).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
            let bound = value.isFinite ? 0.7 : 1e-5
            #expect(moved.squareRoot() <= bound, "\(moved)")
        }
    }

    @Test(arguments: models.indices)
    func aModelThatOverflowsTakesEveryStepOfNoise(index: Int) throws {
        var setup = try Setup(index)
        setup = try setup.replacingFirst(with: .infinity)
        let data = randomExamples(count: 12, shape: setup.model.inputShape, classes: 3, seed: 5)
        let privatizer = FixedPrivatizer(batch: [1, 2, 3], noise: 1)
        let (delta, diverged) = try setup.delta(of: data, steps: 5, privatizer)
        #expect(privatizer.sums.count == 5 && privatizer.sums.joined().allSatisfy { $0.isFinite })
        // Infinity minus infinity: decided by the model alone.
        #expect(diverged && delta.allSatisfy { $0 == 0 })
    }

    /// Only what was noised decides that a release is not finite, and none is.
    @Test func noiseThatOverflowsTheParametersBecomesNoChange() throws {
        let setup = try Setup(0, "learning_rate: 1e30")
        let data = randomExamples(count: 12, shape: setup.model.inputShape, classes: 3, seed: 5)
        let (delta, diverged) = try setup.delta(of: data, steps: 6, FixedPrivatizer(batch: [1], noise: 1e20))
        #expect(diverged && delta.allSatisfy { $0 == 0 })
    }

    /// A client without examples makes the steps of one whose batches are empty.
    @Test(arguments: ["learning_rate: 0.1", "learning_rate: 0.1, optimizer: 'adam', l2: 0.1"])
    func noExamplesAreEmptyBatches(text: String) throws {
        let setup = try Setup(0, text)
        let data = randomExamples(count: 12, shape: setup.model.inputShape, classes: 3, seed: 5)
        let (expected, _) = try setup.delta(of: data, steps: 4, FixedPrivatizer(batch: [], noise: 0.5))
        let trainer = LocalTrainer(model: setup.model, options: setup.options, privately: true)
        let delta = try setup.start.withUnsafeBufferPointer { start in
            Array(
                try trainer.privateDelta(
                    from: start,
                    plan: PrivateTrainingPlan(clippingNorm: 0.7, steps: 4, expectedBatchSize: 4),
                    privatizer: FixedPrivatizer(batch: [], noise: 0.5)))
        }
        #expect(delta == expected && delta.contains { $0 != 0 })
    }

    // MARK: Without per-example privacy

    /// Steps until training threw, counted where it is asked to go on.
    private func steps(_ text: String, all: Bool, end: Int = .max) throws -> (
        steps: Int, error: TrainingError?
    ) {
        let setup = try Setup(0, text)
        let data = randomExamples(count: 12, shape: setup.model.inputShape, classes: 3, seed: 5)
        let trainer = LocalTrainer(model: setup.model, options: setup.options)
        trainer.takesEveryStep = all
        var count = 0
        trainer.isInterrupted = {
            count += 1
            return count >= end
        }
        var parameters = setup.start
        let error = #expect(throws: TrainingError.self) {
            try trainer.train(
                &parameters, on: data, indices: (0..<12).map { $0 }, stream: TrainingStream(seed: 1),
                epochs: 5)
        }
        return (count, error)
    }

    @Test func divergedTrainingTakesEveryStepWhereAsked() throws {
        let early = try steps("learning_rate: 1e38", all: false)
        #expect(early.steps < 15)
        let late = try steps("learning_rate: 1e38", all: true)
        #expect(late.steps == 15 && late.error == early.error)
    }

    @Test func anInterruptionEndsTrainingBetweenSteps() throws {
        let outcome = try steps("learning_rate: 0.1", all: true, end: 4)
        #expect(outcome.steps == 4 && outcome.error == .interrupted)
    }
}

extension UnfiniteGradientTests.Setup {
    fileprivate func replacingFirst(with value: Float) throws -> Self {
        var changed = start
        changed[0] = value
        return Self(model: model, options: options, start: changed)
    }

    fileprivate init(model: Model, options: TrainingOptions, start: [Float]) {
        (self.model, self.options, self.start) = (model, options, start)
    }
}
