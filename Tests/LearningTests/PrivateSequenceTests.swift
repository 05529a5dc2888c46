import Compute
import Configuration
import Testing

@testable import Learning

/// Takes all examples in each step, adds nothing, and remembers the sums.
private final class Listener: GradientPrivatizer {
    private(set) var sums: [[Float]] = []

    func secretSeed() -> UInt64 { 1 }
    func nextBatch(of count: Int, into positions: UnsafeMutableBufferPointer<Int32>) -> Int {
        for position in 0..<count { positions[position] = Int32(position) }
        return count
    }
    func privatize(sum: UnsafeMutableBufferPointer<Float>) { sums.append(Array(sum)) }
}

/// Clipped sums of models on sequences against gradients of single examples, clipped one by one.
@Suite struct PrivateSequenceTests {
    static let count = 7
    static let lengths: [Int32] = [5, 2, 6, 1, 6, 3, 4]
    /// Numbers: norms from products of positions, from the gradients themselves, and with tensors that stay.
    static let models =
        ["rnn", "gru", "lstm"].flatMap { kind in
            [
                "layers: [{sequence: {}}, {\(kind): {units: 20, layers: 2, output: 'last'}}, {dense: 3}]",
                "layers: [{sequence: {}}, {\(kind): {units: 2, layers: 2}}, 'mean_over_time', {dense: 3}]",
            ]
                + ["*ih*", "*hh*", "*weight*", "*bias*"].flatMap { pattern in
                    [2, 12].map { units in
                        "layers: [{sequence: {}}, {\(kind): {units: \(units), output: 'last'}}, {dense: 3}], "
                            + "freeze: ['1.\(pattern)']"
                    }
                }
        } + ["layers: [{sequence: {}}, {positions: 8}, {tanh: {}}, 'last_position', {dense: 3}]"]

    @Test(arguments: models, [0.05, 1e6]) func clippedSumsEqualTheNaiveOracle(model: String, norm: Double)
        throws
    {
        let all = randomExamples(count: Self.count, shape: [6, 3], classes: 3, seed: 3)
        try compare(
            model, norm: norm,
            Examples(
                count: all.count, featureShape: all.featureShape, features: all.features,
                targets: all.targets, lengths: Self.lengths))
    }

    /// Tokens with a target at each position; five of six tokens mean that most examples have some twice.
    @Test(
        arguments: [
            "{embedding: {vocabulary: 5, units: 4}}, {positions: 6}, {gru: 6}, {dense: 5}",
            "{embedding: {vocabulary: 5, units: 4, sharing: 'table'}}, {lstm: 4}, "
                + "{dense: {units: 5, sharing: 'table'}}",
        ], [0.05, 1e6])
    func clippedSumsOfTokensEqualTheNaiveOracle(layers: String, norm: Double) throws {
        let all = randomSequences(count: Self.count, length: 6, vocabulary: 5, seed: 2)
        try compare(
            "layers: [\(layers)]", norm: norm,
            Examples(
                count: all.count, featureShape: all.featureShape, features: all.features,
                targets: all.targets, lengths: Self.lengths))
    }

    /// A table of 40 tokens by 48 units at both ends, whose gradient is never formed.
    @Test(
        arguments: [
            "{embedding: {vocabulary: 40, units: 48, sharing: 'table'}}, {positions: 12}, {tanh: {}}, "
                + "{dense: {units: 40, bias: false, sharing: 'table'}}",
            "{embedding: {vocabulary: 40, units: 48, sharing: 'table'}}, {gru: 48}, "
                + "{dense: {units: 40, bias: false, sharing: 'table'}}",
        ], [0.05, 1e6])
    func clippedSumsOfTiedTablesEqualTheNaiveOracle(layers: String, norm: Double) throws {
        let all = randomSequences(count: Self.count, length: 12, vocabulary: 40, seed: 2)
        let lengths: [Int32] = [12, 2, 6, 1, 11, 3, 9]
        let data = Examples(
            count: all.count, featureShape: all.featureShape, features: all.features, targets: all.targets,
            lengths: lengths)
        #expect(TiedTable(try model("layers: [\(layers)]", data).model.nodes) != nil)
        try compare("layers: [\(layers)]", norm: norm, data)
    }

