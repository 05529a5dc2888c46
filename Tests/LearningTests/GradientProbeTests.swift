import Compute
import Configuration
import Foundation
import Testing

@testable import Learning

/// Gradients by the inputs against central differences of the loss.
@Suite struct GradientProbeTests {
    private static let options = try? TrainingOptions(json5("{}"), path: "training")

    private static let models: [(String, [Int])] = [
        ("[{dense: 5}, {tanh: {}}, {dense: 3}]", [4]),
        ("[{flatten: {}}, {dense: 6}, {relu: {}}, {dense: 3}, {softmax: {}}]", [2, 3]),
        (
            "[{conv2d: {channels: 2, kernel: 3}}, {sigmoid: {}}, {max_pool: 2}, {flatten: {}}, {dense: 3}]",
            [1, 6, 6]
        ),
        ("[{residual: [{dense: 4}, 'tanh']}, {dense: 3}]", [4]),
    ]

    @Test(arguments: models) func inputGradientsAreThoseOfTheLoss(_ layers: String, _ shape: [Int]) throws {
        let model = try testModel(layers, shape)
        let width = shape.reduce(1, *)
        let probe = try GradientProbe(
            model: model, options: #require(Self.options), targets: .classes([2, 0], count: 3), count: 2)
        var random = SeededGenerator(seed: 5, purpose: .test)
        let inputs = (0..<2 * width).map { _ in bell(&random) }
        var weights = perturbed(model.initialParameters(seed: 3).values, seed: 4)
        var gradient = [Float](repeating: 0, count: weights.count)
        func loss(_ values: [Float]) -> Double {
            _ = probe.inputs.update(fromContentsOf: values)
            return weights.withUnsafeMutableBufferPointer { weights in
                gradient.withUnsafeMutableBufferPointer { probe.differentiate(weights, into: $0) }
            }
        }
        _ = loss(inputs)
        let both = Array(probe.inputGradient)
        _ = weights.withUnsafeMutableBufferPointer { probe.differentiateInputs($0) }
        #expect(Array(probe.inputGradient) == both)
        var (error, size) = (0.0, 0.0)
        for index in inputs.indices {
            let step: Float = 5e-3
            var (ahead, behind) = (inputs, inputs)
            ahead[index] += step
            behind[index] -= step
            let numeric = (loss(ahead) - loss(behind)) / Double(ahead[index] - behind[index])
            error += (numeric - Double(both[index])) * (numeric - Double(both[index]))
            size += numeric * numeric
        }
        #expect(size > 0 && error < 4e-4 * size, "\(layers): \((error / size).squareRoot())")
    }

    /// The parameters' gradient is the trainer's own, bit for bit.
    @Test func parameterGradientsAreThoseOfTraining() throws {
        let model = try testModel(Self.models[0].0, Self.models[0].1)
        let data = randomExamples(count: 3, shape: [4], classes: 3, seed: 8)
        let probe = try GradientProbe(
            model: model, options: #require(Self.options), targets: data.targets, count: 3)
        guard case .floats(let values) = data.features else { return #expect(Bool(false), "no floats") }
        _ = probe.inputs.update(fromContentsOf: values)
        var weights = model.initialParameters(seed: 3).values
        let expected = try gradient(model, #require(Self.options), weights, data)
        var found = [Float](repeating: .nan, count: weights.count)
        weights.withUnsafeMutableBufferPointer { weights in
            found.withUnsafeMutableBufferPointer { _ = probe.differentiate(weights, into: $0) }
        }
        #expect(found == expected)
    }

    @Test(arguments: [
        ("[{dense: 3}]", [4], "{}", false), ("[{dropout: 0.5}, {dense: 3}]", [4], "{}", true),
        ("[{embedding: {vocabulary: 9, units: 2}}, {flatten: {}}, {dense: 3}]", [4], "{}", true),
        ("[{dense: 4}]", [4], "{loss: 'reconstruction'}", true),
    ]) func obstaclesAreTold(_ layers: String, _ shape: [Int], _ options: String, _ isThere: Bool) throws {
        let model = try testModel(layers, shape)
        let options = try TrainingOptions(json5(options), path: "training")
        let loss = options.loss ?? SoftmaxCrossEntropy()
        #expect((GradientProbe.obstacle(model, loss) != nil) == isThere)
    }

    @Test(arguments: [
        ("[{dense: 5}, {relu: {}}, {dense: 3}]", [4], 0..<20, 20..<25, 25..<40, 40..<43),
        (
            "[{flatten: {}}, {dense: 5}, {relu: {}}, {dense: 3}, {softmax: {}}]", [2, 2], 0..<20, 20..<25,
            25..<40, 40..<43
        ),
    ]) func endsAreFound(
        _ layers: String, _ shape: [Int], _ firstWeight: Range<Int>, _ firstBias: Range<Int>,
        _ lastWeight: Range<Int>, _ lastBias: Range<Int>
    ) throws {
        let model = try testModel(layers, shape)
        #expect(model.firstDense == DenseEnd(weight: firstWeight, bias: firstBias, inputs: 4))
        #expect(model.lastDense == DenseEnd(weight: lastWeight, bias: lastBias, inputs: 5))
    }

    @Test func endsWithoutABiasAreNone() throws {
        let model = try testModel(
            "[{dense: {units: 5, bias: false}}, {dense: {units: 3, layout: 'in_out'}}]", [4])
        #expect(model.firstDense == nil && model.lastDense == nil)
    }
}

/// Log-odds of examples' own classes.
@Suite struct MarginTests {
    /// From the scores in closed form, also where probabilities round to 0 and 1.
    @Test(arguments: [Float(1), 300]) func marginsFollowFromTheScores(_ scale: Float) throws {
        let model = try testModel("[{dense: {units: 3, bias: false}}, {softmax: {}}]", [3])
        let weights: [Float] = [scale, 0, 0, 0, scale, 0, 0, 0, scale]
        let examples = Examples(
            count: 3, featureShape: [3], features: .floats([2, 0, -1, 2, 0, -1, 2, 0, -1]),
            targets: .classes([0, 1, 2], count: 3))
        let evaluator = try Evaluator(
            model: model, options: TrainingOptions(json5("{}"), path: "t"), targets: examples.targets)
        let found = evaluator.margins(weights, on: examples)
        let scores = [2, 0, -1].map { Double(scale) * $0 }
        for label in 0..<3 {
            let others = (0..<3).filter { $0 != label }.map { scores[$0] }
            let greatest = others.max() ?? 0
            let sum = others.reduce(0.0) { $0 + exp($1 - greatest) }
            #expect(abs(found[label] - (scores[label] - greatest - log(sum))) < 1e-4 * Double(scale))
        }
        #expect(evaluator.tellsClasses && found.allSatisfy(\.isFinite))
    }

    @Test func oneOutputTellsTwoClasses() throws {
        let model = try testModel("[{dense: 1}]", [1])
        let examples = Examples(
            count: 2, featureShape: [1], features: .floats([3, 3]), targets: .classes([0, 1], count: 2))
        let evaluator = try Evaluator(
            model: model, options: TrainingOptions(json5("{}"), path: "t"), targets: examples.targets)
        #expect(evaluator.margins([2, -1], on: examples) == [-5, 5])
    }
}
