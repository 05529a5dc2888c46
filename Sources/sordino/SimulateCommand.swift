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
        options: [
            .value("out", "DIR", "Folder for the results (default: sordino-out beside you)."),
            .value(
                "set", "PATH=VALUE", "Override one key of the scenario; may be repeated.", repeatable: true),
            .value("seed", "N", "Random seed (default: the scenario's)."),
            .value("workers", "N", "Worker threads (default: one a core)."),
            .value(
                "noise", "seeded|secure",
                "Noise from the seed (a rehearsal) or from the cryptographic generator."),
            .value("secagg", "real|sum", "Real masks, or the same integers summed without (default: sum)."),
            .flag("resume", "Go on with the interrupted run in the output folder."),
            .flag("overwrite", "Replace another run in the output folder; --resume never does."),
            .flag("quiet", "Show no progress."),
        ],
        notes:
            "Exit codes: 0 done, 2 usage, 3 invalid input or nothing published, 4 refused by privacy, 6 storage,"
            + " 7 interrupted.\n")

    static func run(_ options: Options) throws -> ExitCode {
        var document = try ConfigurationDocument(contentsOf: options.operands[0])
        for assignment in options.all("set") { try document.set(assignment) }
        if let seed = try options.integer("seed", in: 0...Int.max) {
            try document.set("simulation.seed=\(seed)")
        }
        let settings = ScenarioRun.Settings(
            out: options.string("out") ?? "sordino-out",
            workers: try options.integer("workers", in: 1...1024),
            secureNoise: try options.choice("noise", among: ["seeded", "secure"]) == "secure",
            resumes: options.flag("resume"), overwrites: options.flag("overwrite"),
            masks: try options.choice("secagg", among: ["real", "sum"]) == "real", command: commandLine())
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
        switch outcome.ending {
        case .complete: return .done
        case .interrupted: return .interrupted
        case .failed(let why): throw Failure(.invalidInput, why)
        case .refused(let why): throw Failure(.refused, why)
        }
    }

    /// The command as typed, for the report's "how to reproduce".
    static func commandLine() -> String {
        ShellWords.text(["sordino"] + CommandLine.arguments.dropFirst())
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
