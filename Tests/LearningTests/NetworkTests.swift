import Compute
import Configuration
import Testing

@testable import Learning

/// Models that are more than a chain: sums, shared and frozen tensors, adapters, positions.
@Suite struct NetworkTests {
    /// Lists of layers with the shape that they read.
    static let networks: [(layers: String, shape: [Int])] = [
        ("[{residual: [{dense: 6}, 'tanh']}, {dense: 3}]", [6]),
        ("[{dense: 5}, {residual: [{residual: [{dense: 5}]}, 'gelu', {dense: 5}]}, {dense: 3}]", [4]),
        ("[{residual: {body: [{dense: 4}, 'tanh'], skip: [{dense: 4}]}}, {dense: 3}]", [3, 2]),
        ("[{residual: [{residual: [{layer_norm: {}}, {dense: 7}]}, {residual: ['tanh']}]}, {dense: 3}]", [7]),
        (
            "[{sequence: {}}, {residual: [{layer_norm: {}}, {sequential: [{dense: 8}, 'gelu', {dense: 4}]}]},"
                + " {flatten: {}}, {dense: 3}]", [5, 4]
        ),
        ("[{sequence: {}}, {transformer_block: 2}, {flatten: {}}, {dense: 3}]", [3, 4]),
        (
            "[{sequence: {}}, {transformer_block: {heads: 2, kv_heads: 1, order: 'post', norm: 'rms_norm', causal: false, "
                + "activation: 'swiglu', rotary: true, bias: false, hidden: 6}}, {flatten: {}}, {dense: 3}]",
            [4, 4]
        ),
        (
            "[{dense: {units: 6, sharing: 'w'}}, 'tanh', {dense: {units: 6, sharing: 'w'}}, {dense: 3}]", [6]
        ),
        (
            "[{sequence: {}}, {dense: {units: 4, sharing: 'w', bias: false}}, 'tanh', "
                + "{dense: {units: 4, sharing: 'w'}}, {flatten: {}}, {dense: 3}]", [3, 4]
        ),
        ("[{reproduce: [{dense: 2}, 'tanh']}, {layer_norm: {}}, {dense: 3}]", [2, 3]),
        ("[{sequence: {}}, {reproduce: [{dense: 5}, 'gelu']}, {flatten: {}}, {dense: 3}]", [4, 3]),
    ]

    private func model(_ layers: String, _ shape: [Int], _ more: String = "") throws -> Model {
        try testModel(layers + more, shape)
    }

    @Test(arguments: networks.indices, ["mse", "softmax_cross_entropy"])
    func theGradientIsThatOfDifferences(index: Int, loss: String) throws {
        let (layers, shape) = Self.networks[index]
        #expect(try relativeGradientError(model: model(layers, shape), loss: loss, seed: 5) < 2e-3)
    }

    @Test(arguments: networks.indices) func aSpecificationReadsBack(index: Int) throws {
        let spec = try ModelSpec(json5("{layers: \(Self.networks[index].layers)}"), path: "model")
        #expect(try ModelSpec(spec.json, path: "model") == spec)
    }

    /// Evaluation shares memory between values, training does not: both compute the same.
    @Test(arguments: networks.indices) func evaluationComputesWhatTrainingDoes(index: Int) throws {
        let (layers, shape) = Self.networks[index]
        let model = try model(layers, shape)
        let parameters = perturbed(model.initialParameters(seed: 1).values, seed: 2)
        let data = randomExamples(count: 7, shape: shape, classes: 3, seed: 3)
        let loss = SoftmaxCrossEntropy()
        let predicted = Evaluator(model: model, loss: loss).metrics(parameters, on: data).loss
        let options = try TrainingOptions(json5("{batch_size: 4}"), path: "t")
        let trained = try meanLoss(model, options, parameters, data)
        #expect(abs(predicted - trained) < 1e-6)
    }

