import Compute
import Configuration
import Foundation
import TestSupport
import Testing

@testable import Learning

/// Recurrent layers against values that PyTorch recorded (the recipe is in the vector file's comment): the parameters'
/// names and order, states, and all gradients, of sequences that end at different positions.
@Suite struct RecordedRecurrenceTests {
    struct Recorded: Decodable {
        struct Case: Decodable, Sendable {
            let kind: String
            let names: [String]
            let parameters: [[Float]]
            let input: [Float]
            let output: [Float]
            let outputDelta: [Float]
            let inputDelta: [Float]
            let gradients: [[Float]]
        }
        let units: Int
        let layers: Int
        let time: Int
        let inputs: Int
        let lengths: [Int32]
        let cases: [Case]
    }

    static let kinds = ["rnn", "gru", "lstm"]

    private func recorded() throws -> Recorded {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Recorded.self, from: Vectors.data("recurrences.json"))
    }

    private func layer(_ kind: String, _ recorded: Recorded, output: String) throws -> any Layer {
        let text = "{\(kind): {units: \(recorded.units), layers: \(recorded.layers), output: '\(output)'}}"
        guard case .layer(let layer) = try ModelElement(json5(text), path: "layer").content else {
            throw ShapeProblem(message: "not a layer")
        }
        return layer
    }

    @Test(arguments: kinds, [false, true]) func statesAndGradientsArePyTorchs(kind: String, isLast: Bool)
        throws
    {
        let recorded = try recorded()
        let item = try #require(recorded.cases.first { $0.kind == kind })
        var layer = try layer(kind, recorded, output: isLast ? "last" : "sequence")
        let shape = ActivationShape([recorded.time, recorded.inputs], hasTime: true)
        let outputs = try layer.attach(to: shape).count
        #expect(layer.tensors.map(\.name) == item.names)
        #expect(layer.tensors.map(\.count) == item.parameters.map(\.count))
        let example = LayerExample(text: kind, inputShape: shape.sizes, hasTime: true) { input, _ in input }
        let count = recorded.lengths.count
        let bench = LayerBench(layer, example, outputs: outputs, count: count)
        try recorded.lengths.withUnsafeBufferPointer { lengths in
            let pass = bench.pass.with(lengths: try #require(lengths.baseAddress))
            for (index, values) in item.parameters.enumerated() {
                for (place, value) in values.enumerated() { pass.parameters[index][place] = value }
            }
            for (place, value) in item.input.enumerated() { pass.input.base[place] = value }
            var random = SeededGenerator(seed: 1, purpose: .test)
            layer.forward(pass, random: &random)
            // At the last position the recorded state; the gradient of all positions' deltas needs them all.
            guard !isLast else {
                for (row, length) in recorded.lengths.enumerated() {
                    for unit in 0..<recorded.units {
                        let place = (row * recorded.time + Int(length) - 1) * recorded.units + unit
                        let found = pass.output.base[row * recorded.units + unit]
                        #expect(abs(found - item.output[place]) < 1e-6)
                    }
                }
                return
            }
            for (place, value) in item.outputDelta.enumerated() { pass.outputDelta.base[place] = value }
            layer.backward(pass)
            for (place, value) in item.output.enumerated() {
                #expect(abs(pass.output.base[place] - value) < 1e-6)
            }
            for (place, value) in item.inputDelta.enumerated() {
                let delta = try #require(pass.inputDelta)
                #expect(abs(delta.base[place] - value) < 1e-5)
            }
            let found = bench.gradient(scale: 1, keep: 0, start: .nan)
            let wanted = item.gradients.flatMap { $0 }
            #expect(found.count == wanted.count)
            for (found, wanted) in zip(found, wanted) { #expect(abs(found - wanted) < 1e-5) }
        }
    }
}

extension LayerPass {
    /// The same pass over sequences that end where these lengths say.
    fileprivate func with(lengths: UnsafePointer<Int32>) -> LayerPass {
        LayerPass(
            count: count, lengths: lengths, input: input, output: output, parameters: parameters,
            scratch: scratch, temporary: temporary, inputDelta: inputDelta, outputDelta: outputDelta)
    }
}
