import Foundation
import Testing

/// Training that diverges says so in its first round, and a run without a model does not look like one with a model.
@Suite(.tags(.endToEnd)) struct DivergenceTests {
    /// A federation with a learning rate far too high, and what it must end with.
    struct Run: CustomTestStringConvertible {
        let rate: String
        let privacy: String
        let status: Int32
        /// What the warning must say, besides the rate.
        let mentions: String

        var testDescription: String { "rate \(rate), \(privacy.prefix(24))" }
    }

    static let runs = [
        Run(rate: "1e20", privacy: "{ mode: 'none' }", status: 3, mentions: "local training failed"),
        Run(rate: "1e30", privacy: "{ mode: 'none' }", status: 3, mentions: "local training failed"),
        Run(rate: "1e5", privacy: "{ mode: 'none' }", status: 0, mentions: "training diverges"),
        Run(rate: "1e5", privacy: Scenarios.central, status: 0, mentions: "every update was clipped"),
        Run(rate: "1e5", privacy: Scenarios.local, status: 0, mentions: "every update was clipped"),
        Run(rate: "1e5", privacy: Scenarios.distributed, status: 0, mentions: "every update was clipped"),
    ]

    @Test(arguments: runs) func aDivergingFederationSaysSo(_ run: Run) throws {
        let workspace = try Workspace()
        let scenario = try workspace.write(
            "scenario.json5", Scenarios.digits(rounds: 3, privacy: run.privacy, evaluateEvery: 1))
        let result = try Sordino.run(
            "simulate", scenario, "--out", workspace.file("out"), "--set",
            "task.training.learning_rate=\(run.rate)", "--quiet")
        #expect(result.status == run.status, "\(result.errors)")
        let warnings = result.errors.split(separator: "\n").filter { $0.hasPrefix("warning: round 1: ") }
        let warning = try #require(warnings.first, "\(result.errors)")
        #expect(warnings.count == 1 && warning.contains(run.mentions), "\(warning)")
        #expect(warning.contains("task.training.learning_rate is 1e+"), "\(warning)")
        let summary = try JSON(text: workspace.text("out/summary.json"))
        let hasModel = run.status == 0
        #expect(workspace.exists("out/model.safetensors") == hasModel)
        #expect((summary["model_sha256"]?.string != nil) == hasModel)
        if !hasModel {
            #expect(result.complaints.count == 1)
            #expect(result.errors.contains("nothing was published: 10 rounds were abandoned"))
            #expect(result.output.contains("none: no round was published"))
        }
    }

    @Test func aFederationThatLearnsIsNotWarnedAbout() throws {
        let workspace = try Workspace()
        let scenario = try workspace.write("scenario.json5", Scenarios.digits(rounds: 3))
        let result = try Sordino.run("simulate", scenario, "--out", workspace.file("out"), "--quiet")
        #expect(result.status == 0 && !result.errors.contains("warning: round"), "\(result.errors)")
    }

    /// Nobody reports: the reason is the fleet's, not the learning rate's.
    @Test func aFleetThatNeverAnswersIsNamed() throws {
        let workspace = try Workspace()
        let scenario = try workspace.write(
            "scenario.json5",
            Scenarios.digits(rounds: 3, privacy: "{ mode: 'none' }", extra: "faults: { dropout_rate: 1 }"))
        let result = try Sordino.run("simulate", scenario, "--out", workspace.file("out"), "--quiet")
        #expect(
            result.status == 3 && result.errors.contains("no client reported in time"), "\(result.errors)")
    }

    @Test(arguments: [("1e5", Int32(0), "training diverges"), ("1e40", 3, "training diverged at step")])
    func centralTrainingThatDivergesSaysSo(rate: String, status: Int32, mentions: String) throws {
        let data = "{ format: 'csv', path: '\(Scenarios.digits)', header: false, label: 64 }"
        let result = try Sordino.run(
            "train", "--data", data, "--model", "logistic", "--optimizer", "sgd", "--learning-rate", rate,
            "--epochs", "1", "--quiet")
        #expect(result.status == status && result.errors.contains(mentions), "\(result.errors)")
    }
}
