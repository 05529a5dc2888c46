import Compute
import Configuration
import Foundation
import Learning

/// A model whose steps are measured, on made-up data.
struct StepWorkload: Sendable {
    /// What an example is.
    enum Data: Sendable {
        /// Bytes in [channels, height, width], one of ten classes.
        case images([Int])
        /// As many tokens of a vocabulary, and the next at each position.
        case text(length: Int, vocabulary: Int)
    }

    /// What the figure is called, behind `training/`.
    let name: String
    /// The model as a configuration has it.
    let model: String
    let data: Data
    let batch: Int
    /// Steps of a turn: enough for a median, and no more than a second or two.
    let steps: Int
    /// Whether the step with per-example clipping is measured beside it.
    var isAlsoPrivate = false
    /// Whether it is measured with `--large` alone.
    var isLarge = false

    /// Every workload, one line an entry. Sequences of `char-gpt` and `gpt2` have 128 tokens, the others 80.
    static let all: [StepWorkload] = [
        StepWorkload(
            name: "cnn-batch-10", model: "{preset: 'cnn', classes: 10}", data: .images([1, 28, 28]),
            batch: 10, steps: 10, isAlsoPrivate: true),
        StepWorkload(
            name: "cnn-batch-50", model: "{preset: 'cnn', classes: 10}", data: .images([1, 28, 28]),
            batch: 50, steps: 4, isAlsoPrivate: true),
        StepWorkload(
            name: "resnet-8-batch-10", model: "{preset: 'resnet', depth: 8, classes: 10}",
            data: .images([3, 32, 32]), batch: 10, steps: 8),
        StepWorkload(
            name: "resnet-18-batch-10", model: "{preset: 'resnet', depth: 18, classes: 10}",
            data: .images([3, 32, 32]), batch: 10, steps: 2),
        StepWorkload(
            name: "char-lstm-batch-10", model: "{preset: 'char-lstm', vocabulary: 80}",
            data: .text(length: 80, vocabulary: 80), batch: 10, steps: 4, isAlsoPrivate: true),
        StepWorkload(
            name: "gru-text-batch-10", model: "{preset: 'gru-text', vocabulary: 80}",
            data: .text(length: 80, vocabulary: 80), batch: 10, steps: 8),
        StepWorkload(
            name: "char-gpt-batch-10", model: "{preset: 'char-gpt', vocabulary: 80}",
            data: .text(length: 128, vocabulary: 80), batch: 10, steps: 3, isAlsoPrivate: true),
        StepWorkload(
            name: "char-gpt-batch-32", model: "{preset: 'char-gpt', vocabulary: 80}",
            data: .text(length: 128, vocabulary: 80), batch: 32, steps: 2),
        StepWorkload(
            name: "gpt2-124m-batch-1", model: "{preset: 'gpt2'}",
            data: .text(length: 128, vocabulary: 50257), batch: 1, steps: 1, isLarge: true),
        StepWorkload(
            name: "gpt2-124m-lora-batch-1",
            model: "{preset: 'gpt2', adapters: {rank: 8, targets: ['*.c_attn']}}",
            data: .text(length: 128, vocabulary: 50257), batch: 1, steps: 1, isLarge: true),
    ]

    /// The model, with frozen parameters where it has any, and what it starts from. Throws `ConfigurationError`.
    func start() throws -> (model: Model, parameters: [Float]) {
        let shape =
            switch data {
            case .images(let shape): shape
            case .text(let length, _): [length]
            }
        let json = try JSONValue(json5: Foundation.Data(model.utf8), source: name)
        let model = try Model(ModelSpec(json, path: "model"), inputShape: shape)
        let (trained, frozen, _) = model.initial(seed: 1)
        let whole = frozen.values.isEmpty ? model : model.with(frozen: FrozenParameters(frozen))
        return (whole, trained.values)
    }

    /// `count` random examples.
    func examples(_ count: Int) -> Examples {
        var random = SeededGenerator(seed: 2, purpose: .test)
        func numbers(_ count: Int, below limit: Int) -> [Int32] {
            (0..<count).map { _ in Int32(random.index(below: limit)) }
        }
        switch data {
        case .images(let shape):
            let pixels = numbers(count * shape.reduce(1, *), below: 256).map { UInt8($0) }
            return Examples(
                count: count, featureShape: shape, features: .bytes(pixels, scale: 1 / 255),
                targets: .classes(numbers(count, below: 10), count: 10))
        case .text(let length, let vocabulary):
            return Examples(
                count: count, featureShape: [length],
                features: .tokens(numbers(count * length, below: vocabulary), vocabulary: vocabulary),
                targets: .tokens(
                    numbers(count * length, below: vocabulary), length: length, classes: vocabulary))
        }
    }
}
