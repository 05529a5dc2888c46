import TestSupport
import Testing

/// Central training, and the use of a published model.
@Suite(.tags(.endToEnd)) struct ModelTests {
    private static let training = [
        "train", "--data", Scenarios.quickstart, "--model", "mlp", "--hidden", "32", "--epochs", "30",
        "--quiet",
    ]

    @Test func aCentrallyTrainedModelIsAccurateAndEvaluatesTheSame() throws {
        let workspace = try Workspace()
        let model = workspace.file("model.safetensors")
        let run = try Sordino.run(Self.training + ["--out", model, "--format", "json"])
        #expect(run.status == 0, "\(run.errors)")
        let summary = try run.json
        #expect(try #require(summary["final_accuracy"]?.number) > 0.93)
        #expect(summary["model_sha256"]?.string == (try Digest.sha256(ofFile: model)))

        let evaluation = try Sordino.run(
            "evaluate", "--model", model, "--data", Scenarios.quickstart, "--format", "json"
        ).json
        #expect(evaluation["accuracy"] == summary["final_accuracy"])
        #expect(evaluation["loss"] == summary["final_loss"])
        #expect(evaluation["confusion"] == summary["metrics"]?["confusion"])

        let part = try Sordino.run(
            "evaluate", "--model", model, "--data", Scenarios.quickstart, "--part", "train", "--format",
            "json"
        ).json
        #expect(part["examples"] == summary["examples"])
    }

    @Test func aFederatedModelEvaluatesAsItsSummarySays() throws {
        let workspace = try Workspace()
        let run = try Sordino.run(
            "simulate", Scenarios.quickstart, "--out", workspace.file("out"), "--format", "json")
        let evaluation = try Sordino.run(
            "evaluate", "--model", workspace.file("out/model.safetensors"), "--data", Scenarios.quickstart,
            "--format", "json")
        #expect(evaluation.status == 0, "\(evaluation.errors)")
        #expect(try evaluation.json["accuracy"] == run.json["final_accuracy"])
        #expect(try evaluation.json["loss"] == run.json["final_loss"])
    }

    @Test func predictionsAreOneRowAnExample() throws {
        let workspace = try Workspace()
        let model = workspace.file("model.safetensors")
        #expect(try Sordino.run(Self.training + ["--out", model]).status == 0)
        let data = "{ format: 'csv', path: '\(Scenarios.digits)', header: false, label: 64 }"
        let printed = try Sordino.run("predict", "--model", model, "--data", data)
        #expect(printed.status == 0, "\(printed.errors)")
        let lines = printed.output.split(separator: "\n")
        let digits = (0..<10).map { "probability_\($0)" }.joined(separator: ",")
        #expect(lines.first.map(String.init) == "prediction," + digits)
        #expect(lines.count == 1 + 1797)
        for line in lines.dropFirst() {
            let fields = line.split(separator: ",").compactMap { Double($0) }
            let probabilities = Array(fields.dropFirst())
            #expect(probabilities.count == 10 && abs(probabilities.reduce(0, +) - 1) < 1e-4)
            #expect(probabilities.firstIndex(of: probabilities.max() ?? 0) == Int(fields[0]))
        }
        let written = try Sordino.run(
            "predict", "--model", model, "--data", data, "--out", workspace.file("p.csv"))
        #expect(written.status == 0 && written.output.isEmpty)
        #expect(try workspace.text("p.csv") == printed.output)
    }

    @Test func rowsWithoutLabelsArePredicted() throws {
        let workspace = try Workspace()
        let model = workspace.file("model.safetensors")
        #expect(try Sordino.run(Self.training + ["--out", model]).status == 0)
        let row = Array(repeating: "0", count: 64).joined(separator: ",")
        let table = try workspace.write("rows.csv", row + "\n" + row + "\n")
        let run = try Sordino.run("predict", "--model", model, "--data", table)
        #expect(run.status == 0)
        #expect(run.output.split(separator: "\n").count == 3)
    }

    /// An autoencoder learns from rows without labels, and a row unlike all of them has the greatest score.
    @Test(arguments: ["train", "simulate"]) func anAutoencoderScoresRows(command: String) throws {
        let workspace = try Workspace()
        var random = SeededNumbers(seed: 1)
        let rows = (0..<300).map { row in
            let (a, b) = (Double.random(in: 0...1, using: &random), Double.random(in: 0...1, using: &random))
            return "r\(row),\(a),\(b),\(a + b),\(a - b)"
        }
        let table = try workspace.write("rows.csv", (["id,w,x,y,z"] + rows).joined(separator: "\n") + "\n")
        let data = "{ format: 'csv', path: '\(table)', ignore: ['id'], normalize: 'standardize' }"
        let model = "{ preset: 'autoencoder', hidden: [2], activation: 'tanh' }"
        let path = workspace.file("model.safetensors")
        let run: CommandResult
        if command == "train" {
            run = try Sordino.run(
                "train", "--data", data, "--model", model, "--epochs", "60", "--batch-size", "10",
                "--learning-rate", "0.01", "--set", "loss=reconstruction", "--out", path, "--quiet")
        } else {
            let scenario = try workspace.write(
                "scenario.json5",
                """
                { task: { model: \(model), training: { loss: "reconstruction", learning_rate: 0.1 }, rounds: 40,
                          cohort_size: 4, privacy: { mode: "none" } },
                  simulation: { data: \(data), clients: 4, partition: { scheme: "iid" }, seed: 1 } }
                """)
            run = try Sordino.run("simulate", scenario, "--out", workspace.file("."), "--quiet")
        }
        try #require(run.status == 0, "\(run.errors)")
        let others = try workspace.write(
            "others.csv", "id,w,x,y,z\nodd,0.5,0.5,-1,1\n" + rows.prefix(20).joined(separator: "\n") + "\n")
        let predicted = try Sordino.run(
            "predict", "--model", path, "--data", others, "--keep", "id")
        try #require(predicted.status == 0, "\(predicted.errors)")
        let lines = predicted.output.split(separator: "\n").map { $0.split(separator: ",") }
        #expect(lines[0] == ["id", "anomaly_score"] && lines.count == 22)
        let scores = lines.dropFirst().compactMap { Double($0[1]) }
        #expect(scores.dropFirst().allSatisfy { 10 * $0 < scores[0] }, "\(scores)")
        let evaluated = try Sordino.run("evaluate", "--model", path, "--data", others, "--format", "json")
        let loss = try #require(try evaluated.json["loss"]?.number)
        #expect(abs(loss - scores.reduce(0, +) / 21) < 1e-4 * loss)
        #expect(try evaluated.json["accuracy"] == nil)
    }

    @Test func trainingReproduces() throws {
        let digests = try (0..<2).map { _ in
            try Sordino.run(
                "train", "--data", Scenarios.quickstart, "--model", "logistic", "--epochs", "3", "--format",
                "json"
            ).json["model_sha256"]
        }
        #expect(digests[0] != nil && digests[0] == digests[1])
    }
}
