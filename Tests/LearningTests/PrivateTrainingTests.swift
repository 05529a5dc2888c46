import Compute
import Configuration
import Testing

@testable import Learning

/// Draws fixed batches, adds nothing, and remembers the sums that it was given.
private final class RecordingPrivatizer: GradientPrivatizer {
    func secretSeed() -> UInt64 { 1 }

    private var batches: [[Int32]]
    private(set) var sums: [[Float]] = []

    init(batches: [[Int32]]) { self.batches = batches }

    func nextBatch(of count: Int, into positions: UnsafeMutableBufferPointer<Int32>) -> Int {
        let batch = batches.removeFirst()
        for (place, position) in batch.enumerated() { positions[place] = position }
        return batch.count
    }

    func privatize(sum: UnsafeMutableBufferPointer<Float>) { sums.append(Array(sum)) }
}

@Suite struct PrivateTrainingTests {
    static let models: [(layers: String, shape: [Int], loss: String)] =
        [
            ("[{dense: 8}, {relu: {}}, {dense: 3}]", [6], "softmax_cross_entropy"),
            (
                "[{dense: {units: 7, bias: false}}, {tanh: {}}, {dense: 5}, {gelu: {}}, {dense: 3}]", [2, 3],
                "mse"
            ),
            (
                "[{layer_norm: {}}, {dense: 6}, {layer_norm: {}}, {sigmoid: {}}, {dense: 3}, {softmax: {}}]",
                [5],
                "huber"
            ),
            ("[{dense: 4}, {leaky_relu: {}}, {dense: 3}, {softmax: {}}]", [7], "softmax_cross_entropy"),
            ("[{reproduce: [{dense: 4}, {tanh: {}}]}]", [3, 2], "reconstruction"),
        ] + NetworkTests.networks.map { ($0.layers, $0.shape, "softmax_cross_entropy") } + [
            ("\(NetworkTests.adapted)\(NetworkTests.adapters)", [4, 3], "softmax_cross_entropy"),
            ("[{dense: 5}, 'tanh', {dense: 4}, 'tanh', {dense: 3}], freeze: ['0.*', '2.bias']", [6], "mse"),
        ]

