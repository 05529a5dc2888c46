import Compute
import Configuration
import Testing

@testable import Learning

/// Gradients against central differences, over random networks, layers and losses.
@Suite struct GradientTests {
    /// One network with each kind of layer in a position where its parameters and its delta both matter.
    static let networks: [(layers: String, shape: [Int])] = [
        ("[{dense: 7}, {relu: {}}, {dense: OUT}]", [5]),
        ("[{dense: 6}, {leaky_relu: 0.1}, {dense: OUT}]", [3, 4]),
        ("[{dense: 8}, {sigmoid: {}}, {dense: OUT}]", [6]),
        ("[{dense: 5}, {tanh: {}}, {dense: OUT}]", [9]),
        ("[{dense: 9}, {gelu: {}}, {dense: OUT}]", [4]),
        ("[{dense: 6}, {softmax: {}}, {dense: OUT}]", [4]),
        ("[{dense: 8}, {layer_norm: {}}, {tanh: {}}, {dense: {units: OUT, bias: false}}]", [7]),
        ("[{layer_norm: {}}, {flatten: {}}, {dense: 5}, {gelu: {}}, {dense: OUT}]", [2, 3]),
        ("[{dense: 10}, {dropout: 0.4}, {tanh: {}}, {dense: OUT}]", [6]),
        ("[{dense: OUT}]", [11]),
    ]

    @Test(arguments: networks.indices, LossCatalog.all.map { $0.name })
    func analyticGradientEqualsCentralDifference(network: Int, loss: String) throws {
        let (layers, shape) = Self.networks[network]
        let outputs =
            switch loss {
            case "binary_cross_entropy": 1
            case "reconstruction": shape.reduce(1, *)
            default: 3
            }
        let model = try Model(
            ModelSpec(json5("{layers: \(layers.replacing("OUT", with: "\(outputs)"))}"), path: "model"),
            inputShape: shape)
        #expect(try relativeGradientError(model: model, loss: loss, seed: UInt64(network) + 1) < 1e-3)
    }

    @Test(arguments: [("softmax", "softmax_cross_entropy", 3), ("sigmoid", "binary_cross_entropy", 1)])
    func finalActivationIsPartOfTheCrossEntropy(kind: String, loss: String, outputs: Int) throws {
        let layers = "[{dense: 6}, {tanh: {}}, {dense: \(outputs)}, {\(kind): {}}]"
        let model = try Model(ModelSpec(json5("{layers: \(layers)}"), path: "model"), inputShape: [4])
        #expect(try relativeGradientError(model: model, loss: loss, seed: 3) < 1e-3)
    }

    @Test(arguments: ["sigmoid", "softmax", "tanh"])
    func finalActivationUnderSquaredError(kind: String) throws {
        let model = try Model(
            ModelSpec(json5("{layers: [{dense: 4}, {tanh: {}}, {dense: 3}, {\(kind): {}}]}"), path: "model"),
            inputShape: [4])
        #expect(try relativeGradientError(model: model, loss: "mse", seed: 4) < 1e-3)
    }

    @Test func regularisationIsPartOfTheGradient() throws {
        let model = try Model(
            ModelSpec(json5("{layers: [{dense: 4}, {tanh: {}}, {dense: 3}]}"), path: "model"), inputShape: [5]
        )
        let options = try TrainingOptions(json5("{batch_size: 3, l1: 0.01, l2: 0.1}"), path: "training")
        let plain = try TrainingOptions(json5("{batch_size: 3}"), path: "training")
        let data = randomExamples(count: 8, shape: [5], classes: 3, seed: 5)
        let parameters = perturbed(model.initialParameters(seed: 6).values, seed: 7)
        let full = try gradient(model, options, parameters, data)
        let bare = try gradient(model, plain, parameters, data)
        for entry in model.layout.entries {
            let isWeight = entry.name.hasSuffix("weight")
            for index in entry.range {
                let w = parameters[index]
                let extra: Float = isWeight ? 0.1 * w + 0.01 * (w > 0 ? 1 : -1) : 0
                #expect(abs(full[index] - bare[index] - extra) < 1e-5)
            }
        }
    }
}
