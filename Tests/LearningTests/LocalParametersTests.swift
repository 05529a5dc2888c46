import Compute
import Configuration
import Testing

@testable import Learning

@Suite struct LocalParametersTests {
    private static let layers = "[{dense: 6}, {tanh: {}}, {dense: 5}, {layer_norm: {}}, {dense: 3}]"
    private static let data = randomExamples(count: 23, shape: [4], classes: 3, seed: 5)

    private func model(_ rest: String = "", layers: String = Self.layers) throws -> Model {
        try Model(ModelSpec(json5("{layers: \(layers)\(rest)}"), path: "task.model"), inputShape: [4])
    }

    /// The values of every tensor by its name, of a vector with the shared parameters first.
    private func named(_ model: Model, _ values: [Float]) -> [String: [Float]] {
        var result: [String: [Float]] = [:]
        for entry in model.layout.entries { result[entry.name] = Array(values[entry.range]) }
        for entry in model.localLayout.entries {
            let start = model.layout.count + entry.offset
            result[entry.name] = Array(values[start..<(start + entry.count)])
        }
        return result
    }

    private func start(_ model: Model) -> [Float] {
        let initial = model.initial(seed: 3)
        return initial.trained.values + initial.local.values
    }

    @Test(arguments: ["['4.*']", "['0.bias', '2.*']", "['3.*']", "['*.weight']"])
    func theRoleChangesNoStart(patterns: String) throws {
        let (plain, own) = (try model(), try model(", local: \(patterns)"))
        #expect(own.localLayout.count > 0)
        #expect(own.trainedCount == plain.layout.count)
        #expect(named(own, start(own)) == named(plain, start(plain)))
        #expect(try ModelSpec(own.spec.json, path: "task.model") == own.spec)
        #expect(try own.pooled(seed: 3).layout == plain.layout)
        #expect(try own.pooled(seed: 3).initialParameters(seed: 9) == plain.initialParameters(seed: 3))
    }

    /// Where all is trained together, where a tensor lies changes not one bit of what it becomes.
    @Test(arguments: [
        ("['4.*']", "learning_rate: 0.2"), ("['0.bias', '2.*']", "optimizer: 'adam', learning_rate: 0.01"),
        ("['*.weight']", "optimizer: 'momentum', learning_rate: 0.05, l2: 0.01"),
    ])
    func trainedTogetherTheyAreThePlainModel(patterns: String, options: String) throws {
        let options = try TrainingOptions(json5("{local_epochs: 2, batch_size: 5, \(options)}"), path: "t")
        func trained(_ model: Model) throws -> [String: [Float]] {
            var parameters = start(model)
            _ = try LocalTrainer(model: model, options: options).train(
                &parameters, on: Self.data, indices: (0..<23).map { $0 }, stream: TrainingStream(seed: 2))
            return named(model, parameters)
        }
        #expect(try trained(model(", local: \(patterns)")) == trained(model()))
    }

    /// The change that is sent is the shared part's; what stays lies in the trainer.
    @Test(arguments: [(0, 2), (3, 0), (1, 1)])
    func onlyTheSharedPartIsAChange(headEpochs: Int, bodyEpochs: Int) throws {
        let model = try model(", local: ['4.*']")
        var options = try TrainingOptions(
            json5("{batch_size: 5, optimizer: 'adam', learning_rate: 0.01, l2: 0.1}"), path: "t")
        (options.headEpochs, options.localEpochs) = (headEpochs, bodyEpochs)
        let trainer = LocalTrainer(model: model, options: options)
        let initial = model.initial(seed: 3)
        let own = initial.local.values
        _ = trainer.ownParameters.update(fromContentsOf: own)
        let indices = (0..<Int32(23)).map { $0 }
        let (delta, outcome) = try indices.withUnsafeBufferPointer { indices in
            try initial.trained.values.withUnsafeBufferPointer {
                try trainer.delta(
                    from: $0, on: Self.data, indices: indices, stream: TrainingStream(seed: 2))
            }
        }
        #expect(delta.count == model.layout.count)
        #expect(delta.contains { $0 != 0 } == (bodyEpochs > 0))
        #expect((Array(trainer.ownParameters) != own) == (headEpochs > 0 || bodyEpochs == 2))
        #expect(outcome.steps == (headEpochs + bodyEpochs) * 5)
    }

