import Foundation
import Glibc
import Testing

/// `sordino sweep` and `sordino compare` as a user meets them.
@Suite(.tags(.endToEnd)) struct SweepTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private func arguments(_ out: String, rounds: Int = 20) -> [String] {
        [
            "sweep", Scenarios.quickstart, "--over", "task.training.learning_rate=0.1,0.5", "--over",
            "task.training.batch_size=5,10", "--seeds", "1..3", "--set", "task.rounds=\(rounds)", "--set",
            "simulation.baselines=[]", "--target", "0.7", "--out", workspace.file(out), "--quiet",
        ]
    }

    /// The instants are drawn from the system's generator: the promise is for any instant.
    @Test func aKilledSweepHasTheSameTable() throws {
        let began = Date()
        let whole = try Sordino.run(arguments("whole"))
        #expect(whole.status == 0, "\(whole.errors)")
        let duration = UInt32(Date().timeIntervalSince(began) * 1e6)
        for _ in 0..<4 {
            let command = try Sordino.start(arguments("killed"))
            // No condition: any instant is as good.
            usleep(UInt32.random(in: 1000...duration))
            command.send(SIGKILL)
            _ = try command.wait()
        }
        let resumed = try Sordino.run(arguments("killed"))
        #expect(resumed.status == 0, "\(resumed.errors)")
        for name in ["sweep.json", "sweep.csv", "sweep.jsonl"] {
            #expect(try workspace.data("whole/\(name)") == workspace.data("killed/\(name)"), "\(name)")
        }
        #expect(try workspace.text("whole/sweep.csv").split(separator: "\n").count == 5)
        #expect(try workspace.jsonLines("whole/sweep.jsonl").count == 12)
        let page = try workspace.text("whole/report.html")
        #expect(page.contains("</html>") && !page.contains("<script"))
        // Another sweep does not go into its folder, and its runs can be compared.
        let other = try Sordino.run(arguments("killed", rounds: 3))
        #expect(other.status == 3 && other.complaints.count == 1, "\(other.errors)")
        let compared = try Sordino.run(
            "compare", workspace.file("whole/runs/0001"), workspace.file("killed"), "--format", "json")
        #expect(compared.status == 0, "\(compared.errors)")
        #expect(try compared.json["points"]?.items?.count == 4)
    }

    @Test(arguments: [
        (["--over", "task.rouns=1,2"], 3, "rounds"), (["--over", "task.rounds=1,-2"], 3, "task.rounds=-2"),
        (["--over", "task.rounds=1", "--over", "task.rounds=2"], 2, "twice"),
        (["--over", "task.rounds="], 2, "empty"), ([], 2, "nothing to sweep"),
        (["--seeds", "5..1"], 2, "--seeds"), (["--seeds", "1", "--shard", "3/2"], 2, "--shard"),
        (["--over", "task.training.learning_rate=0.1..1"], 2, "--random"),
        (["--merge", "--seeds", "1"], 2, "--merge"),
    ])
    func badInputIsOneLine(_ options: [String], _ status: Int32, _ word: String) throws {
        let run = try Sordino.run(
            ["sweep", Scenarios.quickstart] + options + ["--out", workspace.file("out")])
        #expect(run.status == status && run.complaints.count == 1, "\(run.errors)")
        #expect(run.errors.contains(word), "\(run.errors)")
        #expect(!workspace.exists("out/runs"))
    }

    @Test func whatIsNoRunIsNotCompared() throws {
        try workspace.write("none/summary.json", "{")
        for folder in ["none", "nowhere"] {
            let run = try Sordino.run("compare", workspace.file(folder))
            #expect(run.status == 3 && run.complaints.count == 1, "\(run.errors)")
        }
    }
}