    /// An example that overflows adds nothing, and nothing of it reaches its neighbours.
    @Test(arguments: ["rnn", "gru", "lstm"]) func anUnfiniteExampleAddsNothing(kind: String) throws {
        let text = "layers: [{sequence: {}}, {\(kind): {units: 5, layers: 2, output: 'last'}}, {dense: 3}]"
        let all = randomExamples(count: Self.count, shape: [6, 3], classes: 3, seed: 3)
        guard case .floats(var features) = all.features else { return }
        features[3 * 18 + 4] = .nan
        let spoilt = Examples(
            count: all.count, featureShape: all.featureShape, features: .floats(features),
            targets: all.targets)
        let found = try clippedSum(text, norm: 0.3, spoilt)
        var expected = [Double](repeating: 0, count: found.count)
        for example in 0..<Self.count where example != 3 {
            for (place, value) in try clippedSum(text, norm: 0.3, only(all, example)).enumerated() {
                expected[place] += Double(value)
            }
        }
        for (found, wanted) in zip(found, expected) { #expect(abs(Double(found) - wanted) < 1e-5) }
    }

    /// Values a million times the gradient cancel in it: neither the norm's rounding nor the sum's may let an example
    /// add more than the norm.
    @Test(
        arguments: [
            "{sequence: {}}, {dense: 16}, 'mean_over_time', {dense: 3}",
            "{sequence: {}}, {dense: {units: 2, bias: false}}, 'mean_over_time', {dense: 3}",
            "{sequence: {}}, {conv1d: {channels: 16, kernel: 1}}, 'mean_over_time', {dense: 3}",
            "{sequence: {}}, {conv1d: {channels: 96, kernel: 3}}, 'mean_over_time', {dense: 3}",
        ], [1e3, 1e5, 1e7])
    func whatCancelsIsClippedToo(layers: String, size: Double) throws {
        let (positions, width, norm) = (4, 16, 0.25)
        for seed in 1...10 {
            let drawn = randomExamples(
                count: 1, shape: [positions, width], classes: 3, seed: UInt64(seed))
            guard case .floats(var features) = drawn.features else { return }
            for column in 0..<width {
                var sum: Float = 0
                for position in 0..<(positions - 1) {
                    features[position * width + column] *= Float(size)
                    sum += features[position * width + column]
                }
                features[(positions - 1) * width + column] -= sum
            }
            let data = Examples(
                count: 1, featureShape: [positions, width], features: .floats(features),
                targets: drawn.targets)
            let found = try clippedSum("layers: [\(layers)]", norm: norm, data)
            let length = found.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            #expect(length <= norm)
        }
    }

    private func compare(_ text: String, norm: Double, _ data: Examples) throws {
        let found = try clippedSum(text, norm: norm, data)
        let (model, parameters) = try model(text, data)
        let options = try TrainingOptions(json5("{batch_size: 4}"), path: "t")
        let limit = norm * (1 - PrivateDescent.clippingMargin)
        var expected = [Double](repeating: 0, count: parameters.count)
        for example in 0..<data.count {
            let single = try gradient(model, options, parameters, only(data, example))
            let length = single.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            for place in single.indices { expected[place] += min(1, limit / length) * Double(single[place]) }
        }
        let size = expected.reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(size > 0)
        for (found, wanted) in zip(found, expected) { #expect(abs(Double(found) - wanted) < 1e-5 * size) }
    }

    private func model(_ text: String, _ data: Examples) throws -> (model: Model, parameters: [Float]) {
        let bare = try Model(ModelSpec(json5("{\(text)}"), path: "m"), inputShape: data.featureShape)
        let (trained, frozen, _) = bare.initial(seed: 1)
        let model = bare.frozenLayout.count == 0 ? bare : bare.with(frozen: FrozenParameters(frozen))
        return (model, perturbed(trained.values, seed: 2))
    }

    /// What the privatizer is given of all examples, in batches of an arena of four.
    private func clippedSum(_ text: String, norm: Double, _ data: Examples) throws -> [Float] {
        var (model, parameters) = try model(text, data)
        var options = try TrainingOptions(json5("{batch_size: 4}"), path: "t")
        options.learningRate = 1e-30
        let listener = Listener()
        let indices = (0..<Int32(data.count)).map { $0 }
        _ = try parameters.withUnsafeMutableBufferPointer { parameters in
            try indices.withUnsafeBufferPointer { indices in
                try LocalTrainer(model: model, options: options, privately: true).trainPrivately(
                    parameters, on: data, indices: indices, stream: TrainingStream(seed: 1),
                    plan: PrivateTrainingPlan(clippingNorm: norm, steps: 1, expectedBatchSize: 4),
                    privatizer: listener)
            }
        }
        return try #require(listener.sums.first)
    }

    private func only(_ data: Examples, _ index: Int) -> Examples {
        let width = data.featureCount
        let features: Examples.Features =
            switch data.features {
            case .floats(let values): .floats(Array(values[index * width..<(index + 1) * width]))
            case .tokens(let values, let vocabulary):
                .tokens(Array(values[index * width..<(index + 1) * width]), vocabulary: vocabulary)
            case .bytes: data.features
            }
        let targets: Examples.Targets =
            switch data.targets {
            case .classes(let labels, let count): .classes([labels[index]], count: count)
            case .tokens(let values, let length, let classes):
                .tokens(
                    Array(values[index * length..<(index + 1) * length]), length: length, classes: classes)
            case .values: data.targets
            }
        return Examples(
            count: 1, featureShape: data.featureShape, features: features, targets: targets,
            lengths: data.lengths.map { [$0[index]] })
    }
}
