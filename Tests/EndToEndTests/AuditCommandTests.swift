import Foundation
import Testing

/// `sordino audit` and its arithmetic, through the program.
@Suite("sordino audit", .tags(.endToEnd)) struct AuditCommandTests {
    private static let scenario = Manual.root.appendingPathComponent("simulations/audit.json5").path

    @Test func arithmeticIsThatOfThePaper() throws {
        let counts = ["--canaries", "1000", "--guesses", "400", "--correct", "330", "--delta", "1e-5"]
        let p = try Sordino.run(["audit", "p-value", "--epsilon", "1"] + counts)
        try #require(p.status == 0, "\(p.errors)")
        let value = try #require(try JSON(text: p.output)["p_value"]?.number)
        #expect(abs(value - 0.00037780294111903974) < 1e-9)
        let bound = try Sordino.run(["audit", "bound", "--significance", "0.01"] + counts)
        let epsilon = try #require(try JSON(text: bound.output)["epsilon_lower_bound"]?.number)
        #expect(abs(epsilon - 1.2417528634330308) < 1e-6)
    }

    private static let badCounts: [([String], Int32)] = [
        (["--canaries", "10", "--guesses", "11", "--correct", "1", "--delta", "0"], 3),
        (["--canaries", "10", "--guesses", "5", "--delta", "0"], 2),
        (["--canaries", "x", "--guesses", "5", "--correct", "1", "--delta", "0"], 2),
        (["--canaries", "10", "--guesses", "5", "--correct", "1", "--delta", "7"], 3),
    ]

    @Test(arguments: badCounts) func badCountsAreOneLine(_ arguments: [String], status: Int32) throws {
        let run = try Sordino.run(["audit", "bound"] + arguments)
        #expect(run.status == status && run.complaints.count == 1, "\(run.errors)")
    }

    /// Claimed and measured side by side, and written down as documented.
    @Test func aScenarioIsAudited() throws {
        let workspace = try Workspace()
        let run = try Sordino.run([
            "audit", Self.scenario, "--set", "task.rounds=3", "--releases", "50", "--quiet", "--format",
            "json",
            "--significance", "0.01", "--out", workspace.file("out"),
        ])
        try #require(run.status == 0, "\(run.errors)")
        let outcome = try JSON(text: run.output)
        #expect(try JSON(text: workspace.text("out/audit.json")) == outcome)
        let claimed = try #require(outcome["epsilon_claimed"]?.number)
        let measured = try #require(outcome["epsilon_lower_bound"]?.number)
        #expect(measured <= claimed && measured > 0.4 * claimed && claimed <= 8.01)
        #expect(try workspace.text("out/audit.html").contains("No form refutes the claim"))
        let page = try #require(try ManualPage("Sources/Simulation/README.md").section("Audits"))
        let paragraphs = page.lines.joined(separator: "\n").components(separatedBy: "\n\n")
        let text = try #require(paragraphs.first { $0.hasPrefix("`audit.json`: ") })
        #expect(outcome.keys.isSubset(of: Set(text.names)))
        // What is expected to fail and does not is no success.
        let expected = try Sordino.run([
            "audit", Self.scenario, "--set", "task.rounds=2", "--releases", "0", "--quiet",
            "--expect-violation",
        ])
        #expect(expected.status == 3 && expected.complaints.count == 1, "\(expected.errors)")
    }

    private static let refused: [([String], Int32, String)] = [
        (["--unit", "record"], 3, "task.privacy.example"), (["--unit", "house"], 2, "house"),
        (["--unit", "record", "--releases", "10"], 2, "--releases"),
        (["--canaries", "5000"], 3, "1000"), (["--significance", "1"], 2, "significance"),
        (["--set", "task.privacy={mode:'none'}"], 3, "task.privacy.mode"),
    ]

    @Test(arguments: refused) func whatCannotBeAuditedIsOneLine(
        _ arguments: [String], status: Int32, mentions: String
    ) throws {
        let run = try Sordino.run(["audit", Self.scenario, "--quiet"] + arguments)
        #expect(run.status == status && run.complaints.count == 1, "\(run.errors)")
        #expect(run.errors.contains(mentions), "\(run.errors)")
    }
}
