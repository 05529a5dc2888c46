import Foundation
import Glibc
import TestSupport
import Testing

/// Use of models on files as people have them, and outputs as other tools write them.
@Suite(.tags(.endToEnd)) struct ReadingTests {
    private static let table =
        "a,b,y\n" + (1...30).map { "\($0),\($0 * 7 % 5),\($0 % 2)" }.joined(separator: "\n") + "\n"

    /// A workspace with a table and a model that was trained on it.
    private func trained(_ more: [String] = ["--model", "logistic"]) throws -> Workspace {
        let workspace = try Workspace()
        try workspace.write("table.csv", Self.table)
        let run = try Sordino.run(
            [
                "train", "--data", workspace.file("table.csv"), "--label", "y", "--epochs", "2", "--quiet",
                "--out",
                workspace.file("m.safetensors"),
            ] + more)
        try #require(run.status == 0, "\(run.errors)")
        return workspace
    }

    private func predict(_ workspace: Workspace, _ more: String...) throws -> CommandResult {
        try Sordino.run(["predict", "--model", workspace.file("m.safetensors")] + more)
    }

    @Test func columnsGoByTheNamesInTheModel() throws {
        let workspace = try trained()
        try workspace.write("other.csv", "note,b,a,id\nx,7,1,p1\ny,14,2,\"p,2\"\n")
        let plain = try workspace.write("plain.csv", "a,b\n1,7\n2,14\n")
        let one = try predict(workspace, "--data", plain)
        let other = try predict(workspace, "--data", workspace.file("other.csv"), "--keep", "id")
        #expect(one.status == 0 && one.errors.isEmpty, "\(one.errors)")
        #expect(
            other.status == 0
                && other.errors == "warning: columns that the model does not know are left out: note\n")
        let lines = one.output.split(separator: "\n"), kept = other.output.split(separator: "\n")
        #expect(lines.count == 3 && kept[0] == "id," + lines[0])
        #expect(kept[1] == "p1," + lines[1] && kept[2] == "\"p,2\"," + lines[2])
        let missing = try predict(workspace, "--data", plain, "--keep", "id")
        #expect(missing.status == 3 && missing.errors.contains("\"id\""))
    }

    @Test func labelsThatAreThereGiveFigures() throws {
        let workspace = try trained()
        let run = try predict(workspace, "--data", workspace.file("table.csv"))
        #expect(
            run.status == 0 && run.errors.contains("labels of 30 rows: loss")
                && run.errors.contains("accuracy"))
        try workspace.write("blank.csv", "a,b,y\n1,7,\n2,14,1\n")
        let blank = try predict(workspace, "--data", workspace.file("blank.csv"))
        #expect(blank.status == 0 && blank.errors.isEmpty && blank.output.split(separator: "\n").count == 3)
    }

    /// Standard input, a pipe by name, and what the shell makes of `<(…)` are read as files are.
    @Test func pipesAreRead() throws {
        let workspace = try trained()
        let shell =
            "cat '\(workspace.file("table.csv"))' | '\(Sordino.binary)' predict --model '\(workspace.file("m.safetensors"))' --data -"
        let whole = try predict(workspace, "--data", workspace.file("table.csv"))
        #expect(try Shell.run(shell).output == whole.output)
        let section = shell.replacing("--data -", with: "--data \"{ format: 'csv', path: '-', label: 'y' }\"")
        #expect(try Shell.run(section).output == whole.output)
        let substituted =
            "'\(Sordino.binary)' predict --model '\(workspace.file("m.safetensors"))' --data <(cat '\(workspace.file("table.csv"))')"
        #expect(try Shell.run(substituted).output == whole.output)
    }

    // MARK: Outputs

    @Test func outputsAreWrittenAsOtherToolsWrite() throws {
        let workspace = try trained()
        let whole = try predict(workspace, "--data", workspace.file("table.csv")).output
        let command =
            "'\(Sordino.binary)' predict --model '\(workspace.file("m.safetensors"))' --data '\(workspace.file("table.csv"))' --out"
        func run(_ script: String) throws -> CommandResult {
            try Shell.run("cd '\(workspace.path)'; " + script.replacing("PREDICT", with: command))
        }
        #expect(try run("PREDICT -").output == whole)
        #expect(!workspace.exists("-"))
        #expect(try run("PREDICT /dev/stdout | cat").output == whole)
        #expect(try run("PREDICT /dev/fd/3 3>third.csv; cat third.csv").output == whole)

        try workspace.write("target.csv", "old\n")
        #expect(
            try run(
                "chmod 600 target.csv; ln -s target.csv link.csv; ln -s link.csv far.csv; PREDICT far.csv"
            ).status == 0)
        #expect(try workspace.text("target.csv") == whole)
        #expect(try run("test -L link.csv && test -L far.csv && stat -c %a target.csv").output == "600\n")
        #expect(
            try run("ln -s new.csv dangling.csv; PREDICT dangling.csv; test -L dangling.csv; cat new.csv")
                .output == whole)

        #expect(
            try run("mkfifo pipe; cat pipe >read.csv & PREDICT pipe; wait; test -p pipe; cat read.csv").output
                == whole)
        #expect(
            try run("PREDICT /dev/null").status == 0 && FileManager.default.fileExists(atPath: "/dev/null"))
        let folder = try run("mkdir d; PREDICT d")
        #expect(folder.status == 6 && folder.errors.contains("folder"))
        let loop = try run("ln -s l2 l1; ln -s l1 l2; PREDICT l1")
        #expect(loop.status == 6 && loop.errors.contains("l1"))
    }

    @Test func modelsAndSchemasGoToStandardOutputToo() throws {
        let workspace = try trained()
        let data = "--data '\(workspace.file("table.csv"))' --label y"
        let trained = try Shell.run(
            "'\(Sordino.binary)' train \(data) --model logistic --epochs 2 --quiet --out - | cmp - '\(workspace.file("m.safetensors"))'"
        )
        #expect(trained.status == 0, "\(trained.errors)")
        let schema = try Sordino.run("schema", workspace.file("table.csv"), "--label", "y", "--out", "-")
        #expect(schema.status == 0 && schema.output.contains("\"columns\""))
    }

    // MARK: Resuming

    /// A run is bound to its data and to what a client is of them.
    @Test(arguments: ["values", "clients"]) func changedDataAreRefusedByName(what: String) throws {
        let workspace = try Workspace()
        func table(_ scale: Int, clients: Int) -> String {
            "a,who,y\n"
                + (0..<60).map { "\($0 * scale),w\($0 * clients % 10),\($0 % 2)" }.joined(separator: "\n")
                + "\n"
        }
        try workspace.write("t.csv", table(1, clients: 1))
        let scenario = try workspace.write(
            "s.json5",
            """
            { task: { name: "t", model: { preset: "logistic" }, training: { batch_size: 4, learning_rate: 0.001 }, rounds: 2,
                cohort_size: 5, privacy: { mode: "none" } },
              simulation: { data: { format: "csv", path: "t.csv", label: "y", group: "who" }, partition: { scheme: "natural" },
                baselines: [] } }
            """)
        let run = ["simulate", scenario, "--quiet", "--out", workspace.file("o")]
        try #require(try Sordino.run(run).status == 0)
        #expect(try Sordino.run(run + ["--resume"]).status == 0)
        // The same rows in the same order, but other people's.
        try workspace.write("t.csv", what == "values" ? table(2, clients: 1) : table(1, clients: 3))
        let changed = try Sordino.run(run + ["--resume"])
        #expect(changed.status == 3 && changed.errors.contains("t.csv was changed"), "\(changed.errors)")
    }

    // MARK: Weights of other programs

    /// A safetensors file of one tensor list, each value written in `kind`.
    private func weights(_ tensors: [(name: String, shape: [Int], values: [Float])], kind: String) -> Data {
        var (header, body) = ("{", Data())
        for (index, tensor) in tensors.enumerated() {
            let start = body.count
            for value in tensor.values {
                switch kind {
                case "F16": withUnsafeBytes(of: Float16(value)) { body.append(contentsOf: $0) }
                case "BF16":
                    withUnsafeBytes(of: UInt16(value.bitPattern >> 16)) { body.append(contentsOf: $0) }
                case "F64": withUnsafeBytes(of: Double(value)) { body.append(contentsOf: $0) }
                default: withUnsafeBytes(of: value) { body.append(contentsOf: $0) }
                }
            }
            header +=
                "\(index == 0 ? "" : ",")\"\(tensor.name)\":{\"dtype\":\"\(kind)\",\"shape\":\(tensor.shape),\"data_offsets\":[\(start),\(body.count)]}"
        }
        header += "}"
        return withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) } + Data(header.utf8)
            + body
    }

    @Test(arguments: ["F32", "F16", "BF16", "F64"])
    func aStateDictionaryIsImported(kind: String) throws {
        let workspace = try trained()
        // Class 1 where a is above 15: exact in every type.
        let tensors: [(String, [Int], [Float])] = [
            ("module.fc.bias", [2], [7.5, -7.5]), ("module.fc.weight", [2, 2], [-0.5, 0, 0.5, 0]),
        ]
        try workspace.write("w.safetensors", weights(tensors.map { ($0.0, $0.1, $0.2) }, kind: kind))
        let refused = try Sordino.run(
            "evaluate", "--model", workspace.file("w.safetensors"), "--data", workspace.file("table.csv"))
        #expect(
            refused.status == 3 && refused.errors.contains("module.fc.weight [2, 2]")
                && refused.errors.contains("sordino import"))
        let made = try Sordino.run(
            "import", workspace.file("w.safetensors"), "--model", "logistic", "--data",
            workspace.file("table.csv"),
            "--label", "y", "--out", workspace.file("m.safetensors"))
        #expect(made.status == 0 && made.errors.contains("0.weight is module.fc.weight"), "\(made.errors)")
        let run = try predict(workspace, "--data", workspace.file("table.csv"))
        let classes = run.output.split(separator: "\n").dropFirst().map { $0.prefix { $0 != "," } }
        #expect(classes == (1...30).map { $0 > 15 ? "1" : $0 < 15 ? "0" : classes[14] })
        let shaped = try Sordino.run(
            "import", workspace.file("w.safetensors"), "--model", "logistic", "--input-shape", "2", "--out",
            "-")
        #expect(shaped.status == 0 && !shaped.output.isEmpty)
        let short = try Sordino.run(
            "import", workspace.file("w.safetensors"), "--model", "logistic", "--input-shape", "3", "--out",
            "-")
        #expect(short.status == 3 && short.errors.contains("module.fc.weight [2, 2]") && short.output.isEmpty)
        let none = try Sordino.run(
            "import", workspace.file("w.safetensors"), "--model", "logistic", "--out", "-")
        #expect(none.status == 2 && none.errors.contains("--input-shape"))
    }

    // MARK: Scenarios

    /// Presets without a number of classes take it from the data.
    @Test(arguments: ["{ preset: \"logistic\" }", "{ preset: \"mlp\", hidden: [4] }"])
    func dataSayHowManyClassesThereAre(model: String) throws {
        let workspace = try Workspace()
        try workspace.write(
            "t.csv",
            "a,y\n" + (0..<60).map { "\($0),\(["x", "y", "z"][$0 % 3])" }.joined(separator: "\n") + "\n")
        let scenario = try workspace.write(
            "s.json5",
            """
            { task: { name: "t", model: \(model), training: { batch_size: 4, learning_rate: 0.01 }, rounds: 2,
                cohort_size: 3, privacy: { mode: "none" } },
              simulation: { data: { format: "csv", path: "t.csv", label: "y", split: { test: 0.2 } }, clients: 6 } }
            """)
        let run = try Sordino.run("simulate", scenario, "--quiet", "--out", workspace.file("o"))
        #expect(run.status == 0, "\(run.errors)")
        let resolved = try JSON(text: workspace.text("o/scenario.resolved.json"))
        #expect(resolved["task"]?["model"]?["classes"]?.integer == 3)
        let model = workspace.file("o/model.safetensors")
        #expect(try Sordino.run("evaluate", "--model", model, "--data", scenario).status == 0)
    }

    /// Values to predict have figures of their own, in the unit of the data.
    @Test func regressionIsMeasuredInTheDatasUnit() throws {
        let workspace = try Workspace()
        try workspace.write(
            "t.csv",
            "a,y\n" + (0..<200).map { "\(Double($0) / 100),\(1000 + 50 * $0)" }.joined(separator: "\n") + "\n"
        )
        let scenario = try workspace.write(
            "s.json5",
            """
            { task: { name: "t", model: { preset: "linear" }, training: { batch_size: 10, learning_rate: 0.3 }, rounds: 30,
                cohort_size: 5, privacy: { mode: "none" } },
              simulation: { data: { format: "csv", path: "t.csv", label: "y", task: "regression", split: { test: 0.2 },
                  normalize: "standardize", normalize_label: "standardize" }, clients: 5 } }
            """)
        let run = try Sordino.run("simulate", scenario, "--quiet", "--out", workspace.file("o"))
        try #require(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("test RMSE") && run.output.contains("R2"))
        let summary = try JSON(text: workspace.text("o/summary.json"))
        let error = try #require(summary["final_rmse"]?.number)
        // Targets spread by 2,900; a line fits them all but exactly.
        #expect(error < 60 && error > 0)
        #expect(
            try #require(summary["final_r2"]?.number) > 0.999
                && #require(summary["final_mae"]?.number) <= error)
        #expect(try workspace.text("o/report.html").contains("Final RMSE"))
        let record = try #require(try workspace.jsonLines("o/rounds.jsonl").last)
        #expect(record["rmse"]?.number == error)
        let model = workspace.file("o/model.safetensors")
        let evaluated = try Sordino.run("evaluate", "--model", model, "--data", scenario, "--format", "json")
        #expect(abs(try #require(try evaluated.json["rmse"]?.number) - error) < 1e-3 * error)
        try workspace.write("new.csv", "a\n1\n")
        let predicted = try Sordino.run("predict", "--model", model, "--data", workspace.file("new.csv"))
        let value = try #require(Double(predicted.output.split(separator: "\n").last ?? ""))
        #expect(abs(value - 6000) < 100)
    }

    static let scenarios = ((try? FileManager.default.contentsOfDirectory(atPath: Scenarios.folder)) ?? [])
        // What a task of statistics publishes is no model of rows.
        .filter { $0.hasSuffix(".json5") && !$0.hasSuffix("statistics.json5") }.sorted()

    /// Made-up rows in the form of UCI's Adult, the first of them no row: that file is nobody's to ship.
    private static func adult(rows: Int) -> String {
        (0..<rows).map { row in
            let income = row % 3 == 0 ? ">50K" : "<=50K"
            return
                "\(20 + row % 50), \(["Private", "State-gov", "?"][row % 3]), \(1000 + row), HS-grad, \(1 + row % 16), Divorced,"
                + " Sales, Unmarried, White, \(row % 2 == 0 ? "Male" : "Female"), \(row % 7 * 1000), 0, \(30 + row % 20), Peru,"
                + " \(income)\n"
        }.joined()
    }

    /// A model is of use with the scenario that it is of.
    @Test(arguments: scenarios) func aShippedScenariosModelIsEvaluatedWithIt(_ name: String) throws {
        let workspace = try Workspace()
        var text = try String(contentsOfFile: Scenarios.folder + "/" + name, encoding: .utf8)
        // Data that are the user's to get are in the shared folder.
        if let shared = Vectors.sharedFolder?.appendingPathComponent("data").path {
            for set in [
                "mnist\"", "fashion-mnist\"", "mnist-writers/", "heart-disease/", "wisdm/",
                "tinyshakespeare/",
            ] {
                text = text.replacing("\"data/\(set)", with: "\"\(shared)/\(set)")
            }
        } else if !["quickstart.json5", "xor.json5"].contains(name) {
            return  // Its data are absent: see Vectors.sharedFolder.
        }
        if text.contains("\"data/adult/") { try workspace.write("adult.csv", Self.adult(rows: 1000)) }
        text = text.replacing(/"data\/adult\/[^"]*"/, with: "\"adult.csv\"")
        text = text.replacing("\"data/", with: "\"\(Scenarios.folder)/data/")
        let scenario = try workspace.write(name, text)
        // A model of which every client has a part of its own is evaluated with one of these: see OwnParametersTests.
        let isWhole = name != "ratings.json5"
        let run = try Sordino.run(
            "simulate", scenario, "--quiet", "--out", workspace.file("o"), "--set", "task.rounds=1", "--set",
            "simulation.baselines=[]")
        try #require(run.status == 0, "\(run.errors)")
        let evaluated = try Sordino.run(
            "evaluate", "--model", workspace.file("o/model.safetensors"), "--data", scenario, "--format",
            "json")
        guard isWhole else {
            #expect(evaluated.status == 3 && evaluated.errors.contains("--local"), "\(evaluated.errors)")
            return
        }
        #expect(evaluated.status == 0, "\(evaluated.errors)")
        let accuracy = try JSON(text: workspace.text("o/summary.json"))["final_accuracy"]?.number
        #expect(try evaluated.json["accuracy"]?.number == accuracy, "the same rows as the run's own hold-out")
    }
}

/// A line of the shell, for redirections.
enum Shell {
    static func run(_ script: String) throws -> CommandResult {
        try RunningCommand("/bin/bash", ["-c", script], patienceSeconds: 120).wait()
    }
}
