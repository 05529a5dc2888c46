import Foundation

/// Recurrent networks by their formulas, in doubles, one value after the other.
struct RecurrentOracle {
    /// `"rnn"`, `"gru"` or `"lstm"`.
    let kind: String
    let units: Int
    let layers: Int
    let inputs: Int

    /// Rows of the weights for each unit.
    var gates: Int { ["rnn": 1, "gru": 3, "lstm": 4][kind] ?? 0 }

    /// All states of the top layer for [time, inputs], from parameters in PyTorch's order.
    func states(_ sequence: [Double], _ parameters: [Double]) -> [[Double]] {
        var values = stride(from: 0, to: sequence.count, by: inputs).map {
            Array(sequence[$0..<($0 + inputs)])
        }
        var start = 0
        func take(_ count: Int) -> [Double] {
            defer { start += count }
            return Array(parameters[start..<(start + count)])
        }
        for layer in 0..<layers {
            let width = layer == 0 ? inputs : units
            let (inputWeight, stateWeight) = (
                take(gates * units * width), take(gates * units * units)
            )
            let (inputBias, stateBias) = (take(gates * units), take(gates * units))
            var state = [Double](repeating: 0, count: units)
            var cell = state
            values = values.map { value in
                let ofInput = affine(inputWeight, value, inputBias)
                let ofState = affine(stateWeight, state, stateBias)
                for unit in 0..<units {
                    func gate(_ index: Int) -> (input: Double, state: Double) {
                        (ofInput[index * units + unit], ofState[index * units + unit])
                    }
                    func sum(_ index: Int) -> Double { gate(index).input + gate(index).state }
                    switch kind {
                    case "lstm":
                        cell[unit] = sigmoid(sum(1)) * cell[unit] + sigmoid(sum(0)) * tanh(sum(2))
                        state[unit] = sigmoid(sum(3)) * tanh(cell[unit])
                    case "gru":
                        let candidate = tanh(gate(2).input + sigmoid(sum(0)) * gate(2).state)
                        state[unit] = (1 - sigmoid(sum(1))) * candidate + sigmoid(sum(1)) * state[unit]
                    default: state[unit] = tanh(sum(0))
                    }
                }
                return state
            }
        }
        return values
    }

    private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    private func affine(_ weight: [Double], _ x: [Double], _ bias: [Double]) -> [Double] {
        bias.indices.map { row in
            x.indices.reduce(bias[row]) { $0 + weight[row * x.count + $1] * x[$1] }
        }
    }
}

/// Examples of the layers that work on sequences.
enum SequenceExamples {
    static let all: [String: [LayerExample]] = [
        // More positions than units, so that norms come from the gradient, and fewer, from products of positions.
        "rnn": [
            recurrence("rnn", units: 3, time: 7, inputs: 2), recurrence("rnn", units: 18, time: 3, inputs: 5),
        ],
        "gru": [
            recurrence("gru", units: 3, time: 9, inputs: 4),
            recurrence("gru", units: 17, layers: 2, time: 4, inputs: 3),
            recurrence("gru", units: 5, time: 4, inputs: 3, output: "last"),
        ],
        "lstm": [
            recurrence("lstm", units: 3, time: 11, inputs: 2),
            recurrence("lstm", units: 20, layers: 3, time: 5, inputs: 6),
            recurrence("lstm", units: 6, layers: 2, time: 4, inputs: 3, output: "last"),
        ],
        "last_position": [
            LayerExample(text: "'last_position'", inputShape: [4, 3], hasTime: true) { input, _ in
                Array(input.suffix(3))
            }
        ],
        "mean_over_time": [
            LayerExample(text: "'mean_over_time'", inputShape: [4, 3], hasTime: true) { input, _ in
                (0..<3).map { feature in (0..<4).reduce(0) { $0 + input[3 * $1 + feature] } / 4 }
            }
        ],
        // Fewer tokens than positions, so that some occur twice.
        "embedding": [
            LayerExample(text: "{embedding: {vocabulary: 5, units: 3}}", inputShape: [9], vocabulary: 5) {
                input, parameters in
                input.flatMap { parameters[3 * Int($0)..<3 * Int($0) + 3] }
            }
        ],
        "positions": [
            LayerExample(text: "{positions: 6}", inputShape: [4, 3], hasTime: true) { input, parameters in
                zip(input, parameters).map { $0 + $1 }
            }
        ],
    ]

    private static func recurrence(
        _ kind: String, units: Int, layers: Int = 1, time: Int, inputs: Int, output: String = "sequence"
    ) -> LayerExample {
        let oracle = RecurrentOracle(kind: kind, units: units, layers: layers, inputs: inputs)
        return LayerExample(
            text: "{\(kind): {units: \(units), layers: \(layers), output: '\(output)'}}",
            inputShape: [time, inputs], hasTime: true
        ) { input, parameters in
            let states = oracle.states(input, parameters)
            return output == "last" ? states[time - 1] : states.flatMap { $0 }
        }
    }
}
