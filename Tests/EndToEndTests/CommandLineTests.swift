import Testing

/// What every command promises of its options, exit codes and streams (Sources/sordino/README.md).
@Suite(.tags(.endToEnd)) struct CommandLineTests {
    static let commands = [
        ["simulate"], ["train"], ["evaluate"], ["predict"], ["check"], ["privacy", "epsilon"],
        ["privacy", "calibrate"], ["privacy", "sample"], ["ledger", "show"], ["ledger", "verify"],
        ["serve"], ["status"], ["rounds"], ["agents"], ["pause"], ["resume"], ["stop"],
    ]

    @Test(arguments: commands) func helpIsPrintedOnStandardOutput(command: [String]) throws {
        for flag in ["--help", "-h"] {
            let help = try Sordino.run(command + [flag])
            #expect(help.status == 0 && help.errors.isEmpty)
            #expect(help.output.contains("sordino " + command.joined(separator: " ")))
            #expect(help.output.contains("--format text|json"))
        }
    }

    @Test func theOverviewNamesEveryCommand() throws {
        let overview = try Sordino.run("--help")
        #expect(overview.status == 0 && overview.errors.isEmpty)
        for command in Self.commands { #expect(overview.output.contains(command.joined(separator: " "))) }
        #expect(try Sordino.run("--version").output.hasPrefix("sordino "))
    }

    @Test(arguments: [
        ["fly"], ["privacy", "fly"], ["ledger"], ["--fly"],
        ["simulate"], ["simulate", "a.json5", "b.json5"], ["check"], ["train"], ["evaluate"], ["predict"],
        ["ledger", "verify"], ["ledger", "show"], ["privacy", "epsilon"], ["privacy", "calibrate"],
        ["privacy", "sample"],
        ["simulate", Scenarios.quickstart, "--seed", "-1"],
        ["simulate", Scenarios.quickstart, "--seed", "x"],
        ["simulate", Scenarios.quickstart, "--workers", "0"], ["simulate", Scenarios.quickstart, "--seed"],
        ["simulate", Scenarios.quickstart, "--noise", "loud"],
        ["check", Scenarios.quickstart, "--format", "xml"],
    ])
    func aMisusedCommandLineIsRefused(arguments: [String]) throws {
        expectUsageFailure(try Sordino.run(arguments), arguments)
    }

    @Test(arguments: commands) func anUnknownOptionIsRefused(command: [String]) throws {
        expectUsageFailure(try Sordino.run(command + ["--fly"]), command)
    }

    private func expectUsageFailure(_ result: CommandResult, _ arguments: [String]) {
        #expect(result.status == 2, "\(arguments): \(result.errors)")
        #expect(result.output.isEmpty)
        #expect(result.complaints.count == 1 && result.errors.hasPrefix("sordino: "), "\(result.errors)")
    }

    @Test func withoutArgumentsTheOverviewIsShownAsAMistake() throws {
        #expect(try Sordino.run([]).status == 2)
    }

    @Test func jsonIsOneDocumentOnStandardOutput() throws {
        let workspace = try Workspace()
        let out = workspace.file("out")
        let model = out + "/model.safetensors"
        let gaussian = ["--mechanism", "gaussian", "--delta", "1e-5"]
        let commands: [([String], Set<String>)] = [
            (["simulate", Scenarios.quickstart, "--out", out], ["model_sha256", "epsilon"]),
            (["check", Scenarios.quickstart], ["epsilon", "rounds", "bytes_per_report", "memory_bytes"]),
            (
                ["train", "--data", Scenarios.quickstart, "--model", "logistic", "--epochs", "2"],
                ["final_accuracy", "final_loss", "epochs", "model_sha256"]
            ),
            (
                ["evaluate", "--model", model, "--data", Scenarios.quickstart],
                ["accuracy", "loss", "confusion", "macro", "micro", "per_class"]
            ),
            (
                ["privacy", "epsilon", "--noise-multiplier", "1"] + gaussian,
                ["epsilon", "delta", "accountant", "mechanism", "adjacency"]
            ),
            (
                ["privacy", "calibrate", "--target-epsilon", "1"] + gaussian,
                ["noise_multiplier", "epsilon"]
            ),
            (["ledger", "verify", out], ["sound", "lines", "findings"]),
            (["ledger", "show", out], ["epsilon", "epsilon_server", "delta", "rounds"]),
        ]
        for (arguments, keys) in commands {
            let result = try Sordino.run(arguments + ["--format", "json"])
            #expect(result.status == 0, "\(arguments): \(result.errors)")
            let missing = keys.subtracting(try result.json.keys)
            #expect(missing.isEmpty, "\(arguments) lacks \(missing)")
        }
    }
}
