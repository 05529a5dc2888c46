import Compute
import Configuration
import Foundation
import Testing

@testable import Learning

/// What every preset and every loss promises: an entry without an example fails.
@Suite struct CatalogContractTests {
    /// Presets with the shape of an example and the parameters of the model on it.
    static let presets: [String: (text: String, shape: [Int], parameters: Int, outputs: Int)] = [
        "logistic": ("{preset: 'logistic', classes: 4}", [8], 36, 4),
        "linear": ("{preset: 'linear', outputs: 2}", [8], 18, 2),
        "mlp": ("{preset: 'mlp', hidden: [5, 3], classes: 4, activation: 'gelu', dropout: 0.2}", [8], 79, 4),
        "autoencoder": ("{preset: 'autoencoder', hidden: [5, 2], activation: 'tanh'}", [2, 4], 120, 8),
        "char-lstm": ("{preset: 'char-lstm', vocabulary: 5, embedding: 3, units: 4}", [8], 344, 40),
        "char-gpt": (
            "{preset: 'char-gpt', vocabulary: 5, context: 8, width: 4, depth: 1, heads: 2}", [8], 304, 40
        ),
        "gpt2": ("{preset: 'gpt2', vocabulary: 5, context: 8, width: 4, depth: 1, heads: 2}", [8], 304, 40),
        "bert-classifier": (
            "{preset: 'bert-classifier', vocabulary: 7, context: 8, width: 4, depth: 1, heads: 2, hidden: 6, "
                + "classes: 3}", [8], 265, 3
        ),
        "vit": ("{preset: 'vit', width: 4, depth: 1, heads: 2, classes: 3}", [8, 8], 351, 3),
        "gru-text": ("{preset: 'gru-text', vocabulary: 5, embedding: 3, units: 4}", [8], 148, 40),
        "cnn": (
            "{preset: 'cnn', channels: [2, 3], kernel: 3, hidden: [5], classes: 4, dropout: 0.1, "
                + "activation: 'tanh'}", [6, 6],
            20 + 57 + 20 + 24, 4
        ),
        "resnet": (
            "{preset: 'resnet', classes: 3, activation: 'gelu'}", [1, 4, 4], 77_850 - 2 * 144 - 7 * 65, 3
        ),
        "matrix-factorization": (
            "{preset: 'matrix-factorization', items: 6, factors: 3, local: []}", [1], 18 + 3 + 1 + 6, 1
        ),
        "sensor-cnn": (
            "{preset: 'sensor-cnn', channels: [4, 3], kernel: 3, classes: 2, activation: 'gelu'}", [7, 2],
            28 + 39 + 8, 2
        ),
        "trees": (
            "{preset: 'trees', trees: 3, depth: 2, classes: 3, edges: [0]}", [8], 1 + 9 * (3 + 3 + 7), 3
        ),
    ]

    @Test func everyPresetHasAnExample() {
        let names = PresetCatalog.all.map(\.name)
        #expect(Set(names).count == names.count && Set(names) == Set(Self.presets.keys))
    }

    @Test(arguments: presets.keys.sorted())
    func aPresetIsAModelThatTrainsAndReadsBack(name: String) throws {
        let (text, shape, parameters, outputs) = try #require(Self.presets[name])
        let spec = try ModelSpec(json5(text), path: "model")
        let model = try Model(spec, inputShape: shape)
        #expect(model.layout.count == parameters && model.outputCount == outputs)
        #expect(try ModelSpec(spec.json, path: "model") == spec)
        if model.outputShape.hasTime {
            let data = randomSequences(count: 9, length: 8, vocabulary: outputs / 8, seed: 3)
            let options = try TrainingOptions(json5("{batch_size: 4}"), path: "training")
            #expect(try relativeGradientError(model: model, options: options, data: data, seed: 3) < 2e-3)
        } else {
            #expect(try relativeGradientError(model: model, loss: "mse", seed: 3) < 2e-3)
        }
        // A forest starts without a tree.
        let drawn = model.initialParameters(seed: 1).values
        #expect((drawn == model.initialParameters(seed: 2).values) == (model.forest != nil))
    }

    /// Losses of one output and its target, by hand.
    static let losses: [String: @Sendable (_ outputs: [Double], _ label: Int, _ value: Double) -> Double] = [
        "softmax_cross_entropy": { outputs, label, _ in
            log(outputs.reduce(0) { $0 + exp($1) }) - outputs[label]
        },
        "binary_cross_entropy": { outputs, _, value in
            log(1 + exp(outputs[0])) - value * outputs[0]
        },
        "mse": { outputs, _, value in (outputs[0] - value) * (outputs[0] - value) },
        "huber": { outputs, _, value in
            let distance = abs(outputs[0] - value)
            return distance <= 1 ? distance * distance / 2 : distance - 0.5
        },
        "reconstruction": { outputs, _, feature in (outputs[0] - feature) * (outputs[0] - feature) },
    ]

    @Test func everyLossHasAnExample() {
        let names = LossCatalog.all.map { $0.name }
        #expect(Set(names).count == names.count && Set(names) == Set(Self.losses.keys))
    }

    /// Value against the formula, gradient against differences of the value.
    @Test(arguments: losses.keys.sorted()) func aLossIsItsFormulaAndItsGradient(name: String) throws {
        let type = try #require(LossCatalog.all.first { $0.name == name })
        let loss = try type.init(Section(.object([:]), path: "training"))
        let formula = try #require(Self.losses[name])
        let width = type.readsLabels ? 3 : 1
        for (outputs, label, value) in [
            ([0.3, -0.8, 1.1], 1, 1.0), ([-2.5, 0.4, 0.2], 0, 0.0), ([4, -1, 2], 2, 1.0),
            ([0.1, 0, 0], 2, 0.0),
        ] as [([Float], Int32, Float)] {
            func evaluate(_ outputs: [Float]) -> (loss: Double, delta: [Float]) {
                var delta = [Float](repeating: .nan, count: width)
                var sum = 0.0
                outputs.withUnsafeBufferPointer { outputs in
                    delta.withUnsafeMutableBufferPointer { delta in
                        withUnsafePointer(to: label) { label in
                            withUnsafePointer(to: value) { value in
                                guard let outputs = outputs.baseAddress, let delta = delta.baseAddress else {
                                    return
                                }
                                sum = loss.evaluate(
                                    LossPass(
                                        count: 1, width: width, outputs: outputs, delta: delta, labels: label,
                                        values: value, scale: 2))
                            }
                        }
                    }
                }
                return (sum, delta)
            }
            let outputs = Array(outputs.prefix(width))
            let (found, delta) = evaluate(outputs)
            #expect(abs(found - formula(outputs.map(Double.init), Int(label), Double(value))) < 1e-5)
            for place in 0..<width {
                let step: Float = 1e-2
                var (ahead, behind) = (outputs, outputs)
                ahead[place] += step
                behind[place] -= step
                let numeric = (evaluate(ahead).loss - evaluate(behind).loss) / (2 * Double(step))
                #expect(abs(Double(delta[place]) - 2 * numeric) < 1e-3, "\(name), output \(place)")
            }
        }
    }
}