    /// The sum of gradients clipped one by one, from full-batch gradients of single examples.
    @Test(arguments: models.indices, [0.05, 1, 1e6])
    func clippedSumsEqualTheNaiveOracle(index: Int, norm: Double) throws {
        let (layers, shape, loss) = Self.models[index]
        let model = try testModel(layers, shape)
        let options = try TrainingOptions(json5("{batch_size: 4, loss: '\(loss)'}"), path: "t")
        let data = randomExamples(count: 40, shape: shape, classes: 3, seed: UInt64(index))
        let parameters = perturbed(model.initialParameters(seed: 1).values, seed: 2)
        // The second batch is larger than the arena, the third is empty.
        let batches = [[3, 0, 7], (0..<40).map { Int32($0) }, [], [5]] as [[Int32]]
        let privatizer = RecordingPrivatizer(batches: batches)
        // A rate so small that the parameters stay where they are.
        var still = options
        still.learningRate = 1e-30
        _ = try run(model, still, parameters, data, norm: norm, steps: 4, privatizer)
        let limit = norm * (1 - PrivateDescent.clippingMargin)
        for (batch, sum) in zip(batches, privatizer.sums) {
            var expected = [Double](repeating: 0, count: parameters.count)
            for example in batch {
                let single = try gradient(model, options, parameters, only(data, Int(example)))
                let length = single.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                let factor = min(1, limit / length)
                for place in single.indices { expected[place] += factor * Double(single[place]) }
            }
            let size = max(1e-3, expected.reduce(0) { $0 + $1 * $1 }.squareRoot())
            for (found, wanted) in zip(sum, expected) { #expect(abs(Double(found) - wanted) < 1e-4 * size) }
        }
    }

    @Test func oneExampleNeverMovesTheSumByMoreThanTheNorm() throws {
        let (layers, shape, _) = Self.models[0]
        let model = try testModel(layers, shape)
        let options = try TrainingOptions(json5("{batch_size: 64, learning_rate: 1e-30}"), path: "t")
        let data = randomExamples(count: 64, shape: shape, classes: 3, seed: 5)
        let parameters = perturbed(model.initialParameters(seed: 1).values, seed: 2).map { 3 * $0 }
        let all = (0..<64).map { Int32($0) }
        let privatizer = RecordingPrivatizer(batches: [all] + all.map { left in all.filter { $0 != left } })
        _ = try run(model, options, parameters, data, norm: 0.7, steps: 65, privatizer)
        for without in privatizer.sums.dropFirst() {
            let moved = zip(privatizer.sums[0], without).reduce(0.0) { sum, pair in
                sum + Double(pair.0 - pair.1) * Double(pair.0 - pair.1)
            }
            #expect(moved.squareRoot() <= 0.7)
        }
    }

    @Test func stepsDivideByTheExpectedBatchSize() throws {
        let (layers, shape, _) = Self.models[0]
        let model = try testModel(layers, shape)
        let options = try TrainingOptions(json5("{batch_size: 4, learning_rate: 0.5}"), path: "t")
        let data = randomExamples(count: 10, shape: shape, classes: 3, seed: 5)
        let start = model.initialParameters(seed: 1).values
        let privatizer = RecordingPrivatizer(batches: [[1, 2, 3]])
        let trained = try run(model, options, start, data, norm: 1, steps: 1, privatizer)
        for index in start.indices {
            #expect(abs(trained[index] - (start[index] - 0.5 * privatizer.sums[0][index] / 4)) < 1e-6)
        }
    }

    @Test(arguments: ["{batch_size: 4}", "{batch_size: 4, optimizer: 'adam', l2: 0.1}"])
    func deltaIsTrainedMinusGiven(text: String) throws {
        let (layers, shape, _) = Self.models[0]
        let model = try testModel(layers, shape)
        let options = try TrainingOptions(json5(text), path: "t")
        let data = randomExamples(count: 10, shape: shape, classes: 3, seed: 5)
        let start = model.initialParameters(seed: 1).values
        let batches = [[1, 2, 3], [9], [4, 5]] as [[Int32]]
        let trained = try run(
            model, options, start, data, norm: 1, steps: 3, RecordingPrivatizer(batches: batches))
        let trainer = LocalTrainer(model: model, options: options, privately: true)
        let delta = try start.withUnsafeBufferPointer { start in
            try (0..<10).map { Int32($0) }.withUnsafeBufferPointer { indices in
                let (delta, steps) = try trainer.privateDelta(
                    from: start, on: data, indices: indices, stream: TrainingStream(seed: 1),
                    plan: PrivateTrainingPlan(clippingNorm: 1, steps: 3, expectedBatchSize: 4),
                    privatizer: RecordingPrivatizer(batches: batches))
                #expect(steps == 3)
                return Array(delta)
            }
        }
        #expect(delta == zip(trained, start).map { $0 - $1 })
    }

    private func run(
        _ model: Model, _ options: TrainingOptions, _ start: [Float], _ data: Examples, norm: Double,
        steps: Int,
        _ privatizer: RecordingPrivatizer
    ) throws -> [Float] {
        var parameters = start
        let indices = (0..<Int32(data.count)).map { $0 }
        try parameters.withUnsafeMutableBufferPointer { parameters in
            try indices.withUnsafeBufferPointer { indices in
                let done = try LocalTrainer(model: model, options: options, privately: true).trainPrivately(
                    parameters, on: data, indices: indices, stream: TrainingStream(seed: 1),
                    plan: PrivateTrainingPlan(clippingNorm: norm, steps: steps, expectedBatchSize: 4),
                    privatizer: privatizer)
                #expect(done == steps)
            }
        }
        return parameters
    }

    private func only(_ data: Examples, _ index: Int) throws -> Examples {
        guard case .floats(let features) = data.features, case .classes(let labels, let count) = data.targets
        else { throw TrainingError.noExamples }
        let width = data.featureCount
        return Examples(
            count: 1, featureShape: data.featureShape,
            features: .floats(Array(features[(index * width)..<((index + 1) * width)])),
            targets: .classes([labels[index]], count: count))
    }
}
