import Foundation
import Testing

/// Where a key takes one of several names, its row or its table has all of them.
@Suite("Documented names", .tags(.endToEnd)) struct DocumentedNamesTests {
    /// A key that takes a name, what gives it one that nobody has, and where it is described.
    struct Choice: Sendable, CustomStringConvertible {
        let page: String
        let heading: String
        /// The row's key, or the title of the table's first column.
        let key: String
        let override: String
        var file = Scenarios.quickstart

        var description: String { override }
    }

    private static let task = "Sources/Federation/README.md"
    private static let data = "Sources/Datasets/README.md"
    private static let agent = "Sources/ClientAgent/README.md"

    static let choices: [Choice] =
        [
            Choice(page: task, heading: "`task.strategy`", key: "`name`", override: "task.strategy.name=x"),
            Choice(
                page: task, heading: "`task.compression`", key: "`name`", override: "task.compression.name=x"),
            Choice(page: task, heading: "`task.robust`", key: "`rule`", override: "task.robust.rule=x"),
            Choice(page: task, heading: "`task`", key: "kind", override: "task.kind=x"),
            Choice(
                page: task, heading: "`task.statistics`", key: "of", override: "task.statistics.of=x",
                file: Scenarios.folder + "/statistics.json5"),
            Choice(
                page: task, heading: "`task.statistics`", key: "`question`",
                override: "task.statistics.ask=[{question: \"x\"}]",
                file: Scenarios.folder + "/statistics.json5"),
            Choice(
                page: "Sources/Simulation/README.md", heading: "`simulation.attack`", key: "`name`",
                override: "simulation.attack.name=x"),
            Choice(
                page: "Sources/Simulation/README.md", heading: "`simulation.attack`", key: "`name`",
                override: "simulation.attack={name: \"min-max\", direction: \"x\"}"),
            Choice(
                page: "Sources/Simulation/README.md", heading: "`simulation.privacy_attack`",
                key: "gradient_inversion.labels",
                override: "simulation.privacy_attack.gradient_inversion.labels=x"),
            Choice(
                page: "Sources/Simulation/README.md", heading: "`simulation.privacy_attack`",
                key: "membership_inference.unit",
                override: "simulation.privacy_attack.membership_inference.unit=x"),
            Choice(
                page: task, heading: "`task.model`", key: "`preset`", override: "task.model={preset: \"x\"}"),
            Choice(
                page: task, heading: "`task.model`", key: "layer", override: "task.model={layers: [\"x\"]}"),
            Choice(
                page: task, heading: "`task.model`", key: "`preset`",
                override: "task.model={preset: \"mlp\", classes: 2, activation: \"x\"}"),
            Choice(
                page: "Sources/Simulation/README.md", heading: "`simulation.partition`", key: "`scheme`",
                override: "simulation.partition.scheme=x"),
            Choice(
                page: task, heading: "`task`", key: "evaluation.holdout",
                override: "task.evaluation.holdout=x"),
            Choice(
                page: data, heading: "`split`", key: "by", override: "simulation.data.split.by=x"),
            Choice(
                page: agent, heading: "The agent's file", key: "log.level", override: "log.level=x",
                file: KeyProbe.agent),
            Choice(
                page: agent, heading: "The agent's file", key: "log.format", override: "log.format=x",
                file: KeyProbe.agent),
        ]
        + ["optimizer", "loss", "schedule.name"].map {
            Choice(page: task, heading: "`task.training`", key: $0, override: "task.training.\($0)=x")
        }
        + ["mode", "mechanism", "sampling", "adjacency", "accountant", "tree_estimator", "matrix.strategy"]
        .map {
            Choice(page: task, heading: "`task.privacy`", key: $0, override: "task.privacy.\($0)=x")
        }
        + [
            "format", "encoding", "on_missing", "on_bad_row", "unknown_category", "task", "normalize",
        ].map {
            Choice(page: data, heading: "Data sections", key: $0, override: "simulation.data.\($0)=x")
        }

    @Test(arguments: choices) func everyNameIsDocumented(_ choice: Choice) throws {
        let refusal = try KeyProbe.refusal(choice.file, [choice.override])
        let list = try #require(refusal.firstMatch(of: /\(known: ([^)]+)\)/), "\(refusal)")
        let section = try #require(try ManualPage(choice.page).section(choice.heading))
        let table = section.tables.first { $0.header[0] == choice.key }
        let rows =
            table?.rows ?? section.tables.flatMap(\.rows).filter { $0[0].codeWords.contains(choice.key) }
        let words = Set(rows.joined().joined(separator: " ").codeWords.map { $0.replacing("\"", with: "") })
        for name in list.1.split(separator: ", ") { #expect(words.contains(String(name)), "\(name)") }
    }
}
