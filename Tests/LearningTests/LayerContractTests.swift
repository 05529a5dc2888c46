import Compute
import Configuration
import Testing

@testable import Learning

/// What every layer of the catalog promises, held against its examples: a new layer is tested on arrival.
@Suite struct LayerContractTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let kind: String
        let example: LayerExample
        var testDescription: String { "\(example.text) on \(example.inputShape)" }
    }

    static let cases = LayerExamples.all.sorted { $0.key < $1.key }.flatMap { kind, examples in
        examples.map { Case(kind: kind, example: $0) }
    }

    @Test func everyLayerHasAnExample() {
        let kinds = LayerCatalog.all.map { $0.kind }
        #expect(Set(kinds).count == kinds.count, "two layers have one name")
        #expect(Set(kinds) == Set(LayerExamples.all.keys))
        #expect(LayerExamples.all.values.allSatisfy { !$0.isEmpty })
    }

    /// Layer and shape of its output.
    private func attached(_ item: Case) throws -> (layer: any Layer, outputs: Int) {
        var layer = try LayerCatalog.layer(json5(item.example.text), path: "layer")
        let shape = try layer.attach(to: item.example.inputShape)
        return (layer, shape.reduce(1, *))
    }

    @Test(arguments: cases) func argumentsAreReadBackAsTheyAreWritten(_ item: Case) throws {
        let layer = try LayerCatalog.layer(json5(item.example.text), path: "layer")
        #expect(type(of: layer).kind == item.kind)
        let again = try LayerCatalog.layer(
            .object([item.kind: .object(layer.arguments)]), path: "layer")
        #expect(again.arguments == layer.arguments)
        let unknown = JSONValue.object([
            item.kind: .object(layer.arguments.merging(["nonsense": .integer(1)]) { $1 })
        ])
        #expect(throws: ConfigurationError.self) { try LayerCatalog.layer(unknown, path: "layer") }
    }

    @Test(arguments: cases) func theOutputIsTheNaiveOne(_ item: Case) throws {
        let (layer, outputs) = try attached(item)
        let bench = LayerBench(
            layer, inputs: item.example.inputShape.reduce(1, *), outputs: outputs, count: 5)
        layer.infer(bench.pass)
        let evaluated = bench.output
        var random = SeededGenerator(seed: 1, purpose: .test)
        layer.forward(bench.pass, random: &random)
        if item.example.isDeterministic { #expect(bench.output == evaluated) }
        for row in 0..<5 {
            let wanted = item.example.naive(bench.row(bench.input, row), bench.parameters.map(Double.init))
            let found = bench.row(evaluated, row)
            #expect(found.count == wanted.count)
            for (found, wanted) in zip(found, wanted) {
                #expect(abs(found - wanted) < 1e-5 * max(1, abs(wanted)))
            }
        }
    }

    /// Behind a dense layer its input's delta matters, before one its output; the gradient of both and of its own
    /// parameters is that of central differences.
    @Test(arguments: cases, ["mse", "softmax_cross_entropy"])
    func theGradientIsThatOfDifferences(_ item: Case, loss: String) throws {
        let size = item.example.inputShape.reduce(1, *)
        for layers in [
            "[{dense: \(size)}, \(item.example.text), {dense: 3}]",
            "[\(item.example.text), {flatten: {}}, {dense: 3}]",
        ] {
            let model = try Model(
                ModelSpec(json5("{layers: \(layers)}"), path: "model"), inputShape: item.example.inputShape)
            #expect(try relativeGradientError(model: model, loss: loss, seed: 5) < 2e-3, "\(layers)")
        }
    }

    /// target = keep · target + scale · gradient, and the gradient of a batch is the sum of its examples'.
    @Test(arguments: cases) func gradientsAreAddedAsAsked(_ item: Case) throws {
        let (layer, outputs) = try attached(item)
        let bench = LayerBench(
            layer, inputs: item.example.inputShape.reduce(1, *), outputs: outputs, count: 4)
        var random = SeededGenerator(seed: 2, purpose: .test)
        layer.forward(bench.pass, random: &random)
        let whole = bench.gradient(scale: 1, keep: 0, start: .nan)
        let added = bench.gradient(scale: -2, keep: 1, start: 0.5)
        for (whole, added) in zip(whole, added) { #expect(abs(added - (0.5 - 2 * whole)) < 1e-4) }
        guard !layer.tensors.isEmpty else { return }
        #expect(whole.contains { $0 != 0 })
    }

    /// Private training counts on norms: each is that of the example's own gradient.
    @Test(arguments: cases) func normsAreThoseOfSingleExamples(_ item: Case) throws {
        let (layer, outputs) = try attached(item)
        guard layer.hasGradientNormRule else { return }
        let bench = LayerBench(
            layer, inputs: item.example.inputShape.reduce(1, *), outputs: outputs, count: 4)
        var random = SeededGenerator(seed: 2, purpose: .test)
        layer.forward(bench.pass, random: &random)
        var norms = [Float](repeating: 1, count: 4)
        norms.withUnsafeMutableBufferPointer { norms in
            if let start = norms.baseAddress { layer.addSquaredGradientNorms(bench.pass, to: start) }
        }
        for row in 0..<4 {
            let single = bench.gradient(ofRow: row)
            let squared = single.reduce(Float(0)) { $0 + $1 * $1 }
            #expect(abs(norms[row] - 1 - squared) < 1e-3 * max(1, squared), "example \(row)")
        }
    }
}

/// Memory for one layer and one batch, filled with random numbers.
private final class LayerBench {
    let pass: LayerPass
    private let layer: any Layer
    private let inputs: Int
    private let outputs: Int
    private let count: Int
    private let parameterCount: Int
    private let memory: [UnsafeMutablePointer<Float>]

    init(_ layer: any Layer, inputs: Int, outputs: Int, count: Int) {
        (self.layer, self.inputs, self.outputs, self.count) = (layer, inputs, outputs, count)
        parameterCount = layer.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
        var random = SeededGenerator(seed: 9, purpose: .test)
        memory = [
            count * inputs, count * outputs, parameterCount, count * layer.scratchPerExample,
            count * inputs, count * outputs,
        ].map { size in
            let place = UnsafeMutablePointer<Float>.allocate(capacity: max(1, size))
            for index in 0..<max(1, size) { place[index] = bell(&random) }
            return place
        }
        pass = LayerPass(
            count: count, input: UnsafePointer(memory[0]), output: memory[1], parameters: memory[2],
            scratch: memory[3], inputDelta: memory[4], outputDelta: memory[5])
    }

    deinit { for place in memory { place.deallocate() } }

    var input: [Float] { Array(UnsafeBufferPointer(start: memory[0], count: count * inputs)) }
    var output: [Float] { Array(UnsafeBufferPointer(start: memory[1], count: count * outputs)) }
    var parameters: [Float] { Array(UnsafeBufferPointer(start: memory[2], count: parameterCount)) }

    /// One example's values of a matrix.
    func row(_ matrix: [Float], _ row: Int) -> [Double] {
        let width = matrix.count / count
        return matrix[row * width..<(row + 1) * width].map(Double.init)
    }

    /// The layer's gradient of the whole batch, behind what `target` held.
    func gradient(scale: Float, keep: Float, start: Float) -> [Float] {
        var target = [Float](repeating: start, count: parameterCount)
        target.withUnsafeMutableBufferPointer {
            if let place = $0.baseAddress {
                layer.accumulateGradient(pass, into: place, scale: scale, keep: keep)
            }
        }
        return target
    }

    /// The gradient of one example of the batch alone.
    func gradient(ofRow row: Int) -> [Float] {
        let single = LayerPass(
            count: 1, input: pass.input + row * inputs, output: pass.output + row * outputs,
            parameters: pass.parameters, scratch: pass.scratch + row * layer.scratchPerExample,
            inputDelta: pass.inputDelta + row * inputs, outputDelta: pass.outputDelta + row * outputs)
        var target = [Float](repeating: 0, count: parameterCount)
        target.withUnsafeMutableBufferPointer {
            if let place = $0.baseAddress {
                layer.accumulateGradient(single, into: place, scale: 1, keep: 0)
            }
        }
        return target
    }
}
