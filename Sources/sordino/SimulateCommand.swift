internal import Configuration
internal import Foundation
internal import Operations
internal import Simulation

/// `sordino simulate`: runs a scenario and writes its results.
enum SimulateCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino simulate",
        summary: "Run a federation on this machine.",
        positionals: [.init("SCENARIO", "The scenario file (JSON5).")],
        options: [ScenarioArgument.out] + ScenarioArgument.settings + [
            .flag("resume", "Go on with the interrupted run in the output folder."),
            .flag("overwrite", "Replace another run in the output folder; --resume never does."),
            .flag("quiet", "Show no progress."),
        ],
        notes:
            "Exit codes: 0 done, 2 usage, 3 invalid input or nothing published, 4 refused by privacy, 6 storage,"
            + " 7 interrupted.\n")

    static func run(_ options: Options) throws -> ExitCode {
        var document = try ScenarioArgument.document(options)
        try ScenarioArgument.seed(&document, options)
        var settings = try ScenarioArgument.run(options, out: options.string("out") ?? "sordino-out")
        (settings.resumes, settings.overwrites) = (options.flag("resume"), options.flag("overwrite"))
        let run = try ScenarioRun(document, settings)
        for warning in run.warnings { Console.standardError.writeLine("warning: \(warning)") }
        let display = SimulationDisplay(run, isQuiet: options.flag("quiet"))
        let outcome = try run.perform(display)
        display.finish(outcome.summary)
        if options.format == .json {
            try StandardOutput.write(outcome.summary)
        } else {
            StandardOutput.write(SummaryText.text(outcome.summary, folder: settings.out))
        }
        return try outcome.ending.exitCode()
    }
}

/// Shows a running simulation on standard error and listens for Ctrl-C.
final class SimulationDisplay: SimulationObserver {
    private var meter: ProgressMeter
    private var figures = ProgressMeter.Figures()
    private var published: Int

    init(_ run: ScenarioRun, isQuiet: Bool) {
        published = run.publishedBefore
        meter = ProgressMeter(
            label: run.taskName, total: run.rounds, completed: published, style: isQuiet ? .silent : nil)
    }

    func roundEnded(_ record: RoundRecord, of rounds: Int) {
        if record.abandoned == nil { published += 1 }
        if let loss = record.loss { figures.loss = loss }
        if let accuracy = record.accuracy { figures.accuracy = accuracy }
        figures.epsilon = record.epsilon
        meter.update(completed: published, figures)
    }

    func warned(_ warning: String) { Console.standardError.writeLine("warning: \(warning)") }

    var wantsToStop: Bool { Signals.interruptionRequested }

    func finish(_ summary: SimulationSummary) { meter.finish(completed: published, figures) }
}
