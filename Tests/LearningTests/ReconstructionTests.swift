import Compute
import Configuration
import Foundation
import Testing

@testable import Learning

/// Models that are trained to yield their own input, and what is measured of them.
@Suite struct ReconstructionTests {
    private static let options = "{batch_size: 4, loss: 'reconstruction'}"

    private func autoencoder(_ shape: [Int], hidden: String = "[3]") throws -> Model {
        try Model(
            ModelSpec(
                json5("{preset: 'autoencoder', hidden: \(hidden), activation: 'tanh'}"), path: "task.model"),
            inputShape: shape)
    }

    private func examples(_ count: Int, _ shape: [Int], bytes: Bool, _ targets: Examples.Targets) -> Examples
    {
        let width = shape.reduce(1, *)
        let plain = randomExamples(count: count, shape: shape, classes: 2, seed: 9)
        guard bytes else {
            return Examples(count: count, featureShape: shape, features: plain.features, targets: targets)
        }
        var random = SeededGenerator(seed: 4, purpose: .test)
        let values = (0..<count * width).map { _ in UInt8(random.index(below: 256)) }
        return Examples(
            count: count, featureShape: shape, features: .bytes(values, scale: 1 / 64), targets: targets)
    }

    private func features(_ data: Examples) -> [Float] {
        switch data.features {
        case .floats(let values): values
        case .bytes(let values, let scale): values.map { scale * Float($0) }
        case .tokens: []
        }
    }

    private static let targets: [Examples.Targets] = [
        .classes((0..<9).map { Int32($0 % 3) }, count: 3), .values((0..<18).map { Float($0) }, width: 2),
        .values([], width: 0),
    ]

    /// Whatever the data's targets, it is squared error with the features as targets, to the bit.
    @Test(arguments: targets.indices, [false, true])
    func theGradientIsThatOfSquaredErrorOnTheFeatures(index: Int, bytes: Bool) throws {
        let model = try autoencoder([2, 3])
        let data = examples(9, [2, 3], bytes: bytes, Self.targets[index])
        let copied = Examples(
            count: 9, featureShape: [2, 3], features: data.features,
            targets: .values(features(data), width: 6))
        let parameters = perturbed(model.initialParameters(seed: 1).values, seed: 2)
        let found = try gradient(
            model, TrainingOptions(json5(Self.options), path: "t"), parameters, data)
        let wanted = try gradient(
            model, TrainingOptions(json5("{batch_size: 4, loss: 'mse'}"), path: "t"), parameters, copied)
        #expect(found == wanted && found.contains { $0 != 0 })
    }

