import Foundation
import Testing

/// This version goes on with what version 0.1.0 left, and refuses what a later one would leave.
@Suite(.tags(.endToEnd)) struct UpgradeTests {
    /// A run with a round open, in which one report was accepted, finishes: the report counts once, and both ledgers are
    /// sound from their first line to their last.
    @Test(arguments: ["none", "central"]) func anOpenRunGoesOnAndFinishes(mode: String) throws {
        let left = try FirstVersion(mode: mode)
        let before = try JSON(text: left.workspace.text("server/state/run.json"))
        #expect(before["version"]?.integer == 1 && before["round"]?.integer == 4)
        let (server, port) = try left.startServer()
        let agent = try Sordino.startAgent(["run", left.agentFile(port: port), "--until-finished"])
        let (served, worked) = (try server.wait(), try agent.wait())
        #expect(served.status == 0, "\(served.errors)")
        #expect(worked.status == 0, "\(worked.errors)")
        let after = try JSON(text: left.workspace.text("server/state/run.json"))
        #expect(after["run"] == before["run"] && after["published"]?.integer == 6, "\(served.errors)")
        #expect(after["version"]?.integer ?? 0 >= 2 && after["finished"]?.string == "all rounds done")
        let fifth = try JSON(text: left.workspace.text("server/state/rounds/000005.json"))
        #expect(fifth["state"]?.string == "published")
        #expect(fifth["reports"]?["0"]?.string != nil, "the report that 0.1.0 accepted is in the sum")
        let run = try #require(before["run"]?.string)
        for ledger in ["server/state", "agent-1/state/runs/\(run)"] {
            let verdict = try Sordino.run("ledger", "verify", left.workspace.file(ledger))
            #expect(verdict.status == 0, "\(ledger): \(verdict.errors)")
        }
        let model = left.workspace.file("server/state/models/latest.safetensors")
        let data = try Sordino.run(
            "evaluate", "--model", model, "--data",
            "{ path: \"\(Scenarios.digits)\", format: \"csv\", header: false, label: 64 }", "--format", "json"
        )
        #expect(data.status == 0, "\(data.errors)")
    }

    /// Files in a form of a later version are refused in one line that says what to do; none is changed.
    @Test(arguments: ["run.json", "notices.jsonl"]) func aServersStateOfALaterVersionIsRefused(
        file: String
    ) throws {
        let left = try FirstVersion(mode: "none")
        let name = "server/state/\(file)"
        if file == "run.json" {
            try left.setVersion(99, in: name)
        } else {
            try left.workspace.write(name, "{\"version\":99}\n")
        }
        let before = try left.workspace.text(name)
        let notices = "server.notices={ command: [\"/bin/true\"] }"
        let result = try Sordino.run(["serve", left.serverFile(), "--set", notices])
        #expect(result.status == 6 && result.complaints.count == 1, "\(result.errors)")
        #expect(result.errors.contains(file) && result.errors.contains("version 99"), "\(result.errors)")
        #expect(try left.workspace.text(name) == before)
    }

    @Test func anAgentsStateOfALaterVersionIsRefused() throws {
        let left = try FirstVersion(mode: "none")
        try left.setVersion(99, in: "agent-1/state/progress.json")
        let before = try left.workspace.text("agent-1/state/progress.json")
        let result = try Sordino.startAgent(["run", left.agentFile(port: 1)]).wait()
        #expect(result.status == 6 && result.complaints.count == 1, "\(result.errors)")
        #expect(result.errors.contains("progress.json") && result.errors.contains("version 99"))
        #expect(try left.workspace.text("agent-1/state/progress.json") == before)
    }
}
