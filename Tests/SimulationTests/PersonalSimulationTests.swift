import Compute
import Configuration
import Federation
import Foundation
import Learning
@testable import Simulation
import Testing

/// Federations whose clients keep parameters or a model of their own.
@Suite struct PersonalSimulationTests {
    private static let local = ", local: ['2.*']"
    private static let none = "evaluation: {holdout: 'none'}"

    private func parameters(
        model: String = local, strategy: String = "{name: 'fedavg'}", privacy: String = "{mode: 'none'}",
        task: String = none, workers: Int = 1, masks: Bool = false
    ) throws -> [Float] {
        var setup = try SimulatorFixture.setup(
            privacy: privacy, strategy: strategy, workers: workers, task: task, model: model)
        setup.masks = masks
        return try SimulatorFixture.run(setup).progress.parameters.values
    }

    @Test(arguments: ["{name: 'fedavg'}", "{name: 'fedrep', head_epochs: 2}", "{name: 'fedprox', mu: 0.1}"])
    func workersChangeNothing(strategy: String) throws {
        let one = try parameters(strategy: strategy)
        #expect(one.count == 2 * 8 + 8)
        #expect(try parameters(strategy: strategy, workers: 3) == one)
        // What clients keep matters: heads that start anew in each round teach the body something else.
        #expect(
            try parameters(model: "", strategy: "{name: 'fedavg'}", task: "").prefix(one.count) != one[...])
    }

    /// What Ditto's clients train beside leaves the federation as it is.
    @Test func dittoIsFederatedAveraging() throws {
        let ditto = "{name: 'ditto', lambda: 0.3}"
        #expect(
            try parameters(model: "", strategy: ditto, task: "") == parameters(model: "", task: ""))
    }

    /// Masks, noise and clips see the shared part alone.
    @Test func maskedIsUnmasked() throws {
        let privacy = "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 0.5}"
        let task =
            Self.none + ", secure_aggregation: {estimated_dropout_rate: 0, adversarial_client_rate: 0}"
        let sum = try parameters(privacy: privacy, task: task)
        #expect(try parameters(privacy: privacy, task: task, masks: true) == sum)
    }

    @Test(arguments: [
        "{mode: 'local', clipping_norm: 0.5, noise_multiplier: 0.5}",
        "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 0.5}",
        "{mode: 'none', example: {clipping_norm: 1, noise_multiplier: 1, records: 10}}",
    ])
    func everyModeTrainsThem(privacy: String) throws {
        let federated = privacy.contains("central") ? "evaluation: {holdout: 'federated'}" : Self.none
        let found = try parameters(privacy: privacy, task: federated)
        #expect(found.allSatisfy { $0.isFinite })
        #expect(try parameters(privacy: privacy, task: federated, workers: 2) == found)
    }

    // MARK: Whole runs

    private static func scenario(
        _ model: String, _ strategy: String, _ simulation: String, rounds: Int = 12
    ) -> String {
        """
        { task: { name: "p", model: { preset: "mlp", hidden: [16], classes: 10 \(model) },
            training: { local_epochs: 1, batch_size: 5, learning_rate: 0.1 }, strategy: \(strategy),
            rounds: \(rounds), cohort_size: 10, privacy: { mode: "none" }, evaluation: { holdout: "none" } },
          simulation: {
            data: { format: "csv", path: "digits.csv.gz", header: false, label: 64, classes: 10,
                    normalize: { range: [0, 16] } },
            clients: 30, partition: { scheme: "shards" }, client_holdout: 0.25, baselines: [], \(simulation) } }
        """
    }

    private func run(
        _ text: String, out: String, stopAfter rounds: Int? = nil, resumes: Bool = false
    ) throws -> SimulationSummary {
        let data = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("simulations/data")
        let root = try JSONValue(json5: text.utf8, source: "test")
        let document = ConfigurationDocument(
            root: root, file: data.appendingPathComponent("scenario.json5").path)
        let settings = ScenarioRun.Settings(
            out: out, workers: 2, secureNoise: false, resumes: resumes, command: "")
        return try ScenarioRun(document, settings).perform(Stopper(after: rounds ?? .max)).summary
    }

    private func folder() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    }

    /// Two classes a client: whoever has a part or a model of its own is served better than by the one model for all.
    @Test func ownPartsServeClientsBetter() throws {
        let out = folder()
        defer { try? FileManager.default.removeItem(atPath: out) }
        func figures(_ name: String, _ model: String, _ strategy: String) throws -> PersonalFigures {
            try #require(
                try run(Self.scenario(model, strategy, "fine_tune_epochs: 3"), out: "\(out)-\(name)").personal
            )
        }
        let ditto = try figures("ditto", "", "{name: 'ditto', personal_epochs: 2}")
        let rep = try figures("rep", Self.local, "{name: 'fedrep', head_epochs: 2}")
        let published = try #require(ditto.published.accuracy)
        #expect(try #require(ditto.ownModel?.accuracy).mean > published.mean + 0.1)
        #expect(try #require(ditto.fineTuned?.accuracy).mean > published.mean + 0.1)
        #expect(try #require(rep.published.accuracy).mean > published.mean + 0.1)
        #expect(rep.localParameters == 170 && rep.ownModel == nil && ditto.localParameters == 0)
        #expect(published.clients == 30)
        for name in ["ditto", "rep"] { try? FileManager.default.removeItem(atPath: "\(out)-\(name)") }
    }

    /// A run that was interrupted and resumed ends with the same model and the same clients.
    @Test(arguments: ["{name: 'ditto', lambda: 0.5}", "{name: 'fedrep'}"])
    func resumedItIsTheSameRun(strategy: String) throws {
        let (straight, broken) = (folder(), folder())
        defer { for path in [straight, broken] { try? FileManager.default.removeItem(atPath: path) } }
        let text = Self.scenario(strategy.contains("fedrep") ? Self.local : "", strategy, "", rounds: 6)
        let whole = try run(text, out: straight)
        _ = try run(text, out: broken, stopAfter: 3)
        let resumed = try run(text, out: broken, resumes: true)
        #expect(resumed.modelSHA256 == whole.modelSHA256 && resumed.personal == whole.personal)
        // Once it is over, what clients keep can still be measured.
        #expect(try run(text, out: broken, resumes: true).personal == whole.personal)
        // Nothing that is local is in the published file.
        let file = try Data(contentsOf: URL(fileURLWithPath: "\(straight)/model.safetensors"))
        let head = String(decoding: file.prefix(1 << 16), as: UTF8.self)
        #expect(head.contains("\"2.weight\"") == !strategy.contains("fedrep"))
    }

    @Test func trainingFurtherNeedsExamplesToMeasureOn() throws {
        let text = Self.scenario("", "{name: 'fedavg'}", "fine_tune_epochs: 2")
            .replacing("client_holdout: 0.25,", with: "")
        let error = try #require(throws: ConfigurationError.self) { try run(text, out: folder()) }
        #expect("\(error)".contains("simulation.fine_tune_epochs") && "\(error)".contains("client_holdout"))
    }

    /// Ratings of users who keep their factors: better than the mean rating, in the data's unit.
    @Test func ratingsAreLearnt() throws {
        let out = folder()
        defer { try? FileManager.default.removeItem(atPath: out) }
        let text = """
            { task: { name: "r", model: { preset: "matrix-factorization", items: 121, factors: 4 },
                training: { local_epochs: 1, batch_size: 8, learning_rate: 0.3, loss: "mse" },
                strategy: { name: "fedrep", head_epochs: 4 }, rounds: 60, cohort_size: 150,
                privacy: { mode: "none" } },
              simulation: {
                data: { format: "csv", path: "ratings.csv.gz", label: "rating", task: "regression", group: "user",
                        features: ["item"], categorical: { item: "token" }, normalize_label: { range: [3, 4] } },
                partition: { scheme: "column" }, client_holdout: 0.2, baselines: [] } }
            """
        let error = try #require(run(text, out: out).personal?.published.error)
        // The mean rating is off by 1.1, users' and items' biases by 0.97.
        #expect(error.clients == 300 && error.rmse < 0.6, "\(error)")
    }
}