    /// Figures of an evaluation against the formulas, over batches of which the last is not full.
    @Test(arguments: [1, 2, 3], [false, true])
    func figuresAreThoseOfTheFormulas(classes: Int, bytes: Bool) throws {
        let (count, width) = (300, 6)
        let model = try autoencoder([width], hidden: "[4, 2]")
        var random = SeededGenerator(seed: 8, purpose: .test)
        let labels = (0..<count).map { _ in Int32(random.index(below: classes)) }
        let data = examples(count, [width], bytes: bytes, .classes(labels, count: classes))
        let parameters = perturbed(model.initialParameters(seed: 3).values, seed: 4)
        let input = features(data).map(Double.init)
        let output = (0..<count).flatMap { row in
            forward(Array(input[row * width..<(row + 1) * width]), parameters, [width, 4, 2, 4, width])
        }
        let errors = zip(output, input).map { $0 - $1 }
        let scores = (0..<count).map { row in
            errors[row * width..<(row + 1) * width].reduce(0) { $0 + $1 * $1 } / Double(width)
        }
        let mean = scores.reduce(0, +) / Double(count)
        let evaluator = Evaluator(model: model, loss: Reconstruction(), keepsScores: true)
        let metrics = evaluator.metrics(parameters, on: data)
        #expect(abs(metrics.loss - mean) < 1e-5 * mean)
        #expect(abs((metrics.rootMeanSquaredError ?? 0) - mean.squareRoot()) < 1e-5 * mean.squareRoot())
        let absolute = errors.reduce(0) { $0 + abs($1) } / Double(errors.count)
        #expect(abs((metrics.meanAbsoluteError ?? 0) - absolute) < 1e-5 * absolute)
        #expect(metrics.accuracy == nil && metrics.confusion == nil)
        // The share of pairs of one of each class in which the second class's has the higher score.
        let (anomalies, others) = (
            labels.indices.filter { labels[$0] == 1 }, labels.indices.filter { labels[$0] == 0 }
        )
        let pairs = anomalies.reduce(0) { sum, one in sum + others.count { scores[$0] < scores[one] } }
        let area = Double(pairs) / Double(max(1, anomalies.count * others.count))
        // Scores are stored as floats: two that are almost alike may change places.
        #expect(
            classes == 2 ? abs((metrics.rocAUC ?? -1) - area) < 1e-3 : metrics.rocAUC == nil, "\(area)")
        let answers = evaluator.predict(parameters, on: data, classifies: false)
        #expect(answers.count == count)
        for (answer, score) in zip(answers, scores) {
            #expect(answer.label == nil && answer.values.count == 1)
            #expect(abs(Double(answer.values[0]) - score) < 1e-4 * max(1, score))
        }
        #expect(metrics.inUnit(scale: 7) == metrics)
    }

    // Dense layers with tanh between them, as they lie in the vector: weights of [units, inputs], then biases.
    private func forward(_ input: [Double], _ parameters: [Float], _ widths: [Int]) -> [Double] {
        var (values, start) = (input, 0)
        for (layer, (inputs, units)) in zip(widths, widths.dropFirst()).enumerated() {
            let sums = (0..<units).map { unit in
                (0..<inputs).reduce(Double(parameters[start + units * inputs + unit])) {
                    $0 + Double(parameters[start + unit * inputs + $1]) * values[$1]
                }
            }
            start += units * (inputs + 1)
            values = layer == widths.count - 2 ? sums : sums.map(tanh)
        }
        return values
    }

    @Test func partsInAnyOrderGiveTheSameBits() throws {
        let model = try autoencoder([5])
        let data = randomExamples(count: 700, shape: [5], classes: 2, seed: 1)
        let parameters = model.initialParameters(seed: 2).values
        let evaluator = Evaluator(model: model, loss: Reconstruction(), keepsScores: true)
        let parts = Evaluator.parts(of: data.count, into: 3).reversed().map {
            evaluator.sums(parameters, on: data, range: $0)
        }
        var total = parts[0]
        for part in parts.dropFirst() { total.merge(part) }
        #expect(parts.count == 3 && total.metrics() == evaluator.metrics(parameters, on: data))
    }

    /// What was learnt is reproduced, and what is unlike it has a higher score than all of it.
    @Test func anAnomalyStandsOut() throws {
        let model = try autoencoder([4], hidden: "[2]")
        var random = SeededGenerator(seed: 1, purpose: .test)
        // Points of a plane in four dimensions, and one beside it.
        var points = (0..<200).flatMap { _ in
            let (a, b) = (random.uniform() - 0.5, random.uniform() - 0.5)
            return [a, b, a + b, a - b]
        }
        let data = Examples(
            count: 200, featureShape: [4], features: .floats(points), targets: .values([], width: 0))
        let options = try TrainingOptions(
            json5("{loss: 'reconstruction', learning_rate: 0.01, optimizer: 'adam'}"), path: "t")
        let trainer = CentralTrainer(
            model: model, options: options, central: CentralTrainingOptions(epochs: 100), seed: 1)
        let trained = try trainer.train(on: data).parameters.values
        points += [0.5, 0.5, -1, 0]
        let all = Examples(
            count: 201, featureShape: [4], features: .floats(points), targets: .values([], width: 0))
        let scores = Evaluator(model: model, loss: Reconstruction())
            .predict(trained, on: all, classifies: false).map { $0.values[0] }
        #expect((scores.dropLast().max() ?? 1) < 0.1 * scores[200], "\(scores.suffix(3))")
    }

    @Test(arguments: [
        ("[{dense: 5}]", [2, 3], "layer 0 (dense) yields 5 outputs, but an example has 6 features"),
        ("[{embedding: {vocabulary: 9, units: 2}}, {flatten: {}}, {dense: 6}]", [6], "reads tokens"),
        ("[{sequence: {}}, {reproduce: [{dense: 2}]}]", [2, 3], "end it with flatten"),
    ])
    func modelsThatDoNotFitAreRefusedInOneLine(layers: String, shape: [Int], words: String) throws {
        let model = try Model(
            ModelSpec(json5("{layers: \(layers)}"), path: "task.model"), inputShape: shape)
        let options = try TrainingOptions(json5(Self.options), path: "t")
        for targets in Self.targets {
            let error = try #require(throws: ConfigurationError.self) {
                _ = try Evaluator(model: model, options: options, targets: targets)
            }
            #expect(error.path == "task.model" && error.problem.contains(words), "\(error)")
            #expect(!error.problem.contains("\n"))
        }
    }

    @Test func aPresetIsRefusedWithoutALayer() throws {
        let error = try #require(throws: ConfigurationError.self) { _ = try autoencoder([4], hidden: "[]") }
        #expect(error.path == "task.model.hidden")
    }

    /// The bound of a diverging run follows the features, not the targets.
    @Test(arguments: [Float(0.1), 1, 1e4]) func theFeaturesSetTheScaleOfALoss(size: Float) throws {
        let data = Examples(
            count: 2, featureShape: [2], features: .floats([size, -size, size, size]),
            targets: .classes([0, 1], count: 2))
        let square = Double(size) * Double(size)
        #expect(abs(Reconstruction.lossOfZeros(data) - square) < 1e-6 * square)
        let plausible = PlausibleLoss(data, Reconstruction())
        #expect(!plausible.isExceeded(by: 10 * square) && plausible.isExceeded(by: 1e3 * max(1, square)))
        let pixels = Examples(
            count: 1, featureShape: [2], features: .bytes([30, 40], scale: 0.1),
            targets: .values([], width: 0))
        #expect(abs(Reconstruction.lossOfZeros(pixels) - 12.5) < 1e-5)
    }
}
