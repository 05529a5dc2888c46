import Foundation
import TestSupport
import Testing

/// The kernels at every level that this processor has, chosen by `SORDINO_CPU_LEVEL`.
@Suite(.tags(.endToEnd)) struct KernelLevelTests {
    private func simulate(
        _ workspace: Workspace, _ name: String, level: String, workers: String, _ more: String...
    )
        throws -> CommandResult
    {
        try Sordino.start(
            [
                "simulate", Scenarios.quickstart, "--out", workspace.file(name), "--workers", workers,
                "--format", "json",
            ]
                + more, environment: ["SORDINO_CPU_LEVEL": level]
        ).wait()
    }

    /// Every kernel beside the portable one and beside plain sums: here, for AArch64 under an emulator where there is one,
    /// and under AddressSanitizer.
    @Test func everyLevelGivesThePromisedBits() throws {
        let script =
            URL(fileURLWithPath: Scenarios.folder).deletingLastPathComponent().path + "/Tests/Kernels/run"
        let run = try RunningCommand("/bin/bash", [script], patienceSeconds: 600).wait()
        #expect(run.status == 0, "\(run.output) \(run.errors)")
        #expect(run.output.contains("portable: "))
        #expect(run.output.contains("neon: ") || run.errors.contains("AArch64: skipped"), "\(run.errors)")
    }

    /// The highest level is what runs without the variable, and every level is the same for any number of workers.
    @Test(arguments: ["portable", "neon", "v3", "v4"])
    func aLevelReproducesForAnyNumberOfWorkers(level: String) throws {
        let workspace = try Workspace()
        let one = try simulate(workspace, "one", level: level, workers: "1")
        guard one.status == 0 else {
            // A level of another processor: a line that names those of this one, and nothing done.
            #expect(one.status == 2 && one.output.isEmpty)
            #expect(one.errors.contains("\"\(level)\"") && one.errors.split(separator: "\n").count == 1)
            return
        }
        let three = try simulate(workspace, "three", level: level, workers: "3")
        let digest = try #require(one.json["model_sha256"]?.string)
        #expect(try three.json["model_sha256"]?.string == digest)
        #expect(try workspace.data("one/ledger.jsonl") == workspace.data("three/ledger.jsonl"))
    }

    @Test(arguments: ["sordino", "sordino-agent", "sordino-bench"]) func anUnknownLevelIsOneLine(
        program: String
    ) throws {
        let folder = URL(fileURLWithPath: Sordino.binary).deletingLastPathComponent()
        let run = try RunningCommand(
            folder.appendingPathComponent(program).path, ["--help"], patienceSeconds: 60,
            environment: ["SORDINO_CPU_LEVEL": "v9"]
        ).wait()
        #expect(run.status == 2 && run.output.isEmpty)
        #expect(run.errors.hasPrefix("\(program): the environment variable SORDINO_CPU_LEVEL is \"v9\""))
        #expect(run.errors.split(separator: "\n").count == 1)
    }
}
