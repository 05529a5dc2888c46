internal import AggregationServer
internal import Configuration
internal import Operations
internal import Simulation

/// `sordino check`: validates a configuration without running it and prints the resolved plan.
enum CheckCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino check",
        summary: "Validate a configuration without running it; print the plan and its epsilon.",
        positionals: [
            .init("CONFIG", "A scenario, or a server's file (JSON5); with both sections it is a scenario.")
        ],
        options: [
            .value("set", "PATH=VALUE", "Override one key; may be repeated.", repeatable: true)
        ])

    static func run(_ options: Options) throws -> ExitCode {
        var document = try ConfigurationDocument(contentsOf: options.operands[0])
        for assignment in options.all("set") { try document.set(assignment) }
        if case .object(let sections) = document.root, sections["simulation"] == nil,
            sections["server"] != nil
        {
            let check = try ServerCheck(document)
            show(check.json, check.lines, check.warnings, options)
        } else {
            let check = try ScenarioCheck(document)
            show(check.json, check.lines, check.warnings, options)
        }
        return .done
    }

    private static func show(
        _ json: JSONValue, _ lines: [String], _ warnings: [String], _ options: Options
    ) {
        if options.format == .json {
            StandardOutput.write(json.text(indented: true) + "\n")
        } else {
            StandardOutput.write(lines.map { $0 + "\n" }.joined())
        }
        for warning in warnings { Console.standardError.writeLine("warning: \(warning)") }
    }
}
