import Compute
import Configuration
import Testing

@testable import Learning

/// Models of convolutions: the published sizes, what they refuse, and lengths of sequences.
@Suite struct ImageModelTests {
    /// McMahan et al. 2017, section 3, states the first; the others are PyTorch's for the same layers.
    @Test(arguments: [
        ("{preset: 'cnn', classes: 10}", [28, 28], 1_663_370),
        ("{preset: 'cnn', classes: 10}", [1, 28, 28], 1_663_370),
        ("{preset: 'resnet', depth: 8, classes: 10}", [3, 32, 32], 77_850),
        ("{preset: 'resnet', depth: 18, classes: 10}", [3, 32, 32], 11_172_170),
    ])
    func presetsHaveThePublishedSizes(text: String, shape: [Int], parameters: Int) throws {
        let model = try Model(ModelSpec(json5(text), path: "model"), inputShape: shape)
        #expect(model.layout.count == parameters && model.outputCount == 10)
    }

    @Test(arguments: [
        ("{conv2d: {channels: 2, kernel: 3}}", [9], "needs images"),
        ("{conv2d: {channels: 2, kernel: 3}}", [1, 2, 9], "does not fit on 2"),
        ("{conv2d: {channels: 2, kernel: 3, groups: 2}}", [3, 9, 9], "do not divide the input's 3 channels"),
        ("{conv2d: {channels: 1048576, kernel: 1000}}", [999, 1000, 1000], "more than 2^30"),
        ("{conv1d: {channels: 2, kernel: 3}}", [9], "needs sequences"),
        ("{conv1d: {channels: 2, kernel: 12}}", [9, 2], "does not fit on 9"),
        ("{max_pool: 3}", [1, 2, 2], "does not fit on 2"),
        ("{average_pool: 2}", [7], "needs images"),
        ("{global_average_pool: {}}", [7], "needs images"),
        ("{group_norm: 2}", [3, 4, 4], "do not divide 3 channels"),
        ("{group_norm: 4}", [4, 1, 1], "at least 2 values"),
    ])
    func shapesThatDoNotFitAreRefusedByLayer(text: String, shape: [Int], problem: String) throws {
        let spec = try ModelSpec(json5("{layers: [\(text)]}"), path: "model")
        let error = #expect(throws: ConfigurationError.self) { try Model(spec, inputShape: shape) }
        #expect(error?.problem.contains(problem) == true, "\(String(describing: error))")
        #expect(error?.problem.contains("layer 0") == true)
    }

    @Test(arguments: [
        ("{conv2d: {kernel: 3}}", "channels", "is missing"),
        ("{conv2d: {channels: 3}}", "kernel", "is missing"),
        ("{conv2d: {channels: 3, kernel: [3, 3, 3]}}", "kernel", "or 2 of them"),
        ("{conv2d: {channels: 3, kernel: [3, 0]}}", "kernel", "whole numbers from 1"),
        ("{conv2d: {channels: 3, kernel: 3, groups: 2}}", "groups", "must divide the 3 channels"),
        ("{conv2d: {channels: 3, kernel: 3, stride: 2, padding: 'same'}}", "padding", "stride above 1"),
        ("{conv2d: {channels: 3, kernel: 3, padding: 'valid'}}", "padding", "or \"same\""),
        ("{conv1d: {channels: 3, kernel: 3, stride: 0}}", "stride", "1"),
        ("{max_pool: {kernel: 2, padding: 2}}", "kernel", "twice the padding"),
        ("{max_pool: 17}", "kernel", "at most 256 places"),
        ("{max_pool: {kernel: 2, padding: 'same'}}", "padding", "number of places"),
        ("{group_norm: {}}", "groups", "is missing"),
        ("{preset: 'resnet', depth: 9, classes: 2}", "depth", "8 or 18"),
        ("{preset: 'cnn', channels: [0], classes: 2}", "channels", "above 0"),
        ("{preset: 'sensor-cnn'}", "classes", "is missing"),
    ])
    func argumentsThatMakeNoSenseAreRefusedByPath(text: String, key: String, problem: String) throws {
        let model = text.contains("preset") ? text : "{layers: [\(text)]}"
        let error = #expect(throws: ConfigurationError.self) { try ModelSpec(json5(model), path: "model") }
        #expect(error?.path.hasSuffix(key) == true, "\(String(describing: error))")
        #expect(error?.problem.contains(problem) == true, "\(String(describing: error))")
    }

    /// What lies behind an example's length changes neither the outputs nor a gradient.
    @Test func positionsBehindTheLengthAreNotRead() throws {
        let (time, features, count) = (9, 2, 5)
        let lengths: [Int32] = [9, 4, 1, 8, 6]
        let model = try Model(
            ModelSpec(
                json5("{preset: 'sensor-cnn', channels: [3, 4], kernel: 3, classes: 3}"), path: "model"),
            inputShape: [time, features])
        var random = SeededGenerator(seed: 3, purpose: .test)
        let values = (0..<(count * time * features)).map { _ in 2 * random.uniform() - 1 }
        func examples(behind: Float) -> Examples {
            let filled = values.indices.map { index in
                index / features % time < lengths[index / (time * features)] ? values[index] : behind
            }
            return Examples(
                count: count, featureShape: [time, features], features: .floats(filled),
                targets: .classes([0, 1, 2, 1, 0], count: 3), lengths: lengths)
        }
        let options = try TrainingOptions(json5("{batch_size: 5, learning_rate: 0.5}"), path: "training")
        func trained(on data: Examples) throws -> [Float] {
            var parameters = model.initialParameters(seed: 2).values
            let indices: [Int32] = [0, 1, 2, 3, 4]
            _ = try parameters.withUnsafeMutableBufferPointer { parameters in
                try indices.withUnsafeBufferPointer {
                    try LocalTrainer(model: model, options: options).train(
                        parameters, on: data, indices: $0, stream: TrainingStream(seed: 1), epochs: 1)
                }
            }
            return parameters
        }
        let plain = try trained(on: examples(behind: 0))
        #expect(plain != model.initialParameters(seed: 2).values)
        #expect(try trained(on: examples(behind: 1000)) == plain)
    }
}
