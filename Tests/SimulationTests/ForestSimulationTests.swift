import Compute
import Configuration
import Federation
import Foundation
import Learning
@testable import Simulation
import Testing

/// Forests that grow over rounds of the simulator, from a scenario to the published model.
@Suite struct ForestSimulationTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("simulations/data")

    private static func scenario(
        model: String = "quantiles: 8", rounds: Int = 6, clients: Int = 10,
        simulation: String = "baselines: []",
        privacy: String = "{ mode: 'none' }", task: String = ""
    ) throws -> ConfigurationDocument {
        let text = """
            { task: { name: "f", model: { preset: "trees", trees: 3, depth: 2, \(model) }, training: {},
                strategy: { name: "trees" }, rounds: \(rounds), cohort_size: \(clients), privacy: \(privacy), \(task) },
              simulation: {
                data: { format: "csv", path: "digits.csv.gz", header: false, label: 64, split: { test: 0.3 } },
                clients: \(clients), \(simulation) } }
            """
        return ConfigurationDocument(
            root: try JSONValue(json5: text.utf8, source: "test"),
            file: root.appendingPathComponent("f.json5").path)
    }

    private static func setup(_ document: ConfigurationDocument, masks: Bool = false, workers: Int = 1) throws
        -> SimulationSetup
    {
        let settings = ScenarioRun.Settings(
            out: "", workers: workers, secureNoise: false, resumes: false, masks: masks, command: "")
        return try ScenarioLoader.load(document, settings).setup
    }

    private static func parameters(_ setup: SimulationSetup) throws -> [Float] {
        try SimulatorFixture.run(setup).progress.parameters.values
    }

    /// However many clients and workers: the forest of all rows, and the baseline of central training is that.
    @Test func clientsAndWorkersChangeNothing() throws {
        let one = try Self.setup(Self.scenario(clients: 1))
        let wanted = try Self.parameters(one)
        #expect(wanted.first == 6)
        for (clients, workers) in [(2, 1), (10, 2), (100, 1)] {
            let setup = try Self.setup(Self.scenario(clients: clients), workers: workers)
            #expect(setup.plan.model.spec == one.plan.model.spec)
            #expect(try Self.parameters(setup) == wanted)
        }
        let document = try Self.scenario(simulation: "baselines: ['central']")
        let settings = ScenarioRun.Settings(
            out: "", workers: 1, secureNoise: false, resumes: false, command: "")
        let (scenario, setup, _) = try ScenarioLoader.load(document, settings)
        let baseline = try #require(try Baselines.run(scenario, setup).first)
        let last = try SimulatorFixture.run(setup).progress.records.last
        #expect(baseline.accuracy == last?.accuracy && baseline.loss == last?.loss)
        #expect(try #require(last?.accuracy) > 0.5)
    }

    /// Masks hide the sums of clients and change no bit of the forest, whoever adds the noise to it.
    @Test(arguments: ["", ", splits: 'random'"]) func maskedIsUnmasked(splits: String) throws {
        let document = try Self.scenario(
            model: "edges: [2, 5, 9]" + splits, rounds: 3,
            privacy: "{ mode: 'distributed', clipping_norm: 50, noise_multiplier: 0.1, target_delta: 1e-3 }",
            task: "secure_aggregation: { estimated_dropout_rate: 0, adversarial_client_rate: 0 }")
        let sum = try Self.parameters(Self.setup(document))
        #expect(sum.contains { $0 != 0 } && sum.allSatisfy { $0.isFinite })
        #expect(try Self.parameters(Self.setup(document, masks: true)) == sum)
    }

    @Test(arguments: ["local", "central"]) func everyModeGrowsAForest(mode: String) throws {
        let document = try Self.scenario(
            model: "edges: [2, 5, 9]", rounds: 3,
            privacy: "{ mode: '\(mode)', clipping_norm: 50, noise_multiplier: 0.1, target_delta: 1e-3 }",
            task: "evaluation: { holdout: 'federated' }")
        let found = try Self.parameters(Self.setup(document))
        #expect(found.first == 3 && found.allSatisfy { $0.isFinite })
        #expect(try Self.parameters(Self.setup(document, workers: 2)) == found)
    }

    /// Edges from the clients' rows are warned of where anything is private.
    @Test func quantilesAreWarnedOf() throws {
        let privacy = "{ mode: 'central', clipping_norm: 50, noise_multiplier: 0.1, target_delta: 1e-3 }"
        let warnings = try ScenarioCheck(Self.scenario(privacy: privacy)).warnings
        #expect(warnings.contains { $0.contains("edges of the trees") })
        let open = try ScenarioCheck(Self.scenario(model: "edges: [2, 5, 9]", privacy: privacy)).warnings
        #expect(!open.contains { $0.contains("edges of the trees") })
    }

    @Test(arguments: [
        ("attack: { name: 'sign-flip', share: 0.2 }", "simulation.attack"),
        ("client_holdout: 0.2, fine_tune_epochs: 1", "simulation.fine_tune_epochs"),
    ]) func whatAForestDoesNotGoWith(keys: String, path: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try Self.setup(Self.scenario(simulation: "baselines: [], \(keys)"))
        }
        #expect(error?.path == path, "\(String(describing: error))")
    }
}
