import Foundation
import Testing

/// Input that is not right: one line that says so, the right exit code, and nothing left behind.
@Suite(.tags(.endToEnd)) struct BadInputTests {
    /// A mistake in the scenario, as assignments of `--set`.
    struct Mistake: CustomTestStringConvertible {
        let name: String
        let assignments: [String]
        var status: Int32 = 3
        /// What the complaint must contain.
        let mentions: String

        var testDescription: String { name }
    }

    static let mistakes = [
        Mistake(
            name: "missing file", assignments: ["simulation.data.path=/no/such.csv"], mentions: "/no/such.csv"
        ),
        Mistake(name: "wrong column", assignments: ["simulation.data.label=65"], mentions: "65"),
        Mistake(name: "column by name", assignments: ["simulation.data.label=digit"], mentions: "digit"),
        Mistake(name: "unknown key", assignments: ["task.rouds=3"], mentions: "\"rounds\""),
        Mistake(
            name: "unknown deep key", assignments: ["task.privacy.clip=3"], mentions: "task.privacy.clip"),
        Mistake(
            name: "negative rate", assignments: ["task.training.learning_rate=-0.5"],
            mentions: "learning_rate"),
        Mistake(name: "zero clients", assignments: ["simulation.clients=0"], mentions: "simulation.clients"),
        Mistake(
            name: "cohort above population", assignments: ["task.cohort_size=201"], mentions: "cohort_size"),
        Mistake(name: "no rounds", assignments: ["task.rounds=0"], mentions: "task.rounds"),
        Mistake(name: "too few outputs", assignments: ["task.model.classes=9"], mentions: "10 classes"),
        Mistake(name: "unknown strategy", assignments: ["task.strategy.name=fedmagic"], mentions: "fedmagic"),
        Mistake(name: "unknown mode", assignments: ["task.privacy.mode=secret"], mentions: "secret"),
        Mistake(
            name: "zero clipping", assignments: ["task.privacy.clipping_norm=0"], mentions: "clipping_norm"),
        Mistake(name: "delta", assignments: ["task.privacy.target_delta=2"], mentions: "target_delta"),
        Mistake(
            name: "both noise and calibration", assignments: ["task.privacy.noise_multiplier=1"],
            mentions: "calibrate"),
        Mistake(
            name: "partition", assignments: ["simulation.partition.scheme=column"], mentions: "column"),
        Mistake(
            name: "too small a budget",
            assignments: [
                "task.privacy.calibrate=false", "task.privacy.noise_multiplier=0.5",
                "task.privacy.target_epsilon=0.1",
            ], status: 4, mentions: "target_epsilon"),
        Mistake(name: "malformed assignment", assignments: ["task.rounds"], mentions: "task.rounds"),
    ]

    @Test(arguments: mistakes) func aMistakeInTheScenarioIsRefused(_ mistake: Mistake) throws {
        let workspace = try Workspace()
        let settings = mistake.assignments.flatMap { ["--set", $0] }
        let run = try Sordino.run(
            ["simulate", Scenarios.quickstart, "--out", workspace.file("out")] + settings)
        expectRefusal(run, mistake.status, mentions: mistake.mentions)
        #expect(workspace.names().isEmpty, "a refused run must leave nothing behind")
        // What a run refuses, the preflight refuses too, in the same words.
        let check = try Sordino.run(["check", Scenarios.quickstart] + settings)
        #expect(check.status == mistake.status && check.complaints == run.complaints, "\(check.errors)")
    }

    /// Scenarios that are no JSON5, and what must be said of them: the place, what was met, what was expected.
    @Test(arguments: [
        (
            "{\n  task: {\n    rounds: 3,\n    privacy: { mode: none },\n  },\n}",
            "line 4, column 22: met the word none where a value was expected; text is quoted: \"none\""
        ),
        (
            "{\n  task: { name: \"c\",\n    rounds: 3, rounds: 5 },\n}",
            "line 3, column 16: met the key \"rounds\" again, which stands in line 3, column 5 already"
        ),
        (
            "{ task: { rounds: 3 }",
            "line 1, column 22: met the end of the text where \",\" or \"}\" was expected"
        ),
        ("", "line 1, column 1: met the end of the text where a value was expected"),
    ])
    func aMistakeInTheSyntaxIsRefusedByPosition(text: String, mention: String) throws {
        let workspace = try Workspace()
        let file = try workspace.write("scenario.json5", text)
        let result = try Sordino.run("check", file)
        #expect(result.status == 3 && result.output.isEmpty)
        #expect(result.errors.hasPrefix("sordino: \(file): \(mention)"), "\(result.errors)")
        #expect(result.complaints.count == 1)
    }

    private func expectRefusal(_ result: CommandResult, _ status: Int32, mentions: String) {
        #expect(result.status == status, "\(result.errors)")
        #expect(result.output.isEmpty)
        #expect(result.complaints.count == 1, "\(result.errors)")
        let line = result.complaints.first ?? ""
        #expect(line.hasPrefix("sordino: ") && (mentions.isEmpty || line.contains(mentions)), "\(line)")
        #expect(!line.contains("internal fault") && line.count < 400)
    }

    /// A small table with a fault in it, and what must be said of it.
    @Test(arguments: [
        ("1,2,a\n3,nan,b\n", "line 2"), ("1,2,a\n3,inf,b\n", "line 2"), ("1,2,a\n3,b\n5,6,a\n", "line 2"),
        ("1,2,a\n3,4,b,9\n", "line 2"), ("1,2,a\n3,,b\n", "line 2"), ("1,2,a\n3,x,b\n", "line 2"),
        ("", "no row"), ("1,2,a\n3,\"4,b\n", "line 2"),
    ])
    func aDamagedTableIsRefusedByPosition(text: String, mention: String) throws {
        let workspace = try Workspace()
        let table = try workspace.write("table.csv", text)
        let data = "{ format: 'csv', path: '\(table)', header: false, label: 2 }"
        let run = try Sordino.run(
            "train", "--data", data, "--model", "logistic", "--out", workspace.file("model.safetensors"))
        expectRefusal(run, 3, mentions: mention)
        #expect(run.errors.contains(table) && workspace.names() == ["table.csv"])
    }

    @Test func labelsOutOfRangeAreRefused() throws {
        let workspace = try Workspace()
        let table = try workspace.write("table.csv", "1,2,0\n3,4,1\n5,6,7\n")
        let data = "{ format: 'csv', path: '\(table)', header: false, label: 2, classes: ['0', '1'] }"
        expectRefusal(try Sordino.run("train", "--data", data, "--model", "logistic"), 3, mentions: "7")
    }

    /// Two images of 2 × 2 pixels and their labels, as IDX files.
    private static let images = Data([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8])
    private static let labels = Data([0, 0, 8, 1, 0, 0, 0, 2, 0, 1])

    @Test func damagedImagesAreRefused() throws {
        let other = Data([0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 1])
        let huge = Data([0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1])
        let cases: [(Data, Data)] = [
            (Self.images.dropLast(), Self.labels), (Self.images.prefix(10), Self.labels),
            (Self.images, Self.labels.dropLast()), (Self.images, other), (Data(), Self.labels),
            (huge, Self.labels), (Self.labels, Self.images), (Self.images + [9], Self.labels),
        ]
        for (images, labels) in cases {
            let workspace = try Workspace()
            try workspace.write("data/train-images-idx3-ubyte", Data(images))
            try workspace.write("data/train-labels-idx1-ubyte", Data(labels))
            let run = try Sordino.run(
                "train", "--data", workspace.file("data"), "--model", "logistic", "--out", workspace.file("m")
            )
            expectRefusal(run, 3, mentions: "idx")
            #expect(!workspace.exists("m"))
        }
    }

    @Test func aDamagedTestPartIsNotPassedOver() throws {
        let workspace = try Workspace()
        for (name, content) in [("train-images-idx3", Self.images), ("train-labels-idx1", Self.labels)] {
            try workspace.write("data/\(name)-ubyte", content)
            try workspace.write("data/\(name.replacing("train", with: "t10k"))-ubyte", content)
        }
        let model = workspace.file("model.safetensors")
        let trained = try Sordino.run(
            "train", "--data", workspace.file("data"), "--model", "logistic", "--out", model)
        #expect(trained.status == 0, "\(trained.errors)")
        let evaluate = ["evaluate", "--model", model, "--data", workspace.file("data")]
        #expect(try Sordino.run(evaluate).status == 0)
        try workspace.write("data/t10k-images-idx3-ubyte", Data(Self.images.dropLast()))
        expectRefusal(try Sordino.run(evaluate), 3, mentions: "t10k-images")
    }

    @Test(arguments: [
        "{ task: { name: 'x', ", "{ task: 3, simulation: 4 }", "", "[]", "\"text\"",
        "{ task: { name: 'x' } }",
        "{ a: 1, a: 2 }", "\u{0}",
    ])
    func aMalformedScenarioIsRefused(text: String) throws {
        let workspace = try Workspace()
        let scenario = try workspace.write("scenario.json5", text)
        let run = try Sordino.run("simulate", scenario, "--out", workspace.file("out"))
        expectRefusal(run, 3, mentions: "")
        #expect(workspace.names() == ["scenario.json5"])
    }

    @Test func aHostilelyNestedScenarioIsRefused() throws {
        let workspace = try Workspace()
        let text = String(repeating: "[", count: 200_000)
        let run = try Sordino.run("check", workspace.write("scenario.json5", text))
        expectRefusal(run, 3, mentions: "scenario.json5")
    }

    @Test func aFolderThatCannotBeWrittenIsAStorageFailure() throws {
        let workspace = try Workspace()
        let file = try workspace.write("file", "")
        for out in [file, file + "/below", "/proc/nowhere"] {
            let run = try Sordino.run("simulate", Scenarios.quickstart, "--out", out)
            expectRefusal(run, 6, mentions: out)
        }
        #expect(workspace.names() == ["file"])
        let training = [
            "train", "--data", Scenarios.quickstart, "--model", "logistic", "--epochs", "1", "--quiet",
        ]
        expectRefusal(try Sordino.run(training + ["--out", file + "/m"]), 6, mentions: file)
    }

    @Test func aDamagedModelIsRefused() throws {
        let workspace = try Workspace()
        let model = workspace.file("model.safetensors")
        let trained = try Sordino.run(
            "train", "--data", Scenarios.quickstart, "--model", "logistic", "--epochs", "1", "--out", model)
        #expect(trained.status == 0)
        let bytes = try workspace.data("model.safetensors")
        var nan = bytes
        nan.replaceSubrange((bytes.count - 4)..., with: [0, 0, 0xC0, 0x7F])
        var header = bytes
        header[20] = UInt8(ascii: "#")
        let damaged: [Data] = [
            bytes.dropLast(), bytes.prefix(100), bytes.prefix(7), Data(), bytes + [0], nan, header,
            Data([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]) + bytes.dropFirst(8),
            Data("no model".utf8),
        ]
        for (index, content) in damaged.enumerated() {
            let file = try workspace.write("damaged.safetensors", Data(content))
            let run = try Sordino.run("evaluate", "--model", file, "--data", Scenarios.quickstart)
            #expect(run.status == 3, "case \(index): \(run.output)\(run.errors)")
            expectRefusal(run, 3, mentions: "damaged.safetensors")
            let predicted = try Sordino.run(
                "predict", "--model", file, "--data", Scenarios.quickstart, "--out", workspace.file("p.csv"))
            #expect(predicted.status == 3 && !workspace.exists("p.csv"))
        }
    }

    @Test func dataThatDoNotFitTheModelAreRefused() throws {
        let workspace = try Workspace()
        let model = workspace.file("model.safetensors")
        _ = try Sordino.run(
            "train", "--data", Scenarios.quickstart, "--model", "logistic", "--epochs", "1", "--out", model)
        let narrow = try workspace.write("narrow.csv", "1,2,3\n")
        for command in ["evaluate", "predict"] {
            let run = try Sordino.run(
                command, "--model", model, "--data", "{ format: 'csv', path: '\(narrow)', header: false }")
            expectRefusal(run, 3, mentions: "narrow.csv")
        }
    }
}
