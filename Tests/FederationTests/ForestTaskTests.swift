import Compute
import Configuration
import Encoding
import Learning
import Privacy
import Testing

@testable import Federation

/// A task that grows a forest: what it goes with, and that its rounds sum what clients send.
@Suite struct ForestTaskTests {
    private func plan(
        model: String = "{ preset: 'trees', trees: 3, depth: 2, classes: 2, edges: [-0.5, 0, 0.5] }",
        strategy: String = "{ name: 'trees' }", training: String = "{}", rounds: Int = 6, cohort: Int = 4,
        privacy: String = "{ mode: 'none' }", more: String = ""
    ) throws -> TaskPlan {
        let text = """
            { model: \(model), training: \(training), strategy: \(strategy), rounds: \(rounds),
              \(more.hasPrefix("asynchronous") ? "" : "cohort_size: \(cohort),") privacy: \(privacy), \(more) }
            """
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [3]), population: cohort)
    }

    private struct NoSource: NoiseSource {
        mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) throws { throw UpdateRefusal.notFinite }
    }

    private static let table: Examples = {
        var random = SeededGenerator(seed: 3, purpose: .test)
        let values = (0..<600).map { _ in Float(random.normal()) }
        let labels = (0..<200).map { row -> Int32 in
            let (first, second, third) = (values[3 * row], values[3 * row + 1], values[3 * row + 2])
            return first + second * third > 0 ? 1 : 0
        }
        return Examples(
            count: 200, featureShape: [3], features: .floats(values), targets: .classes(labels, count: 2))
    }()

    /// The model after all rounds, of so many clients.
    private func grown(_ plan: TaskPlan, clients: Int) throws -> GlobalModel {
        let (work, pipeline) = (ClientTraining(plan: plan), UpdatePipeline(plan: plan, onlyAdds: true))
        var model = try GlobalModel(parameters: plan.model.initialParameters(seed: 1), plan: plan)
        for round in 1...plan.configuration.rounds {
            var sum = Aggregation(count: plan.report.count, bits: plan.codec.bits)
            for client in 0..<clients {
                let rows = (0..<Int32(200)).filter { Int($0) % clients == client }
                var (rounding, noise) = (
                    SeededGenerator(seed: 1, purpose: .stochasticRounding, client: client, round: round),
                    NoSource()
                )
                try rows.withUnsafeBufferPointer { rows in
                    try model.parameters.values.withUnsafeBufferPointer { parameters in
                        let (report, outcome) = try work.update(
                            of: parameters, on: Self.table, indices: rows,
                            stream: TrainingStream(seed: 1, client: client, round: round)
                        ) { NoSource() }
                        #expect(outcome.meanLoss.isFinite && !outcome.diverged)
                        let (weight, _) = try pipeline.encode(
                            report, examples: rows.count, clippingNorm: model.clippingNorm,
                            rounding: &rounding,
                            noise: &noise)
                        #expect(weight == 1)
                        try pipeline.add(report, to: &sum)
                    }
                }
            }
            withExtendedLifetime(work) { model.apply(noisySum: sum.sum, weight: sum.weight) }
        }
        return model
    }

    /// However rows are dealt, the sum is the same, and so are all bits of the forest.
    @Test func theForestIsThePooledOne() throws {
        let pooled = try grown(plan(cohort: 1), clients: 1)
        #expect(pooled.parameters.values.first == 6)
        let model = try plan().model
        let accuracy = Evaluator(
            model: model, loss: LossCatalog.standard(for: model, targets: Self.table.targets)
        ).metrics(pooled.parameters.values, on: Self.table).accuracy
        #expect(try #require(accuracy) > 0.7)
        for clients in [2, 10, 100] {
            #expect(
                try grown(plan(cohort: clients), clients: clients).parameters.values
                    == pooled.parameters.values)
        }
    }

    /// With privacy the sum is of clipped vectors on a grid; wide and fine enough, it grows the same splits.
    @Test func aClippedSumGrowsAForestToo() throws {
        let open = try grown(plan(), clients: 4)
        let plan = try plan(
            privacy: "{ mode: 'central', clipping_norm: 1000, noise_multiplier: 1e-3, target_delta: 1e-5 }")
        #expect(plan.report[.update].count * 2 == (try self.plan()).report[.update].count)
        let clipped = try grown(plan, clients: 4)
        let forest = try #require(plan.model.forest)
        #expect(forest.rounds == 6)
        let splits = 1..<(1 + 3 * 3)
        #expect(clipped.parameters.values[splits] == open.parameters.values[splits])
        for (left, right) in zip(clipped.parameters.values, open.parameters.values) {
            #expect(abs(left - right) < 0.05)
        }
    }

    @Test(arguments: [
        ("{ preset: 'logistic', classes: 2 }", "{ name: 'trees' }", "{}", 6, "", "task.model"),
        (
            "{ layers: [{ trees: { classes: 2, edges: [0] } }, { dense: 2 }] }", "{ name: 'trees' }", "{}", 6,
            "",
            "task.model"
        ),
        (
            "{ preset: 'trees', classes: 2, edges: [0] }", "{ name: 'fedavg' }", "{}", 6, "",
            "task.strategy.name"
        ),
        (
            "{ preset: 'trees', classes: 2, edges: [0], local: ['*'] }", "{ name: 'trees' }", "{}", 6, "",
            "task.model"
        ),
        (
            "{ preset: 'trees', classes: 2, edges: [0], trees: 2, depth: 3 }", "{ name: 'trees' }", "{}", 7,
            "", "task.rounds"
        ),
        (
            "{ preset: 'trees', classes: 2, edges: [0] }", "{ name: 'trees' }", "{ local_epochs: 2 }", 6, "",
            "task.training"
        ),
        (
            "{ preset: 'trees', classes: 2, edges: [0] }", "{ name: 'trees' }", "{ loss: 'mse' }", 6, "",
            "task.training.loss"
        ),
        (
            "{ preset: 'trees', classes: 2, edges: [0] }", "{ name: 'trees' }", "{}", 6,
            "robust: { rule: 'median' }",
            "task.robust"
        ),
        (
            "{ preset: 'trees', classes: 2, edges: [0] }", "{ name: 'trees' }", "{}", 6,
            "compression: { name: 'quantize' }", "task.compression"
        ),
        (
            "{ preset: 'trees', classes: 2, edges: [0] }", "{ name: 'trees' }", "{}", 6,
            "compression: { download: { bits: 5 } }", "task.compression.download"
        ),
        (
            "{ preset: 'trees', classes: 2, edges: [0] }", "{ name: 'trees' }", "{}", 6,
            "asynchronous: { buffer: 2, concurrency: 2 }", "task.asynchronous"
        ),
        (
            "{ preset: 'trees', classes: 2, edges: [0] }", "{ name: 'trees', lambda: -1 }", "{}", 6, "",
            "task.strategy.lambda"
        ),
        (
            "{ preset: 'trees', classes: 2, edges: [0] }", "{ name: 'trees', mu: 1 }", "{}", 6, "",
            "task.strategy.mu"
        ),
    ]) func refusals(
        _ model: String, _ strategy: String, _ training: String, _ rounds: Int, _ more: String, _ path: String
    ) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try plan(model: model, strategy: strategy, training: training, rounds: rounds, more: more)
        }
        #expect(
            error.map { $0.path.hasPrefix(path) && !$0.problem.contains("\n") } == true,
            "\(String(describing: error))")
    }

    @Test(arguments: [
        (
            "{ mode: 'none', example: { clipping_norm: 1, noise_multiplier: 1, records: 50 } }",
            "task.privacy.example"
        ),
        (
            "{ mode: 'central', clipping_norm: 1, noise_multiplier: 1, per_layer_clipping: true }",
            "task.privacy.per_layer_clipping"
        ),
    ]) func privacyThatAForestHasNot(_ privacy: String, _ path: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try plan(privacy: privacy) }
        #expect(error?.path == path, "\(String(describing: error))")
    }

    @Test(arguments: ["distributed", "local", "central"]) func everyPrivateModeHasAPlan(mode: String) throws {
        let plan = try plan(
            privacy: "{ mode: '\(mode)', clipping_norm: 1, noise_multiplier: 1, target_delta: 1e-5 }")
        let forest = try #require(plan.model.forest)
        #expect(plan.report.vector.count == 2 * forest.pairs && plan.weighsUniformly)
    }
}
