import Compute
import Configuration
import Testing

@testable import Learning

/// What lies behind an example's last position changes nothing: not the loss, not a gradient, not a norm.
@Suite struct SequenceLengthTests {
    static let width = 3
    /// Layers between a sequence of three features and three classes.
    static let bodies =
        ["rnn", "gru", "lstm"].flatMap { kind in
            [
                "{\(kind): {units: 5, layers: 2, output: 'last'}}",
                "{\(kind): {units: 4, layers: 2}}, 'mean_over_time'",
                "{\(kind): 18}, {\(kind): 4}, 'last_position'",
            ]
        } + ["{positions: 9}, 'mean_over_time'", "{positions: 9}, {tanh: {}}, 'last_position'"]

    @Test(arguments: bodies, [[2, 2, 2, 2], [5, 5, 5, 5]])
    func paddingChangesNoGradient(body: String, lengths: [Int32]) throws {
        let short = Int(lengths[0])
        let text = "{layers: [{sequence: {}}, \(body), {dense: 3}]}"
        let options = try TrainingOptions(json5("{batch_size: 4}"), path: "t")
        let whole = try Model(ModelSpec(json5(text), path: "m"), inputShape: [6, Self.width])
        let cut = try Model(ModelSpec(json5(text), path: "m"), inputShape: [short, Self.width])
        #expect(whole.layout == cut.layout)
        let parameters = perturbed(whole.initialParameters(seed: 4).values, seed: 5)
        let padded = Self.examples(time: 6, lengths: lengths)
        let found = try gradient(whole, options, parameters, padded)
        let wanted = try gradient(cut, options, parameters, Self.cut(padded, to: short))
        #expect(wanted.contains { $0 != 0 })
        for (found, wanted) in zip(found, wanted) { #expect(abs(found - wanted) < 1e-6) }
        let losses = (
            try meanLoss(whole, options, parameters, padded),
            try meanLoss(cut, options, parameters, Self.cut(padded, to: short))
        )
        #expect(abs(losses.0 - losses.1) < 1e-6)
    }

    /// The gradient of a batch of unequal lengths is the mean of those of its examples.
    @Test(arguments: bodies) func unequalLengthsDoNotMix(body: String) throws {
        let text = "{layers: [{sequence: {}}, \(body), {dense: 3}]}"
        let options = try TrainingOptions(json5("{batch_size: 4}"), path: "t")
        let model = try Model(ModelSpec(json5(text), path: "m"), inputShape: [6, Self.width])
        let parameters = perturbed(model.initialParameters(seed: 4).values, seed: 5)
        let data = Self.examples(time: 6, lengths: [3, 6, 1, 4])
        let found = try gradient(model, options, parameters, data)
        var sum = [Double](repeating: 0, count: parameters.count)
        for example in 0..<4 {
            let single = try gradient(model, options, parameters, Self.only(data, example))
            for place in sum.indices { sum[place] += Double(single[place]) / 4 }
        }
        for (found, wanted) in zip(found, sum) { #expect(abs(Double(found) - wanted) < 1e-6) }
    }

    /// A token that stands behind the last position, and one that is not there at all, get no gradient.
    @Test func tokensBehindTheLastPositionAreNotLearnt() throws {
        let text = "{layers: [{embedding: {vocabulary: 4, units: 2}}, 'mean_over_time', {dense: 2}]}"
        let model = try Model(ModelSpec(json5(text), path: "m"), inputShape: [3])
        let options = try TrainingOptions(json5("{batch_size: 2}"), path: "t")
        let data = Examples(
            count: 2, featureShape: [3], features: .tokens([1, 1, 3, 0, 2, 3], vocabulary: 4),
            targets: .classes([0, 1], count: 2), lengths: [2, 1])
        let found = try gradient(model, options, model.initialParameters(seed: 1).values, data)
        let rows = (0..<4).map { found[2 * $0..<2 * $0 + 2].contains { $0 != 0 } }
        #expect(rows == [true, true, false, false])
    }

    @Test(arguments: [
        ("{positions: 3}", [4, 2], "a sequence of 4 positions is longer than the model, which has 3"),
        ("{lstm: 3}", [4], "needs a sequence, [time, features], not shape [4]"),
        ("'mean_over_time'", [2, 3, 4], "needs a sequence, [time, features], not shape [2, 3, 4]"),
        ("{embedding: {vocabulary: 3, units: 2}}", [2, 3], "needs a sequence of tokens, [time], not shape"),
    ])
    func anotherShapeIsRefusedInALine(layer: String, shape: [Int], line: String) throws {
        let spec = try ModelSpec(json5("{layers: [\(layer)]}"), path: "model")
        let error = #expect(throws: ConfigurationError.self) { try Model(spec, inputShape: shape) }
        #expect(error?.problem.contains(line) == true, "\(error?.problem ?? "")")
    }

    @Test(arguments: [
        ("{lstm: {layers: 2}}", "units"), ("{gru: {units: 4, output: 'all'}}", "output"),
        ("{rnn: {units: 0}}", "units"), ("{embedding: {units: 4}}", "vocabulary"),
        ("{embedding: {vocabulary: 4}}", "units"), ("{positions: 0}", "length"),
    ])
    func aBadArgumentIsNamed(layer: String, key: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try ModelSpec(json5("{layers: [\(layer)]}"), path: "model")
        }
        #expect(error?.path.hasSuffix(".\(key)") == true, "\(error?.path ?? "")")
    }

    private static func examples(time: Int, lengths: [Int32]) -> Examples {
        let all = randomExamples(count: lengths.count, shape: [time, width], classes: 3, seed: 8)
        return Examples(
            count: all.count, featureShape: all.featureShape, features: all.features, targets: all.targets,
            lengths: lengths)
    }

    private static func floats(_ data: Examples) -> [Float] {
        if case .floats(let values) = data.features { values } else { [] }
    }

    /// The first `time` positions of each example.
    private static func cut(_ data: Examples, to time: Int) -> Examples {
        let (values, all) = (floats(data), data.featureCount)
        return Examples(
            count: data.count, featureShape: [time, width],
            features: .floats((0..<data.count).flatMap { values[$0 * all..<($0 * all + time * width)] }),
            targets: data.targets)
    }

    private static func only(_ data: Examples, _ example: Int) -> Examples {
        guard case .classes(let labels, let count) = data.targets, let lengths = data.lengths else {
            return data
        }
        let all = data.featureCount
        return Examples(
            count: 1, featureShape: data.featureShape,
            features: .floats(Array(floats(data)[example * all..<(example + 1) * all])),
            targets: .classes([labels[example]], count: count), lengths: [lengths[example]])
    }
}
