internal import AggregationServer
internal import Compute
internal import Configuration
internal import Federation
internal import Learning
internal import Messages
internal import Operations
internal import Simulation

/// `sordino statistics`: asks the tables of a simulated federation, or reads what a server's run published, and prints the
/// answers.
enum StatisticsCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino statistics",
        summary: "Ask the tables of a federation under its privacy budget, or read what a server published.",
        positionals: [
            .init("CONFIG", "A scenario, or a server's file (JSON5), with a task of kind \"statistics\".")
        ],
        options: [ScenarioArgument.out] + ScenarioArgument.settings + [
            .value(
                "schema", "FILE",
                "Write a schema for a task that trains, scaled by the answers (task.schema)."),
            .flag("overwrite", "Replace another run in the output folder."),
        ],
        notes:
            "Exit codes: 0 done, 2 usage, 3 invalid input or nothing published, 4 refused by privacy, 6 storage,"
            + " 7 interrupted.\n")

    static func run(_ options: Options) throws -> ExitCode {
        var document = try ScenarioArgument.document(options)
        if ServerCheck.concerns(document) {
            try show(published(document, options), options)
            return .done
        }
        try ScenarioArgument.seed(&document, options)
        var settings = try ScenarioArgument.run(options, out: options.string("out") ?? "sordino-out")
        settings.overwrites = options.flag("overwrite")
        let run = try ScenarioRun(document, settings)
        guard run.asksStatistics else {
            throw Failure(
                .invalidInput,
                "\(options.operands[0]): task.kind is not \"statistics\"; sordino simulate trains its model")
        }
        for warning in run.warnings { Console.standardError.writeLine("warning: \(warning)") }
        let outcome = try run.perform(SimulationDisplay(run, isQuiet: true))
        let ending = try outcome.ending.exitCode()
        guard ending == .done else { return ending }
        guard let result = outcome.statistics else {
            throw Failure(.invalidInput, "no round was published, so there are no answers")
        }
        try show(result, options)
        return .done
    }

    private static func show(_ result: StatisticsResult, _ options: Options) throws {
        if let path = options.string("schema") {
            try OutputFile.write(try result.schema().text(indented: true) + "\n", to: path)
        }
        if options.format == .json {
            StandardOutput.write(result.json.text(indented: true) + "\n")
        } else {
            StandardOutput.write(StatisticsText.text(result))
        }
    }

    /// What a server's run published, read from its state by its file alone.
    private static func published(
        _ document: ConfigurationDocument, _ options: Options
    ) throws -> StatisticsResult {
        for name in ["out", "seed", "workers", "noise", "secagg"] where options.string(name) != nil {
            throw Failure(.usage, "--\(name) is for a scenario; a server's file is only read")
        }
        guard !options.flag("overwrite") else {
            throw Failure(.usage, "--overwrite is for a scenario; a server's file is only read")
        }
        let configuration = try ServerConfiguration(document)
        guard configuration.task.statistics != nil else {
            throw Failure(.invalidInput, "\(options.operands[0]): task.kind is not \"statistics\"")
        }
        let setup = try ServerSetup(configuration)
        try setup.requireRun()
        let plan = setup.plan
        let path = "\(configuration.stateDirectory)/models/latest.safetensors"
        let file = try PublishedModel.file(path)
        guard let round = file.metadata["sordino.round"].flatMap({ Int($0) }), round > 0 else {
            throw Failure(.invalidInput, "\(path): no round was published yet, so there are no answers")
        }
        let weights = try ForeignWeights(file, layout: plan.model.layout, path: path)
        return try StatisticsResult(plan, values: weights.parameters.values, round: round)
    }
}
