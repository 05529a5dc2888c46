import Compute
import Configuration
import Datasets
import Federation
import Learning
import Privacy
import Testing

@testable import Simulation

/// `holdout: "federated"`: what clients say of the models, in the vector of each round.
@Suite struct FederatedMetricsTests {
    private static func setup(_ privacy: String, rounds: Int, evaluation: String = "") throws
        -> SimulationSetup
    {
        let text = """
            { name: 't', model: { preset: 'mlp', hidden: [8], classes: 3 },
              training: { batch_size: 5, learning_rate: 0.1 },
              rounds: \(rounds), cohort_size: 20, min_reports: 20, privacy: \(privacy),
              evaluation: { holdout: 'federated', examples_bound: 30, loss_bound: 3 \(evaluation) } }
            """
        let task = try TaskConfiguration(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        var random = SeededGenerator(seed: 3, purpose: .test)
        let labels = (0..<400).map { _ in Int32(random.index(below: 3)) }
        var features: [Float] = []
        for label in labels {
            features.append(Float(label) + random.uniform() - 0.5)
            features.append(Float(label % 2) * 2 + random.uniform() - 0.5)
        }
        let examples = Examples(
            count: 400, featureShape: [2], features: .floats(features), targets: .classes(labels, count: 3))
        let rows = (0..<20).map { client in (0..<(5 + client % 9)).map { Int32($0 * 17 + client) } }
        let plan = try TaskPlan(task, model: Model(task.model, inputShape: [2]), population: 20)
        return SimulationSetup(
            plan: plan, training: examples, holdout: nil, partition: Partition(clients: rows), seed: 5,
            faults: FleetModel(), workers: 2, noise: .seeded(5))
    }

    private static func run(_ setup: SimulationSetup) throws -> Simulator {
        let simulator = try Simulator(setup, journal: SilentJournal())
        _ = try simulator.run()
        return simulator
    }

    /// With next to no noise the released metrics are the means over the clients of the model before the round.
    @Test(arguments: [
        "{mode: 'central', clipping_norm: 1, noise_multiplier: 1e-4}",
        "{mode: 'local', clipping_norm: 1, noise_multiplier: 1e-4}",
        "{mode: 'distributed', clipping_norm: 1, noise_multiplier: 1e-4}",
        "{mode: 'central', clipping_norm: 1, noise_multiplier: 1e-4, sampling: 'fixed-size'}",
        "{mode: 'distributed', clipping_norm: 1, noise_multiplier: 1e-4}, robust: {rule: 'mean'},"
            + " secure_aggregation: {groups: 4, adversarial_client_rate: 0}",
    ])
    func metricsAreMeansOverTheClients(privacy: String) throws {
        let setup = try Self.setup(privacy, rounds: 2)
        let records = try Self.run(setup).progress.records
        let first = try Self.run(Self.setup(privacy, rounds: 1)).progress.parameters.values
        let models = [setup.plan.model.initialParameters(seed: 5).values, first]
        let evaluator = ClientEvaluator(setup.plan)
        for (record, model) in zip(records, models) {
            let said = try (0..<20).map {
                try evaluator.metrics(model, on: setup.training, indices: setup.partition[$0])
            }
            let accuracy = said.reduce(0) { $0 + ($1.accuracy ?? 0) } / 20
            let loss = said.reduce(0) { $0 + min($1.loss, 3) } / 20
            // Grid and noise of distributed mode are the coarsest.
            #expect(abs((record.accuracy ?? -1) - accuracy) < 0.01, "\(record)")
            #expect(abs((record.loss ?? -1) - loss) < 0.03, "\(record)")
        }
        #expect(records.count == 2)
    }

    @Test func whatNoNoiseWouldCoverIsRefused() {
        #expect(throws: ConfigurationError.self) { try Self.setup("{mode: 'none'}", rounds: 1) }
        // Metrics of a silo tell of its single records.
        let example = "example: {clipping_norm: 1, noise_multiplier: 1}"
        #expect(throws: ConfigurationError.self) {
            try Self.setup("{mode: 'central', noise_multiplier: 1, \(example)}", rounds: 1)
        }
        #expect(throws: ConfigurationError.self) {
            try Self.setup(
                "{mode: 'central', noise_multiplier: 1}", rounds: 1, evaluation: ", metrics_share: 1")
        }
    }
}
