import Compute
import Configuration
import Testing

@testable import Learning

/// What attention promises beside the contract of all layers: lengths, and one line for what does not fit.
@Suite struct AttentionLayerTests {
    private static let (time, width) = (5, 24)

    /// An example of fewer positions is what it would be in a model of that length, however it is padded.
    @Test(arguments: [true, false], [1, 2, 5]) func paddingIsNotSeen(isCausal: Bool, length: Int) throws {
        let text = "{attention: {heads: 2, causal: \(isCausal)}}"
        let input = Self.numbers(Self.time * Self.width, seed: 1)
        let delta = Self.numbers(Self.time * Self.width / 3, seed: 2)
        let padded = try run(text, time: Self.time, length: Int32(length), input, delta)
        let short = try run(
            text, time: length, length: nil, Array(input[..<(length * Self.width)]),
            Array(delta[..<(length * Self.width / 3)]))
        #expect(padded.output[..<short.output.count] == short.output[...])
        #expect(padded.inputDelta[..<short.inputDelta.count] == short.inputDelta[...])
        #expect(padded.output[short.output.count...].allSatisfy { $0 == 0 })
        #expect(padded.inputDelta[short.inputDelta.count...].allSatisfy { $0 == 0 })
        let wanted = AttentionExamples.attention(
            input[..<(length * Self.width)].map(Double.init), time: length, heads: 2, keyHeads: 2,
            isCausal: isCausal, base: nil)
        for (found, wanted) in zip(short.output, wanted) { #expect(abs(Double(found) - wanted) < 1e-5) }
    }

    @Test(arguments: [
        ("{attention: {}}", "heads", "is missing"),
        ("{attention: 0}", "heads", "from 1 to"),
        ("{attention: {heads: 4, kv_heads: 3}}", "kv_heads", "divide the 4 heads"),
        ("{attention: {heads: 4, rotary: 1}}", "rotary", "base above 1"),
        ("{attention: {heads: 4, rotary: 'yes'}}", "rotary", "base above 1"),
        ("{attention: {heads: 4, casual: false}}", "casual", "causal"),
        ("{gelu: {approximate: 'tan'}}", "approximate", "tanh"),
        ("{rms_norm: {epsilon: 0}}", "epsilon", "above 0"),
    ])
    func badArgumentsAreRefusedWithTheirPlace(text: String, key: String, problem: String) throws {
        let error = try #require(throws: ConfigurationError.self) {
            _ = try ModelElement(json5(text), path: "layer")
        }
        #expect(error.path.hasPrefix("layer.") && error.path.hasSuffix(".\(key)"), "\(error)")
        #expect(error.problem.contains(problem), "\(error)")
    }

    @Test(arguments: [
        ("{attention: 2}", ActivationShape([4, 6]), "needs a sequence"),
        ("{attention: 2}", ActivationShape([4, 8], hasTime: true), "a multiple of 6"),
        (
            "{attention: {heads: 2, rotary: true}}", ActivationShape([4, 18], hasTime: true),
            "3 values, an odd"
        ),
        ("{swiglu: {}}", ActivationShape([4, 5], hasTime: true), "two halves, not 5"),
        ("{rms_norm: {}}", ActivationShape([9, 1], hasTime: true), "at least 2 values"),
    ])
    func shapesThatDoNotFitAreRefused(text: String, shape: ActivationShape, problem: String) throws {
        guard case .layer(var layer) = try ModelElement(json5(text), path: "layer").content else { return }
        let error = try #require(throws: ShapeProblem.self) { _ = try layer.attach(to: shape) }
        #expect(error.message.contains(problem), "\(error.message)")
    }

    private static func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var random = SeededGenerator(seed: seed, purpose: .test)
        return (0..<count).map { _ in 2 * random.uniform() - 1 }
    }

    /// Forward and backward of one example.
    private func run(
        _ text: String, time: Int, length: Int32?, _ input: [Float], _ outputDelta: [Float]
    ) throws -> (output: [Float], inputDelta: [Float]) {
        guard case .layer(var layer) = try ModelElement(json5(text), path: "layer").content else {
            return ([], [])
        }
        let output = try layer.attach(to: ActivationShape([time, Self.width], hasTime: true))
        let sizes = [
            input.count, output.count, layer.scratchPerExample, layer.temporaries(count: 1), input.count,
            output.count,
        ]
        let blocks = sizes.map { size in
            let block = FloatBlock(.allocate(capacity: size), count: size)
            block.base.initialize(repeating: .nan, count: size)
            return block
        }
        defer { for block in blocks { block.base.deallocate() } }
        blocks[0].base.update(from: input, count: input.count)
        blocks[5].base.update(from: outputDelta, count: outputDelta.count)
        return [length ?? 0].withUnsafeBufferPointer { lengths in
            let pass = LayerPass(
                count: 1, lengths: length == nil ? nil : lengths.baseAddress, input: blocks[0],
                output: blocks[1],
                parameters: ParameterBlocks(
                    places: UnsafeBufferPointer(start: nil, count: 0), trained: blocks[0].base, frozen: nil),
                scratch: blocks[2], temporary: blocks[3], inputDelta: blocks[4], outputDelta: blocks[5])
            var random = SeededGenerator(seed: 1, purpose: .test)
            layer.forward(pass, random: &random)
            layer.backward(pass)
            func values(_ block: FloatBlock) -> [Float] {
                Array(UnsafeBufferPointer(start: block.base, count: block.count))
            }
            return (values(blocks[1]), values(blocks[4]))
        }
    }
}
