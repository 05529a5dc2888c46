import Compute
import Configuration
import Encoding
import Federation
import Foundation
import Learning
import Privacy
import Testing

/// What client rules do beside training, held against their papers' formulas.
@Suite struct ClientRuleTests {
    private static let options = "{ local_epochs: 3, batch_size: 100, learning_rate: 0.2 }"

    private func plan(
        _ strategy: String, training: String = options, privacy: String = "{ mode: 'none' }"
    ) throws -> TaskPlan {
        let text = """
            { model: { layers: [{ dense: 3 }] }, training: \(training), rounds: 4, cohort_size: 2,
              strategy: \(strategy), privacy: \(privacy) }
            """
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [2]), population: 4)
    }

    private let examples = Examples(
        count: 6, featureShape: [2],
        features: .floats([0.5, 1, -1, 0.25, 2, -0.5, 0, 1, -0.75, -1, 1, 1]),
        targets: .classes([0, 1, 2, 0, 1, 2], count: 3))
    private let indices: [Int32] = [0, 1, 2, 3, 4, 5]

    private func report(
        _ plan: TaskPlan, _ work: ClientTraining, _ model: [Float], _ context: ClientContext
    ) throws -> [Float] {
        try model.withUnsafeBufferPointer { model in
            try indices.withUnsafeBufferPointer { indices in
                Array(
                    try work.update(
                        of: model, on: examples, indices: indices, stream: TrainingStream(seed: 1, round: 1),
                        context: context
                    ) { () throws -> NoSource in throw Missing() }.delta)
            }
        }
    }

    private struct Missing: Error {}
    private struct NoSource: NoiseSource {
        mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws { throw Missing() }
    }

    /// Gradient of the mean loss over all examples.
    private func gradient(_ plan: TaskPlan, at model: [Float]) throws -> [Float] {
        let trainer = LocalTrainer(model: plan.model, options: plan.configuration.training)
        var (model, result) = (model, [Float](repeating: 0, count: model.count))
        _ = try model.withUnsafeMutableBufferPointer { model in
            try result.withUnsafeMutableBufferPointer { result in
                try indices.withUnsafeBufferPointer {
                    try trainer.gradient(
                        of: model, on: examples, indices: $0, stream: TrainingStream(seed: 1), into: result)
                }
            }
        }
        return result
    }

    private func expectClose(_ found: ArraySlice<Float>, _ wanted: [Float], _ what: String) {
        #expect(found.count == wanted.count)
        for (found, wanted) in zip(found, wanted) { #expect(abs(found - wanted) < 2e-6, "\(what)") }
    }

    /// Karimireddy et al. 2020, algorithm 1 with option II, written out with one gradient a step: two rounds of one client.
    @Test(arguments: [
        options, "{ local_epochs: 3, batch_size: 100, learning_rate: 0.2, gradient_clip_norm: 100 }",
    ])
    func scaffoldsClientIsItsAlgorithm(training: String) throws {
        let plan = try plan("{ name: 'scaffold' }", training: training)
        let (work, memory) = (ClientTraining(plan: plan), ClientMemory(plan.clientMemory))
        var model = plan.model.initialParameters(seed: 3).values
        let count = model.count
        var own = [Float](repeating: 0, count: count)
        for state in [[], (0..<count).map { 0.1 * Float($0) - 0.3 }] as [[Float]] {
            let all = state.isEmpty ? own.map { _ in 0 } : state
            var local = model
            for _ in 0..<3 {
                let gradient = try gradient(plan, at: local)
                for index in 0..<count { local[index] -= 0.2 * (gradient[index] - own[index] + all[index]) }
            }
            let next: [Float] = (0..<count).map { index in
                let moved: Float = (model[index] - local[index]) / (3 * 0.2)
                return own[index] - all[index] + moved
            }
            let sent = try report(plan, work, model, ClientContext(serverState: state, memory: memory))
            #expect(sent.count == 2 * count && plan.report.count == 2 * count)
            expectClose(sent[..<count], zip(local, model).map { $0 - $1 }, "the change")
            expectClose(sent[count...], zip(next, own).map { $0 - $1 }, "the control variate's change")
            expectClose(Array(memory["control_variate"])[...], next, "the client's control variate")
            own = Array(memory["control_variate"])
            model = model.map { $0 + 0.05 }
        }
    }

    /// Where the mean gradient is far longer than what is known of it, or training with the correction diverges, the client
    /// sends what federated averaging does, and keeps its mean gradient.
    @Test(
        arguments: [(3, 0.001, true), (1e6, 0.001, false), (1e6, .greatestFiniteMagnitude, true)]
            as [(Double, Float, Bool)])
    func aClientThatIsCarriedAwayTrainsWithoutCorrection(limit: Double, kept: Float, isPlain: Bool) throws {
        let plan = try plan("{ name: 'scaffold', guard: \(limit) }")
        let (work, memory) = (ClientTraining(plan: plan), ClientMemory(plan.clientMemory))
        let model = plan.model.initialParameters(seed: 3).values
        let open = try self.plan("{ name: 'fedavg' }")
        let change = try report(open, ClientTraining(plan: open), model, ClientContext())
        for index in memory.values.indices { memory.values[index] = index % 2 == 0 ? kept : -kept }
        let sent = try report(plan, work, model, ClientContext(memory: memory))
        #expect((Array(sent[..<model.count]) == change) == isPlain)
        guard isPlain else { return }
        for (value, change) in zip(memory.values, change) {
            #expect(abs(value + change / (3 * 0.2)) <= 1e-6 * max(1, kept))
        }
    }

    /// Acar et al. 2021, algorithm 1, written out.
    @Test func feddynsClientIsItsAlgorithm() throws {
        let plan = try plan("{ name: 'feddyn', alpha: 0.5 }")
        let (work, memory) = (ClientTraining(plan: plan), ClientMemory(plan.clientMemory))
        var model = plan.model.initialParameters(seed: 3).values
        var own = model.map { _ in Float(0) }
        for _ in 0..<2 {
            var local = model
            for _ in 0..<3 {
                let gradient = try gradient(plan, at: local)
                for index in model.indices {
                    local[index] -= 0.2 * (gradient[index] - own[index] + 0.5 * (local[index] - model[index]))
                }
            }
            let sent = try report(plan, work, model, ClientContext(memory: memory))
            expectClose(sent[...], zip(local, model).map { $0 - $1 }, "the change")
            for index in own.indices { own[index] -= 0.5 * (local[index] - model[index]) }
            expectClose(Array(memory["gradient"])[...], own, "the client's gradient")
            model = model.map { $0 - 0.05 }
        }
    }

    /// ‖a‖₁ of the paper, added up step by step: how much the gradient of each of τ steps counts in the change.
    @Test(
        arguments: [
            ("optimizer: 'sgd'", 0.0, 0.0), ("optimizer: 'momentum', momentum: 0.9", 0.9, 0),
            ("optimizer: 'sgd', momentum: 0.5", 0.5, 0), ("proximal_mu: 0.75", 0, 0.75),
        ], [1, 2, 7])
    func fednovaDividesByTheWeightsOfItsSteps(
        rule: (keys: String, momentum: Double, mu: Double), steps: Int
    ) throws {
        let plan = try plan(
            "{ name: 'fednova' }",
            training: "{ local_epochs: \(steps), batch_size: 100, learning_rate: 0.2, \(rule.keys) }")
        var (length, velocity, kept) = (0.0, 0.0, 0.0)
        for _ in 0..<steps {
            // The change after one more step, for gradients that are all 1: its slope in each is what a holds.
            velocity = rule.momentum * velocity + 1
            kept = kept * (1 - 0.2 * rule.mu) + velocity
            length = kept
        }
        let model = plan.model.initialParameters(seed: 3).values
        let sent = try report(plan, ClientTraining(plan: plan), model, ClientContext())
        let open = try self.plan(
            "{ name: 'fedavg' }",
            training: "{ local_epochs: \(steps), batch_size: 100, learning_rate: 0.2, \(rule.keys) }")
        let change = try report(open, ClientTraining(plan: open), model, ClientContext())
        #expect(abs(Double(sent[model.count]) - length) < 1e-5)
        expectClose(sent[..<model.count], change.map { $0 / Float(length) }, "the change")
    }

    @Test func fedexpSendsTheSquaredLength() throws {
        let plan = try plan("{ name: 'fedexp' }")
        let model = plan.model.initialParameters(seed: 3).values
        let sent = try report(plan, ClientTraining(plan: plan), model, ClientContext())
        let squared = sent.dropLast().reduce(0) { $0 + $1 * $1 }
        #expect(sent.count == model.count + 1 && squared > 0 && abs(sent[model.count] - squared) < 1e-6)
    }

    /// What goes beside the change is averaged like it, with the same weights, and moves the model as the server's rule says.
    @Test func whatGoesBesideTheChangeIsAveragedToo() throws {
        let plan = try plan("{ name: 'scaffold' }")
        #expect(plan.weighsUniformly)
        let pipeline = UpdatePipeline(plan: plan, onlyAdds: true)
        var sum = Aggregation(count: plan.report.count, bits: plan.codec.bits)
        let count = plan.dimension
        for client in [1, 2] as [Float] {
            let sent = (0..<2 * count).map { client * Float($0) / 64 }
            var (rounding, noise) = (SeededGenerator(seed: 1, purpose: .stochasticRounding), NoSource())
            let weight = try sent.withUnsafeBufferPointer { sent in
                let (weight, diagnostics) = try pipeline.encode(
                    sent, examples: 7, clippingNorm: .infinity, rounding: &rounding, noise: &noise)
                let own = sent[..<count].reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
                #expect(abs(diagnostics.norm - own) < 1e-9)
                try pipeline.add(sent, to: &sum)
                return weight
            }
            #expect(weight == 1)
        }
        let start = plan.model.initialParameters(seed: 3)
        var model = try GlobalModel(parameters: start, plan: plan)
        #expect(model.publishedState.isEmpty)
        model.apply(noisySum: sum.sum, weight: sum.weight)
        for index in 0..<count {
            let mean = 1.5 * Float(index) / 64
            #expect(abs(model.parameters.values[index] - start.values[index] - mean) < 1e-6)
            // Two of four clients.
            let control = 0.5 * 1.5 * Float(index + count) / 64
            #expect(abs(model.publishedState[index] - control) < 1e-6)
        }
    }

    @Test(
        arguments: [
            ("{ name: 'scaffold' }", "{ optimizer: 'adam' }", "task.training.optimizer"),
            ("{ name: 'scaffold' }", "{ momentum: 0.9 }", "task.training.optimizer"),
            ("{ name: 'scaffold' }", "{ weight_decay: 0.01 }", "task.training.optimizer"),
            ("{ name: 'scaffold' }", "{ proximal_mu: 1 }", "task.training.proximal_mu"),
            ("{ name: 'feddyn' }", "{ proximal_mu: 1 }", "task.training.proximal_mu"),
            ("{ name: 'fednova' }", "{ optimizer: 'adam' }", "task.training.optimizer"),
            ("{ name: 'fednova' }", "{ optimizer: 'nesterov' }", "task.training.optimizer"),
            ("{ name: 'fednova' }", "{ momentum: 0.5, proximal_mu: 1 }", "task.training.proximal_mu"),
            ("{ name: 'fednova' }", "{ learning_rate: 1, proximal_mu: 1 }", "task.training.proximal_mu"),
        ])
    func trainingThatAFormulaDoesNotHoldForIsRefused(strategy: String, training: String, path: String) {
        let error = #expect(throws: ConfigurationError.self) { try plan(strategy, training: training) }
        #expect(error?.path == path)
    }

    @Test(arguments: ["scaffold", "feddyn", "fednova", "fedexp"])
    func whatNoNoiseCoversIsRefusedWhereAnythingIsPrivate(name: String) {
        for (privacy, path) in [
            ("{ mode: 'central', clipping_norm: 1, noise_multiplier: 1 }", "task.privacy.mode"),
            ("{ mode: 'local', clipping_norm: 1, noise_multiplier: 1 }", "task.privacy.mode"),
            (
                "{ mode: 'none', example: { clipping_norm: 1, noise_multiplier: 1 } }",
                "task.privacy.example"
            ),
        ] {
            let error = #expect(throws: ConfigurationError.self) {
                try plan("{ name: '\(name)' }", privacy: privacy)
            }
            #expect(error?.path == path && error?.problem.contains("\n") == false)
        }
    }
}