    /// Names are places in the lists, unless an element has one.
    @Test func parametersAreNamedAfterTheirPlace() throws {
        let model = try model(
            "[{dense: 4, name: 'first'}, {residual: {body: [{sequential: [{dense: 4}], name: 'mlp'}], "
                + "skip: [{dense: {units: 4, bias: false}}]}}, {dense: 2}]", [3])
        #expect(
            model.layout.entries.map(\.name) == [
                "first.weight", "first.bias", "1.skip.0.weight", "1.body.mlp.0.weight", "1.body.mlp.0.bias",
                "2.weight", "2.bias",
            ])
    }

    /// Numbers are not tokens, nor tokens numbers, nor more tokens than the model has rows for.
    @Test(
        arguments: [
            ("[{embedding: {vocabulary: 5, units: 2}}, {flatten: {}}, {dense: 3}]", nil, "reads 5 tokens"),
            (
                "[{embedding: {vocabulary: 5, units: 2}}, {flatten: {}}, {dense: 3}]", 6,
                "the data are 6 tokens"
            ),
            ("[{dense: 3}]", 4, "reads numbers, but the data are 4 tokens"),
        ] as [(String, Int?, String)])
    func whatTheModelDoesNotReadIsRefused(layers: String, tokens: Int?, part: String) throws {
        let model = try model(layers, [4])
        let numbers = randomExamples(count: 6, shape: [4], classes: 3, seed: 1)
        let data = tokens.map { numbers.withTokens(vocabulary: $0, seed: 2) } ?? numbers
        let options = try TrainingOptions(json5("{batch_size: 4}"), path: "t")
        let error = #expect(throws: ConfigurationError.self) {
            try gradient(model, options, model.initialParameters(seed: 1).values, data)
        }
        #expect(error?.problem.contains(part) == true)
        // As many or fewer are read.
        guard let vocabulary = model.vocabulary else { return }
        _ = try gradient(
            model, options, model.initialParameters(seed: 1).values,
            numbers.withTokens(vocabulary: vocabulary - 1, seed: 3))
    }

    @Test func aListWithoutEndIsRefused() throws {
        let layers = Array(repeating: "'tanh'", count: 10_001).joined(separator: ", ")
        let error = #expect(throws: ConfigurationError.self) { try model("[\(layers)]", [4]) }
        #expect(error?.problem.contains("more than 10000 layers") == true)
    }

    @Test func sharedTensorsAreOne() throws {
        let model = try model(Self.networks[7].layers, [6])
        #expect(model.layout.entries.map(\.name) == ["0.weight", "0.bias", "2.bias", "3.weight", "3.bias"])
        #expect(model.sharesParameters)
        // Plain descent takes a gradient first: one step is the parameters less the rate times it.
        let options = try TrainingOptions(json5("{batch_size: 9, learning_rate: 0.5}"), path: "t")
        let data = randomExamples(count: 9, shape: [6], classes: 3, seed: 3)
        let start = perturbed(model.initialParameters(seed: 1).values, seed: 2)
        let slope = try gradient(model, options, start, data)
        var stepped = start
        _ = try LocalTrainer(model: model, options: options).train(
            &stepped, on: data, indices: (0..<9).map { $0 }, stream: TrainingStream(seed: 1))
        for place in start.indices { #expect(abs(stepped[place] - start[place] + 0.5 * slope[place]) < 1e-5) }
    }

    @Test func frozenParametersAreApart() throws {
        let all = try model(Self.networks[1].layers, [4])
        let some = try model(Self.networks[1].layers, [4], ", freeze: ['0.*', '*.bias']")
        #expect(some.layout.count + some.frozenLayout.count == all.layout.count)
        #expect(
            some.frozenLayout.entries.allSatisfy { $0.name.hasPrefix("0.") || $0.name.hasSuffix(".bias") })
        #expect(some.layout.entries.allSatisfy { $0.name.hasSuffix(".weight") && $0.name != "0.weight" })
        // The same draw, whoever is frozen.
        let (trained, frozen, _) = some.initial(seed: 4)
        let whole = all.initialParameters(seed: 4)
        for (vector, entries) in [(trained, some.layout.entries), (frozen, some.frozenLayout.entries)] {
            for entry in entries {
                let wanted = try #require(all.layout.entries.first { $0.name == entry.name })
                #expect(Array(vector.values[entry.range]) == Array(whole.values[wanted.range]))
            }
        }
        #expect(try relativeGradientError(model: some, loss: "mse", seed: 2) < 2e-3)
    }

    // MARK: Adapters

    static let adapters = ", adapters: {rank: 2, alpha: 6, targets: ['1', '3'], train: ['5.*']}"
    static let adapted = "[{sequence: {}}, {dense: 6}, 'tanh', {dense: 5}, {flatten: {}}, {dense: 3}]"

    @Test func anAdapterTrainsItsProductAlone() throws {
        let model = try model(Self.adapted, [4, 3], Self.adapters)
        #expect(
            model.layout.entries.map(\.name) == [
                "1.lora_A.weight", "1.lora_B.weight", "3.lora_A.weight", "3.lora_B.weight", "5.weight",
                "5.bias",
            ])
        #expect(model.layout.entries.map(\.shape) == [[2, 3], [6, 2], [2, 6], [5, 2], [3, 20], [3]])
        #expect(model.frozenLayout.entries.map(\.name) == ["1.weight", "1.bias", "3.weight", "3.bias"])
        for loss in ["mse", "softmax_cross_entropy"] {
            #expect(try relativeGradientError(model: model, loss: loss, seed: 5) < 2e-3)
        }
        let spec = model.spec
        #expect(try ModelSpec(spec.json, path: "model") == spec)
    }

    /// With B at zero the model is the one that was adapted; with any B it is the one whose weight has the product.
    @Test func anAdaptedModelIsTheMergedOne() throws {
        let plain = try model(Self.adapted, [4, 3])
        let adapted = try model(Self.adapted, [4, 3], Self.adapters)
        let (start, frozen, _) = adapted.initial(seed: 7)
        let values = perturbed(start.values, seed: 3)
        let merged = adapted.merged(ParameterVector(layout: adapted.layout, values: values), frozen: frozen)
        let data = randomExamples(count: 7, shape: [4, 3], classes: 3, seed: 3)
        let wanted = Evaluator(model: adapted, loss: SoftmaxCrossEntropy()).metrics(values, on: data).loss
        #expect(merged.layout == plain.layout)
        let found = Evaluator(model: plain, loss: SoftmaxCrossEntropy()).metrics(merged.values, on: data).loss
        #expect(abs(wanted - found) < 1e-5)
        let before = adapted.merged(start, frozen: frozen)
        for entry in frozen.layout.entries {
            let place = try #require(plain.layout.entries.first { $0.name == entry.name })
            #expect(Array(before.values[place.range]) == Array(frozen.values[entry.range]))
        }
    }

    // MARK: Sequences

    /// A loss over positions is their sum divided by the length; positions without a target add nothing.
    @Test func aTargetAPosition() throws {
        let model = try model("[{sequence: {}}, {dense: 5}]", [6, 3])
        let data = randomExamples(count: 9, shape: [6, 3], classes: 2, seed: 1)
        let targets = randomSequences(count: 9, length: 6, vocabulary: 5, seed: 2).targets
        let sequences = Examples(
            count: 9, featureShape: [6, 3], features: data.features, targets: targets)
        let options = try TrainingOptions(json5("{batch_size: 4}"), path: "t")
        #expect(
            try relativeGradientError(model: model, options: options, data: sequences, seed: 1) < 2e-3)
        let zeros = [Float](repeating: 0, count: model.layout.count)
        let metrics = Evaluator(model: model, loss: SoftmaxCrossEntropy()).metrics(zeros, on: sequences)
        guard case .tokens(let table, _, _) = targets else { return }
        #expect(metrics.positions == table.count { $0 >= 0 })
        #expect(abs((metrics.perplexity ?? 0) - 5) < 1e-4)
        #expect(abs(try meanLoss(model, options, zeros, sequences) - metrics.loss * 2 / 3) < 1e-6)
    }

    // MARK: Bad input

    @Test(arguments: [
        ("[{residual: [{dense: 3}]}]", "", "layer 0 (residual): its layers yield shape [3]"),
        ("[{dense: 4, name: 'a'}, {dense: 4, name: 'a'}]", "", "another layer has this name"),
        ("[{dense: {units: 4, sharing: 'w'}}, {dense: {units: 3, sharing: 'w'}}]", "", "shares \"w\""),
        ("[{dense: 4}]", ", adapters: {targets: ['1']}", "fits no layer that can be adapted: there are 0"),
        ("[{dense: 4}, 'tanh']", ", adapters: {targets: ['*']}", "layer 1 (tanh): cannot have an adapter"),
        ("[{dense: 4}]", ", adapters: {rank: 4}", "adapters.targets"),
        ("[{dense: 4}]", ", adapters: {targets: ['0']}, freeze: ['0']", "cannot stand beside adapters"),
        ("[{dense: {units: 4, parts: ['q', 'k']}}]", ", freeze: ['0.q.*']", "freeze all of them or none"),
        ("[{dense: {units: 5, parts: ['q', 'k']}}]", "", "share 5 units evenly"),
        ("[{sequence: {}}]", "", "needs a shape of time and values"),
        ("[{residual: []}]", "", "must hold at least one layer"),
        ("[{dense: 4, name: 'a b'}]", "", "must be a name of letters"),
        ("[{residul: [{dense: 4}]}]", "", "residual"),
    ])
    func whatCannotBeIsSaidInALine(layers: String, more: String, part: String) {
        let error = #expect(throws: ConfigurationError.self) { try model(layers, [4], more) }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains(part) && !text.contains("\n"), "\(text)")
    }
}