    /// Head first, then body: the same as training the one with the other frozen, and the other way round.
    @Test func alternationIsTrainingOnePartWithTheOtherFrozen() throws {
        let (head, body) = (", freeze: ['0.*', '2.*', '3.*']", ", freeze: ['4.*']")
        let alternating = try model(", local: ['4.*']")
        var options = try TrainingOptions(json5("{batch_size: 23, learning_rate: 0.1}"), path: "t")
        (options.headEpochs, options.localEpochs) = (1, 1)
        var together = start(alternating)
        let indices = (0..<Int32(23)).map { $0 }
        _ = try LocalTrainer(model: alternating, options: options).train(
            &together, on: Self.data, indices: indices, stream: TrainingStream(seed: 2))

        options.headEpochs = 0
        let first = try model(head)
        let all = named(alternating, start(alternating))
        func vector(_ layout: ParameterLayout, _ values: [String: [Float]]) -> ParameterVector {
            ParameterVector(layout: layout, values: layout.entries.flatMap { values[$0.name] ?? [] })
        }
        var headValues = vector(first.layout, all).values
        _ = try LocalTrainer(
            model: first.with(frozen: FrozenParameters(vector(first.frozenLayout, all))), options: options
        ).train(&headValues, on: Self.data, indices: indices, stream: TrainingStream(seed: 2))
        let half = all.merging(named(first, headValues)) { $1 }
        let second = try model(body)
        var bodyValues = vector(second.layout, half).values
        _ = try LocalTrainer(
            model: second.with(frozen: FrozenParameters(vector(second.frozenLayout, half))), options: options
        ).train(&bodyValues, on: Self.data, indices: indices, stream: TrainingStream(seed: 2))
        let wanted = half.merging(named(second, bodyValues)) { $1 }
        for (name, values) in named(alternating, together) {
            let other = try #require(wanted[name])
            #expect(zip(values, other).allSatisfy { abs($0 - $1) < 1e-6 }, "\(name)")
            #expect(values != all[name], "\(name)")
        }
    }

    @Test(arguments: [
        (", local: ['5.*']", "task.model.local", "fits no parameter: there are 0.weight"),
        (", local: ['*']", "task.model.local", "nothing is left to learn together"),
        (", local: ['4.*'], freeze: ['4.bias']", "task.model", "4.bias is frozen and fits model.local"),
        (", local: 4", "task.model.local", "list"),
    ])
    func whatCannotStayIsRefused(rest: String, path: String, problem: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try model(rest) }
        #expect("\(error)".contains(path))
        #expect("\(error)".contains(problem), "\(error)")
    }

    @Test(arguments: [
        ("[{embedding: {vocabulary: 9, units: 4, sharing: 'w'}}, {dense: {units: 9, sharing: 'w'}}]", "1.*"),
        ("[{embedding: {vocabulary: 9, units: 4, sharing: 'w'}}, {dense: {units: 9, sharing: 'w'}}]", "0.*"),
    ])
    func tiedParametersAreRefused(layers: String, pattern: String) throws {
        let error = try #require(throws: ConfigurationError.self) {
            try model(", local: ['\(pattern)']", layers: layers)
        }
        #expect("\(error)".contains("tied parameters cannot be local"), "\(error)")
    }

    /// The rating of item i is qᵢ · p + b + bᵢ, and p and b are the user's own.
    @Test func matrixFactorisationKeepsTheUser() throws {
        let spec = try ModelSpec(
            json5("{preset: 'matrix-factorization', items: 5, factors: 3}"), path: "task.model")
        #expect(try ModelSpec(spec.json, path: "task.model") == spec)
        let model = try Model(spec, inputShape: [1])
        #expect(Set(model.localLayout.entries.map(\.name)) == ["user.weight", "user.bias"])
        #expect(Set(model.layout.entries.map(\.name)) == ["item.weight", "item_bias.weight"])
        let values = perturbed([Float](repeating: 0, count: model.trainedCount), seed: 4)
        let tensors = named(model, values)
        let items: [Int32] = [3, 0, 4]
        let data = Examples(
            count: 3, featureShape: [1], features: .tokens(items, vocabulary: 5),
            targets: .values([0, 0, 0], width: 1))
        let found = Evaluator(model: model, loss: MeanSquaredError()).predict(
            values, on: data, classifies: false)
        let (item, bias) = (try #require(tensors["item.weight"]), try #require(tensors["item_bias.weight"]))
        let (user, own) = (try #require(tensors["user.weight"]), try #require(tensors["user.bias"]))
        for (prediction, token) in zip(found, items.map { Int($0) }) {
            var wanted = own[0] + bias[token]
            for factor in 0..<3 { wanted += item[3 * token + factor] * user[factor] }
            #expect(abs(prediction.values[0] - wanted) < 1e-5)
        }
        #expect(try model.pooled(seed: 1).localLayout.count == 0)
        #expect(try Model(spec.merged(), inputShape: [1]).localLayout.count == 0)
    }
}
