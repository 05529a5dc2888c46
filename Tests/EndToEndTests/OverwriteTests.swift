import Foundation
import Testing

/// An output folder that holds a run: the same run is replaced, another only where that was asked for.
@Suite(.tags(.endToEnd)) struct OverwriteTests {
    private static let few = ["--set", "task.rounds=2", "--set", "simulation.baselines=[]", "--quiet"]

    private func simulate(_ folder: String, _ more: [String] = []) throws -> CommandResult {
        try Sordino.run(["simulate", Scenarios.quickstart, "--out", folder] + Self.few + more)
    }

    @Test func theSameRunIsReplacedAndAnotherOnlyWhenAskedFor() throws {
        let workspace = try Workspace()
        let folder = workspace.file("out")
        #expect(try simulate(folder).status == 0)
        let first = try workspace.data("out/model.safetensors")
        // What is not a run's own stays where it is.
        try workspace.write("out/notes.txt", "mine")
        #expect(try simulate(folder, ["--workers", "1"]).status == 0)
        #expect(try workspace.data("out/model.safetensors") == first)

        let summary = try workspace.data("out/summary.json")
        let refused = try simulate(folder, ["--seed", "2"])
        #expect(refused.status == 3)
        #expect(refused.errors.split(separator: "\n").count == 1, "\(refused.errors)")
        #expect(refused.errors.contains(folder) && refused.errors.contains("--overwrite"))
        #expect(try workspace.data("out/model.safetensors") == first)
        #expect(try workspace.data("out/summary.json") == summary)
        // Nor does --resume take another run up, or replace it.
        for more in [["--resume"], ["--resume", "--overwrite"]] {
            let resumed = try simulate(folder, ["--seed", "2"] + more)
            #expect(resumed.status == 3 && resumed.errors.contains("--overwrite"), "\(resumed.errors)")
            #expect(try workspace.data("out/model.safetensors") == first)
        }
        #expect(try simulate(folder, ["--resume"]).status == 0)
        #expect(try workspace.data("out/model.safetensors") == first)

        #expect(try simulate(folder, ["--seed", "2", "--overwrite"]).status == 0)
        #expect(try workspace.data("out/model.safetensors") != first)
        #expect(try JSON(text: workspace.text("out/summary.json"))["seed"]?.integer == 2)
        #expect(try workspace.text("out/notes.txt") == "mine")
    }

    /// What says whose run it is may be lost; its ledger is not thrown away for that.
    @Test(arguments: [
        ("rounds.jsonl", 3), ("ledger.jsonl", 3), ("checkpoint.safetensors", 3),
        ("scenario.resolved.json", 3),
        ("notes.txt", 0), ("summary.json", 0), ("model.safetensors", 0), ("log", 0),
    ])
    func someFilesAreSignsOfARun(name: String, status: Int32) throws {
        let workspace = try Workspace()
        try workspace.write("out/\(name)", "{}\n")
        let run = try simulate(workspace.file("out"))
        #expect(run.status == status, "\(run.errors)")
        #expect(run.errors.contains(name) == (status == 3))
        if status == 3 {
            #expect(try workspace.text("out/\(name)") == "{}\n")
            #expect(try simulate(workspace.file("out"), ["--overwrite"]).status == 0)
        }
    }

    /// What a run with secure noise spent is forgotten on no account.
    @Test func aSecureLedgerIsNeverOverwritten() throws {
        let workspace = try Workspace()
        let folder = workspace.file("out")
        #expect(try simulate(folder, ["--noise", "secure"]).status == 0)
        let ledger = try workspace.data("out/ledger.jsonl")
        for more in [[], ["--overwrite"], ["--noise", "secure", "--overwrite"]] {
            #expect(try simulate(folder, more).status == 3)
            #expect(try workspace.data("out/ledger.jsonl") == ledger)
        }
    }
}