/// Memory and names.
@Suite struct NetworkPlanTests {
    /// Blocks that are in use at one time never overlap, and a block that is done with is used again.
    @Test(arguments: 1...20) func blocksInUseNeverOverlap(seed: UInt64) {
        var random = SeededGenerator(seed: seed, purpose: .test)
        var plan = BufferPlan()
        var blocks: [(offset: Int, size: Int, time: ClosedRange<Int>)] = []
        for _ in 0..<60 {
            let (size, start) = (random.index(below: 100), random.index(below: 40))
            let time = start...(start + random.index(below: 12))
            blocks.append((plan.place(size, during: time), size, time))
        }
        for (index, one) in blocks.enumerated() {
            #expect(one.offset + one.size <= plan.size && one.offset % 16 == 0)
            for other in blocks[..<index] where other.time.overlaps(one.time) {
                #expect(one.offset + one.size <= other.offset || other.offset + other.size <= one.offset)
            }
        }
        #expect(plan.size < blocks.reduce(0) { $0 + $1.size })
    }

    @Test(arguments: [
        ("h.*.attn", "h.0.attn", true), ("h.*.attn", "h.10.mlp.attn", true),
        ("h.*.attn", "h.0.attn.x", false),
        ("*", "", true), ("", "", true), ("", "a", false), ("a*b*c", "abc", true), ("a*b*c", "aXbXbXc", true),
        ("a*b*c", "acb", false), ("**", "x", true), ("x", "x", true), ("x", "xx", false),
    ])
    func patternsFitWholeNames(pattern: String, name: String, fits: Bool) {
        #expect(NamePattern(text: pattern).matches(name) == fits)
    }
}
