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

    private func bench(_ item: Case, count: Int) throws -> LayerBench {
        guard case .layer(var layer) = try ModelElement(json5(item.example.text), path: "layer").content
        else {
            throw ShapeProblem(message: "a composite in the examples of layers")
        }
        let output = try layer.attach(to: item.example.shape)
        return LayerBench(layer, item.example, outputs: output.count, count: count)
    }

    @Test(arguments: cases) func argumentsAreReadBackAsTheyAreWritten(_ item: Case) throws {
        let element = try ModelElement(json5(item.example.text), path: "layer")
        #expect(element.kind == item.kind)
        #expect(try ModelElement(element.json, path: "layer").json == element.json)
        guard case .layer(let layer) = element.content else { return }
        let unknown = JSONValue.object([
            item.kind: .object(layer.arguments.merging(["nonsense": .integer(1)]) { $1 })
        ])
        #expect(throws: ConfigurationError.self) { try ModelElement(unknown, path: "layer") }
    }

    @Test(arguments: cases) func theOutputIsTheNaiveOne(_ item: Case) throws {
        let bench = try bench(item, count: 5)
        let layer = bench.layer
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
        let layers = Self.model(around: item.example)
        for text in layers {
            let model = try Model(
                ModelSpec(json5("{layers: \(text)}"), path: "model"), inputShape: item.example.inputShape)
            #expect(try relativeGradientError(model: model, loss: loss, seed: 5) < 2e-3, "\(text)")
        }
    }

    // Alone, and behind a layer with parameters that keeps the shape, so that the input's delta matters.
    private static func model(around example: LayerExample) -> [String] {
        let mark = example.hasTime ? "{sequence: {}}, " : ""
        let tail = "\(example.text), {flatten: {}}, {dense: 3}]"
        if example.vocabulary != nil { return ["[" + tail] }
        return ["[\(mark)\(tail)", "[\(mark){layer_norm: {}}, \(tail)"]
    }

    /// target = keep · target + scale · gradient, and the gradient of a batch is the sum of its examples'.
    @Test(arguments: cases) func gradientsAreAddedAsAsked(_ item: Case) throws {
        let bench = try bench(item, count: 4)
        let layer = bench.layer
        var random = SeededGenerator(seed: 2, purpose: .test)
        layer.forward(bench.pass, random: &random)
        layer.backward(bench.pass)
        let whole = bench.gradient(scale: 1, keep: 0, start: .nan)
        let added = bench.gradient(scale: -2, keep: 1, start: 0.5)
        for (whole, added) in zip(whole, added) { #expect(abs(added - (0.5 - 2 * whole)) < 1e-4) }
        guard !layer.tensors.isEmpty else { return }
        #expect(whole.contains { $0 != 0 } == item.example.readsParameters)
    }

    /// Private training counts on norms: each is that of the example's own gradient.
    @Test(arguments: cases) func normsAreThoseOfSingleExamples(_ item: Case) throws {
        let bench = try bench(item, count: 4)
        let layer = bench.layer
        guard layer.normRule == .own else { return }
        var random = SeededGenerator(seed: 2, purpose: .test)
        layer.forward(bench.pass, random: &random)
        layer.backward(bench.pass)
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
final class LayerBench {
    let layer: any Layer
    let pass: LayerPass
    private let inputs: Int
    private let outputs: Int
    private let count: Int
    private let parameterCount: Int
    private let vocabulary: Int?
    private let memory: [UnsafeMutablePointer<Float>]
    private let places: UnsafeMutableBufferPointer<ParameterPlace>

    init(_ layer: any Layer, _ example: LayerExample, outputs: Int, count: Int) {
        (self.layer, self.outputs, self.count, vocabulary) = (layer, outputs, count, example.vocabulary)
        let inputs = example.shape.count
        self.inputs = inputs
        let parameterCount = layer.tensors.reduce(0) { $0 + $1.count }
        self.parameterCount = parameterCount
        var random = SeededGenerator(seed: 9, purpose: .test)
        let sizes = [
            count * inputs, count * outputs, parameterCount, count * layer.scratchPerExample,
            count * inputs, count * outputs, layer.temporaries(count: count),
        ]
        memory = sizes.map { size in
            let place = UnsafeMutablePointer<Float>.allocate(capacity: max(1, size))
            for index in 0..<max(1, size) { place[index] = bell(&random) }
            return place
        }
        if let vocabulary = example.vocabulary {
            for index in 0..<(count * inputs) {
                let token = Int32(random.index(below: vocabulary))
                memory[0][index] = Float(bitPattern: UInt32(bitPattern: token))
            }
        }
        places = .allocate(capacity: max(1, layer.tensors.count))
        var offset = 0
        for (index, tensor) in layer.tensors.enumerated() {
            places.initializeElement(
                at: index,
                to: ParameterPlace(
                    count: tensor.count, role: .shared, offset: offset, frozenOffset: 0, isSharedAbove: false)
            )
            offset += tensor.count
        }
        pass = LayerPass(
            count: count, lengths: nil, input: FloatBlock(memory[0], count: sizes[0]),
            output: FloatBlock(memory[1], count: sizes[1]),
            parameters: ParameterBlocks(
                places: UnsafeBufferPointer(rebasing: places[..<layer.tensors.count]), trained: memory[2],
                frozen: nil),
            scratch: FloatBlock(memory[3], count: sizes[3]),
            temporary: FloatBlock(memory[6], count: sizes[6]),
            inputDelta: FloatBlock(memory[4], count: sizes[4]),
            outputDelta: FloatBlock(memory[5], count: sizes[5]))
    }

    deinit {
        for place in memory { place.deallocate() }
        places.deallocate()
    }

    /// Tokens as numbers, where the layer reads tokens.
    var input: [Float] {
        (0..<(count * inputs)).map { index in
            vocabulary == nil ? memory[0][index] : Float(Int32(bitPattern: memory[0][index].bitPattern))
        }
    }
    var output: [Float] { Array(UnsafeBufferPointer(start: memory[1], count: count * outputs)) }
    var parameters: [Float] { Array(UnsafeBufferPointer(start: memory[2], count: parameterCount)) }

    /// One example's values of a matrix.
    func row(_ matrix: [Float], _ row: Int) -> [Double] {
        let width = matrix.count / count
        return matrix[row * width..<(row + 1) * width].map(Double.init)
    }

    /// The layer's gradient of the whole batch, behind what `target` held.
    func gradient(scale: Float, keep: Float, start: Float) -> [Float] {
        gradient(pass, scale: scale, keep: keep, start: start)
    }

    /// The gradient of one example of the batch alone.
    func gradient(ofRow row: Int) -> [Float] { gradient(pass.single(row), scale: 1, keep: 0, start: 0) }

    private func gradient(_ pass: LayerPass, scale: Float, keep: Float, start: Float) -> [Float] {
        var target = [Float](repeating: start, count: parameterCount)
        target.withUnsafeMutableBufferPointer {
            if let place = $0.baseAddress {
                layer.accumulateGradient(
                    pass,
                    into: GradientBlocks(
                        places: pass.parameters.places, base: place, scale: scale, keep: keep))
            }
        }
        return target
    }
}
