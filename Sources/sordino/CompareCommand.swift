internal import Operations
internal import Simulation

/// `sordino compare`: one table of runs that exist.
enum CompareCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino compare",
        summary: "Compare runs that exist: one table of their folders.",
        positionals: [.init("DIR", "Output folders of simulate or sweep.", count: .any)],
        options: [
            .value("target", "A", "Tell the first round with this accuracy."),
            .value("out", "DIR", "Folder for sweep.csv, sweep.jsonl and report.html (default: none)."),
        ],
        notes: """
            Runs that differ in their seed or fold alone are one row; rows are named by what they differ in.
            Exit codes: 0 done, 2 usage, 3 a folder is none of a finished run, 6 storage.

            """)

    static func run(_ options: Options) throws -> ExitCode {
        guard !options.operands.isEmpty else { throw options.usage("DIR is missing") }
        let target = try options.number("target", expected: "an accuracy from 0 to 1") { $0 >= 0 && $0 <= 1 }
        let table = try RunComparison.table(options.operands, target: target) {
            Console.standardError.writeLine("warning: \($0)")
        }
        if let path = options.string("out") {
            try SweepResults.write(
                table, to: OutputDirectory(path), title: "Runs",
                command: ShellWords.text(["sordino", "compare"] + options.operands))
        }
        if options.format == .json {
            try StandardOutput.write(table.json)
        } else {
            StandardOutput.write(ResultText.text(table))
        }
        return .done
    }
}
