import Foundation
import Testing

/// The blocks of the first page's door "Evaluate", pasted whole into a shell, in a folder that looks like the checkout.
@Suite("The door Evaluate", .tags(.endToEnd)) struct EvaluateDoorTests {
    private static let page = "README.md"

    /// What the shell prints for all blocks of the door, one after the other.
    private func walk(_ workspace: Workspace) throws -> CommandResult {
        let text = try String(contentsOf: Manual.root.appendingPathComponent(Self.page), encoding: .utf8)
        let door = try #require(
            text.components(separatedBy: "\n### Evaluate\n").last?.components(separatedBy: "\n### ").first)
        let blocks = door.components(separatedBy: "```sh\n").dropFirst()
            .map { $0.components(separatedBy: "\n```")[0] }
        #expect(blocks.count >= 2)
        let files = FileManager.default
        try files.createDirectory(atPath: workspace.file(".build"), withIntermediateDirectories: true)
        try files.createSymbolicLink(
            atPath: workspace.file(".build/release"),
            withDestinationPath: (Sordino.binary as NSString).deletingLastPathComponent)
        try files.createDirectory(atPath: workspace.file("simulations"), withIntermediateDirectories: true)
        for name in ["quickstart.json5", "data"] {
            try files.copyItem(
                atPath: Scenarios.folder + "/" + name, toPath: workspace.file("simulations/" + name))
        }
        let script = "cd '\(workspace.path)'\n" + blocks.joined(separator: "\n")
        return try RunningCommand(
            "/bin/bash", ["-e", "-o", "pipefail", try workspace.write("walk", script)], patienceSeconds: 240
        ).wait()
    }

    @Test func everyBlockWorksAsWrittenAndGivesTheFiguresOfThePage() throws {
        let workspace = try Workspace()
        let run = try walk(workspace)
        try #require(run.status == 0, "\(run.errors)")
        let predictions = try workspace.text("simulations/out/own/predictions.csv").split(separator: "\n")
        #expect(predictions.count == 3001 && predictions[0].hasPrefix("prediction,probability_no"))

        // The table's means are those of the five runs; another processor may move a row or two of 359.
        let section = try #require(try ManualPage(Self.page).section("Two commands"))
        let table = try #require(section.tables.first { $0.header.first == "test accuracy" })
        for (row, label) in zip(table.rows, ["test accuracy", "without privacy", "central training"]) {
            let figures = run.output.split(separator: "\n").filter { $0.hasPrefix(label) }.prefix(5)
                .compactMap { $0.firstMatch(of: /([0-9.]+) %/).flatMap { Double($0.1) } }
            #expect(figures.count == 5)
            let stated = try #require(row[1].firstMatch(of: /[0-9.]+/).flatMap { Double($0.0) })
            #expect(abs(figures.reduce(0, +) / 5 - stated) < 0.6, "\(label): \(figures)")
        }
    }
}
