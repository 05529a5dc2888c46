internal import AggregationServer
internal import Configuration
internal import Operations
internal import Simulation

/// `sordino check`: validates a configuration without running it and prints the resolved plan.
enum CheckCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino check",
        summary: "Validate a configuration without running it; print the plan and its epsilon.",
        positionals: [.init("CONFIG", "The scenario, the server's file, or a task to be submitted (JSON5).")],
        options: [
            .value("set", "PATH=VALUE", "Override one key; may be repeated.", repeatable: true)
        ])

    static func run(_ options: Options) throws -> ExitCode {
        var document = try ConfigurationDocument(contentsOf: options.operands[0])
        for assignment in options.all("set") { try document.set(assignment) }
        if ServiceConfiguration.concerns(document) || ServiceCheck.isSubmission(document) {
            let check =
                ServiceCheck.isSubmission(document)
                ? try ServiceCheck(submission: document) : try ServiceCheck(document)
            write(check.json, check.lines, check.warnings, options)
        } else if ServerCheck.concerns(document) {
            let check = try ServerCheck(document)
            write(check.json, check.lines, check.warnings, options)
        } else {
            let check = try ScenarioCheck(document)
            write(check.json, check.lines, check.warnings, options)
        }
        return .done
    }

    private static func write(
        _ json: JSONValue, _ lines: [String], _ warnings: [String], _ options: Options
    ) {
        switch options.format {
        case .json: StandardOutput.write(json.text(indented: true) + "\n")
        case .text: StandardOutput.write(lines.map { $0 + "\n" }.joined())
        }
        for warning in warnings { Console.standardError.writeLine("warning: \(warning)") }
    }
}
