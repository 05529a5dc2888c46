import Foundation
import Testing

/// What a run leaves behind is what the page on output files says, field by field.
@Suite("Documented outputs", .tags(.endToEnd)) struct DocumentedOutputsTests {
    private static let page = "Sources/Simulation/README.md"

    private func section() throws -> ManualPage.Section {
        try #require(try ManualPage(Self.page).section("Output files"))
    }

    /// The names in the paragraph that begins with a file's name.
    private func fields(_ file: String) throws -> Set<String> {
        let paragraphs = try section().lines.joined(separator: "\n").components(separatedBy: "\n\n")
        let text = try #require(paragraphs.first { $0.hasPrefix("`\(file)`: ") }, "\(file)")
        // Sentences after the list speak of it.
        let list = text.dropFirst(file.count + 4).components(separatedBy: ". ")[0]
        return Set(String(list).names)
    }

    @Test(arguments: [["--noise", "secure"], []]) func filesAndFields(_ options: [String]) throws {
        let workspace = try Workspace()
        let run = try Sordino.run(
            [
                "simulate", Scenarios.quickstart, "--out", workspace.file("out"), "--set", "task.rounds=2",
                "--quiet",
            ]
                + options)
        try #require(run.status == 0, "\(run.errors)")
        let documented = try section().tables.flatMap(\.rows).flatMap { $0.joined().codeWords }
        for name in workspace.names("out") { #expect(documented.contains(name), "\(name)") }
        let summary = try JSON(text: workspace.text("out/summary.json"))
        #expect(summary.keys == (try fields("summary.json")))
        for file in ["rounds.jsonl", "diagnostics.jsonl"] {
            let lines = try workspace.jsonLines("out/\(file)")
            let keys = lines.reduce(into: Set<String>()) { $0.formUnion($1.keys) }
            let listed = try fields(file)
            #expect(!lines.isEmpty && keys == listed, "\(file)")
        }
        try checkLedger(try workspace.jsonLines("out/ledger.jsonl"))
    }

    /// Where a row states one default, a scenario that leaves the key out is resolved to it.
    @Test func defaultsAreThoseOfTheTables() throws {
        let workspace = try Workspace()
        let scenario = try workspace.write(
            "bare.json5",
            """
            { task: { model: { preset: "logistic" }, training: {}, rounds: 1, cohort_size: 20 },
              simulation: {
                data: { format: "csv", path: "\(Scenarios.digits)", header: false, label: 64, split: { test: 0.2 } },
                clients: 100 } }
            """)
        let run = try Sordino.run("simulate", scenario, "--out", workspace.file("out"), "--quiet")
        try #require(run.status == 0, "\(run.errors)")
        let task = try #require(try JSON(text: workspace.text("out/scenario.resolved.json"))["task"])
        let page = try ManualPage("Sources/Federation/README.md")
        var compared = 0
        for (heading, section) in [
            ("`task`", task), ("`task.training`", task["training"] ?? .null),
            ("`task.privacy`", task["privacy"] ?? .null),
        ] {
            for row in try #require(page.section(heading)).tables.flatMap(\.rows) {
                let (keys, defaults) = (row[0].codeWords, row[1].codeWords)
                guard keys.count == 1, defaults.count == 1, let value = section[keys[0]] else { continue }
                guard let stated = try? JSON(text: defaults[0]) else { continue }
                #expect(value == stated, "\(heading) \(keys[0])")
                compared += 1
            }
        }
        #expect(compared >= 10)
    }

    private func checkLedger(_ lines: [JSON]) throws {
        let section = try #require(try ManualPage("Sources/Ledger/README.md").section("Lines"))
        let common = Set(section.lines.prefix { !$0.hasPrefix("|") }.joined(separator: "\n").names)
        var kinds: [String: Set<String>] = [:]
        for row in section.tables.flatMap(\.rows) {
            for kind in row[0].codeWords { kinds[kind] = Set(row[1].names) }
        }
        #expect(lines.count >= 7)
        for line in lines {
            let kind = line["kind"]?.string ?? ""
            let fields = try #require(kinds[kind], "a line of kind \(kind)")
            // `settle` repeats the events of its `charge`.
            let known = fields.union(kind == "settle" ? kinds["charge"] ?? [] : [])
            #expect(line.keys.subtracting(common).isSubset(of: known), "\(kind)")
        }
    }
}
