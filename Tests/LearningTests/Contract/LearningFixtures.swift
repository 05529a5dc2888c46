import Compute
import Configuration

@testable import Learning

/// Reads JSON5 written in a test.
func json5(_ text: String) throws -> JSONValue { try JSONValue(json5: text.utf8, source: "test") }

/// The model of a list of layers, and whatever keys stand behind it, with random values for what is frozen.
func testModel(_ layers: String, _ shape: [Int]) throws -> Model {
    let model = try Model(ModelSpec(json5("{layers: \(layers)}"), path: "m"), inputShape: shape)
    guard model.frozenLayout.count > 0 else { return model }
    return model.with(frozen: FrozenParameters(model.initial(seed: 7).frozen))
}

/// Gaussian-like features with random classes.
func randomExamples(count: Int, shape: [Int], classes: Int, seed: UInt64) -> Examples {
    var random = SeededGenerator(seed: seed, purpose: .test, client: 1)
    let features = (0..<(count * shape.reduce(1, *))).map { _ in bell(&random) }
    let labels = (0..<count).map { _ in Int32(random.index(below: classes)) }
    return Examples(
        count: count, featureShape: shape, features: .floats(features),
        targets: .classes(labels, count: classes))
}

extension Examples {
    /// The same targets beside random tokens.
    func withTokens(vocabulary: Int, seed: UInt64) -> Examples {
        var random = SeededGenerator(seed: seed, purpose: .test, client: 4)
        let tokens = (0..<(count * featureCount)).map { _ in Int32(random.index(below: vocabulary)) }
        return Examples(
            count: count, featureShape: featureShape, features: .tokens(tokens, vocabulary: vocabulary),
            targets: targets)
    }
}

/// Random tokens with a random target at each position, every third of them none.
func randomSequences(count: Int, length: Int, vocabulary: Int, seed: UInt64) -> Examples {
    var random = SeededGenerator(seed: seed, purpose: .test, client: 5)
    let targets = (0..<(count * length)).map { place in
        place % 3 == 1 ? -1 : Int32(random.index(below: vocabulary))
    }
    return Examples(
        count: count, featureShape: [length], features: .floats([Float](repeating: 0, count: count * length)),
        targets: .tokens(targets, length: length, classes: vocabulary)
    ).withTokens(vocabulary: vocabulary, seed: seed)
}

/// Gaussian-like features with random target values, 0 or 1 where `binary`.
func randomExamples(count: Int, shape: [Int], valueWidth: Int, binary: Bool = false, seed: UInt64) -> Examples
{
    var random = SeededGenerator(seed: seed, purpose: .test, client: 2)
    let features = (0..<(count * shape.reduce(1, *))).map { _ in bell(&random) }
    let values = (0..<(count * valueWidth)).map { _ in
        binary ? Float(random.index(below: 2)) : 2 * bell(&random)
    }
    return Examples(
        count: count, featureShape: shape, features: .floats(features),
        targets: .values(values, width: valueWidth))
}

/// A number of mean 0 and variance 1, nearly normal.
func bell(_ random: inout SeededGenerator) -> Float {
    (0..<12).reduce(Float(-6)) { sum, _ in sum + random.uniform() }
}

/// `values` with noise on each, so that no bias is exactly 0 and no gain exactly 1.
func perturbed(_ values: [Float], seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed, purpose: .test, client: 3)
    return values.map { $0 + 0.1 * bell(&random) }
}

/// values + step · direction.
func moved(_ values: [Float], _ direction: [Float], by step: Float) -> [Float] {
    zip(values, direction).map { $0 + step * $1 }
}

/// The gradient of the mean loss over all of `data`.
func gradient(
    _ model: Model, _ options: TrainingOptions, _ parameters: [Float], _ data: Examples
) throws -> [Float] {
    try fullBatch(model, options, parameters, data).gradient
}

/// The mean loss over all of `data`, with the same drop-out masks as ``gradient(_:_:_:_:)``.
func meanLoss(
    _ model: Model, _ options: TrainingOptions, _ parameters: [Float], _ data: Examples
) throws -> Double {
    try fullBatch(model, options, parameters, data).outcome.meanLoss
}

/// The error of the analytic gradient against central differences along random directions, relative to its size;
/// infinite where the gradient is zero everywhere, which no difference would show.
func relativeGradientError(model: Model, loss: String, seed: UInt64) throws -> Double {
    let options = try TrainingOptions(json5("{batch_size: 4, loss: \"\(loss)\"}"), path: "training")
    let table =
        model.outputCount > 1 && loss != "huber"
        ? randomExamples(count: 9, shape: model.inputShape, classes: model.outputCount, seed: seed)
        : randomExamples(
            count: 9, shape: model.inputShape, valueWidth: model.outputCount,
            binary: loss == "binary_cross_entropy", seed: seed)
    let data = model.vocabulary.map { table.withTokens(vocabulary: $0, seed: seed) } ?? table
    return try relativeGradientError(model: model, options: options, data: data, seed: seed)
}

/// The same on examples of one's own.
func relativeGradientError(
    model: Model, options: TrainingOptions, data: Examples, seed: UInt64
) throws -> Double {
    let parameters = perturbed(model.initialParameters(seed: seed).values, seed: seed + 10)
    let analytic = try gradient(model, options, parameters, data)
    guard analytic.contains(where: { $0 != 0 }) else { return .infinity }
    var random = SeededGenerator(seed: seed, purpose: .test)
    var (error, size) = (0.0, 0.0)
    for _ in 0..<24 {
        let direction = (0..<parameters.count).map { _ in random.uniform() * 2 - 1 }
        let step: Float = 8e-3 / Float(parameters.count).squareRoot()
        let ahead = try meanLoss(model, options, moved(parameters, direction, by: step), data)
        let behind = try meanLoss(model, options, moved(parameters, direction, by: -step), data)
        let numeric = (ahead - behind) / (2 * Double(step))
        let exact = zip(direction, analytic).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        error += (numeric - exact) * (numeric - exact)
        size += exact * exact
    }
    return (error / size).squareRoot()
}

private func fullBatch(
    _ model: Model, _ options: TrainingOptions, _ parameters: [Float], _ data: Examples
) throws -> (gradient: [Float], outcome: TrainingOutcome) {
    var parameters = parameters
    var output = [Float](repeating: .nan, count: parameters.count)
    let indices = (0..<Int32(data.count)).map { $0 }
    let outcome = try parameters.withUnsafeMutableBufferPointer { parameters in
        try output.withUnsafeMutableBufferPointer { output in
            try indices.withUnsafeBufferPointer { indices in
                try LocalTrainer(model: model, options: options).gradient(
                    of: parameters, on: data, indices: indices, stream: TrainingStream(seed: 1), into: output)
            }
        }
    }
    return (output, outcome)
}
