import Foundation

@testable import Learning

/// An example of a layer, and what it computes, written for clarity.
struct LayerExample: Sendable {
    /// The layer as a model names it.
    let text: String
    let inputShape: [Int]
    /// Whether the first size is time.
    var hasTime = false
    /// How many tokens there are where the layer reads tokens; ``naive`` gets them as numbers.
    var vocabulary: Int?
    /// The output for one example from its input and the layer's parameters; nil in training too where the layer is
    /// random then.
    let naive: @Sendable (_ input: [Double], _ parameters: [Double]) -> [Double]
    /// Whether training computes the same as evaluation.
    var isDeterministic = true
    /// Whether the output hangs on the layer's parameters.
    var readsParameters = true

    var shape: ActivationShape { ActivationShape(inputShape, hasTime: hasTime) }
}

/// One example at least of every layer: a kind without one fails the contract suite.
enum LayerExamples {
    static let all = [ConvolutionExamples.all, SequenceExamples.all, ForestExamples.all].reduce(basic) {
        $0.merging($1) { $0 + $1 }
    }

    private static let basic: [String: [LayerExample]] = [
        "dense": [
            LayerExample(text: "{dense: 3}", inputShape: [2, 2]) { dense($0, $1, units: 3, hasBias: true) },
            LayerExample(text: "{dense: {units: 5, bias: false}}", inputShape: [7]) {
                dense($0, $1, units: 5, hasBias: false)
            },
            // Positions by positions of inputs and units: norms from the gradient, and from products of positions.
            LayerExample(text: "{dense: 3}", inputShape: [9, 2], hasTime: true) { input, parameters in
                positions(input, 9) { dense($0, parameters, units: 3, hasBias: true) }
            },
            LayerExample(text: "{dense: 8}", inputShape: [2, 9], hasTime: true) { input, parameters in
                positions(input, 2) { dense($0, parameters, units: 8, hasBias: true) }
            },
            LayerExample(
                text: "{dense: {units: 4, layout: 'in_out'}}", inputShape: [3, 5], hasTime: true
            ) { input, parameters in
                let weight: [Double] = (0..<20).map { (place: Int) in parameters[place % 5 * 4 + place / 5] }
                return positions(input, 3) { dense($0, weight + parameters[20...], units: 4, hasBias: true) }
            },
            LayerExample(text: "{dense: {units: 6, parts: ['query', 'key', 'value']}}", inputShape: [5]) {
                dense($0, $1, units: 6, hasBias: true)
            },
        ],
        "relu": [elementwise("{relu: {}}") { max(0, $0) }],
        "leaky_relu": [elementwise("{leaky_relu: 0.2}") { $0 > 0 ? $0 : 0.2 * $0 }],
        "sigmoid": [elementwise("{sigmoid: {}}") { 1 / (1 + exp(-$0)) }],
        "tanh": [elementwise("{tanh: {}}") { tanh($0) }],
        // x Φ(x), Φ the normal distribution (Hendrycks and Gimpel 2016, section 2).
        "gelu": [
            elementwise("{gelu: {}}") { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) },
            // The same paper's approximation.
            elementwise("{gelu: 'tanh'}") {
                0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
            },
        ],
        "silu": [elementwise("{silu: {}}") { $0 / (1 + exp(-$0)) }],
        "swiglu": [
            LayerExample(text: "{swiglu: {}}", inputShape: [6]) { input, _ in swiglu(input) },
            LayerExample(text: "{swiglu: {}}", inputShape: [3, 8], hasTime: true) { input, _ in
                positions(input, 3, swiglu)
            },
        ],
        "rms_norm": [
            LayerExample(text: "{rms_norm: {epsilon: 0.01}}", inputShape: [2, 3]) {
                rmsNorm($0, $1, epsilon: 0.01)
            },
            LayerExample(text: "{rms_norm: {}}", inputShape: [5, 4], hasTime: true) { input, parameters in
                positions(input, 5) { rmsNorm($0, parameters, epsilon: 1e-6) }
            },
        ],
        "attention": AttentionExamples.all,
        "softmax": [
            LayerExample(text: "{softmax: {}}", inputShape: [6]) { input, _ in
                let powers = input.map { exp($0 - (input.max() ?? 0)) }
                return powers.map { $0 / powers.reduce(0, +) }
            }
        ],
        "dropout": [
            LayerExample(
                text: "{dropout: 0.3}", inputShape: [5], naive: { input, _ in input }, isDeterministic: false)
        ],
        "first_position": [
            LayerExample(text: "{first_position: {}}", inputShape: [3, 2]) { input, _ in Array(input[..<2]) }
        ],
        "segment": [
            LayerExample(text: "{segment: 2}", inputShape: [4, 3]) { input, parameters in
                positions(input, 4) { zip($0, parameters).map { $0 + $1 } }
            }
        ],
        // Two channels of 2 × 4 pixels, cut into two squares.
        "patches": [
            LayerExample(text: "{patches: 2}", inputShape: [2, 2, 4]) { input, _ in
                [0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15].map { input[$0] }
            }
        ],
        "sequence": [LayerExample(text: "{sequence: {}}", inputShape: [4, 3]) { input, _ in input }],
        "flatten": [LayerExample(text: "{flatten: {}}", inputShape: [2, 3]) { input, _ in input }],
        "layer_norm": [
            LayerExample(text: "{layer_norm: {epsilon: 0.01}}", inputShape: [2, 3]) {
                layerNorm($0, $1, epsilon: 0.01)
            },
            LayerExample(text: "{layer_norm: {}}", inputShape: [5, 4], hasTime: true) { input, parameters in
                positions(input, 5) { layerNorm($0, parameters, epsilon: 1e-5) }
            },
        ],
    ]

    /// What a function of one position makes of each.
    static func positions(
        _ input: [Double], _ count: Int, _ function: ([Double]) -> [Double]
    ) -> [Double] {
        let width = input.count / count
        return (0..<count).flatMap { function(Array(input[$0 * width..<($0 + 1) * width])) }
    }

    private static func elementwise(
        _ text: String, _ function: @escaping @Sendable (Double) -> Double
    ) -> LayerExample {
        LayerExample(text: text, inputShape: [3, 4]) { input, _ in input.map(function) }
    }

    // (x − mean) / √(variance + ε) times the gain, then plus the bias.
    @Sendable
    private static func layerNorm(_ input: [Double], _ parameters: [Double], epsilon: Double) -> [Double] {
        let mean = input.reduce(0, +) / Double(input.count)
        let variance = input.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(input.count)
        return input.indices.map { index in
            parameters[index] * (input[index] - mean) / (variance + epsilon).squareRoot()
                + parameters[input.count + index]
        }
    }

    // x / √(mean of squares + ε) times the gain.
    @Sendable
    private static func rmsNorm(_ input: [Double], _ gain: [Double], epsilon: Double) -> [Double] {
        let square = input.reduce(0) { $0 + $1 * $1 } / Double(input.count)
        return input.indices.map { gain[$0] * input[$0] / (square + epsilon).squareRoot() }
    }

    // a / (1 + exp(−a)) · b of the halves a and b.
    private static func swiglu(_ input: [Double]) -> [Double] {
        let half = input.count / 2
        return (0..<half).map { input[$0] / (1 + exp(-input[$0])) * input[half + $0] }
    }

    // y = W x + b, W of [units, inputs], row-major, before b.
    @Sendable
    private static func dense(
        _ input: [Double], _ parameters: [Double], units: Int, hasBias: Bool
    ) -> [Double] {
        (0..<units).map { unit in
            input.indices.reduce(hasBias ? parameters[units * input.count + unit] : 0) {
                $0 + parameters[unit * input.count + $1] * input[$1]
            }
        }
    }
}
