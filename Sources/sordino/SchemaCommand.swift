internal import Compute
internal import Configuration
internal import Datasets
internal import Foundation
internal import Operations

/// `sordino schema`: what the columns and classes of a file mean, for a task to carry.
enum SchemaCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino schema",
        summary: "Print the schema of a file: its columns and classes, as a task carries them.",
        positionals: [
            .init(
                "DATA",
                "A folder of IDX files, a CSV, scenario or server's file, or a data section in braces.")
        ],
        options: [
            DataArgument.label,
            .value("set", "KEY=VALUE", "Another key of the data section; may be repeated.", repeatable: true),
            .value("seed", "N", "Seed that divides the data (default: the scenario's, else 1)."),
            .value("out", "FILE", "Write to this file (default: standard output)."),
        ],
        notes:
            "Put the output under task.schema, or name the file there. It says what the file says: names of classes and"
            + " categories, and with normalize or on_missing figures fitted on its rows.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let name = options.operands[0]
        let source = try DataArgument.source(name, options, assignments: options.all("set"))
        let dataset = try source.load(seed: DataArgument.seed(name, options))
        try dataset.preprocessing.checkCompleteness(path: name)
        for warning in dataset.warnings + warnings(source) {
            Console.standardError.writeLine("warning: \(warning)")
        }
        let text = dataset.preprocessing.json.text(indented: true) + "\n"
        try OutputFile.write(text, to: options.string("out") ?? "-")
        return .done
    }

    private static func warnings(_ source: DataSource) -> [String] {
        guard case .object(let section) = source.configuration else { return [] }
        var warnings: [String] = []
        // Running text has no classes: its tokens are those of the tokeniser.
        let hasClasses = section["format"] != .string("text") || section["label"] != nil
        if hasClasses, section["classes"] == nil, section["label_map"] == nil,
            section["task"] != .string("regression")
        {
            warnings.append(
                "the classes are those that this file happens to hold; where another site has more, name all under classes"
            )
        }
        let fitted = ["standardize", "min_max"].contains {
            section["normalize"] == .string($0) || section["normalize_label"] == .string($0)
        }
        if fitted || section["normalize_columns"] != nil
            || ["mean", "median"].contains(where: { section["on_missing"] == .string($0) })
        {
            warnings.append(
                "it holds figures fitted on this file's rows, which no epsilon covers; give fixed values, such as"
                    + " normalize: { range: [0, 16] }, where the rows are private")
        }
        return warnings
    }
}
