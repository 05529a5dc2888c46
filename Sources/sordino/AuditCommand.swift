internal import Configuration
internal import Foundation
internal import Operations
internal import Privacy
internal import Simulation

/// `sordino audit`: a lower bound on ε of the pipeline that runs, beside what it claims.
enum AuditCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino audit",
        summary: "Measure a lower bound on epsilon beside the claim.",
        positionals: [.init("SCENARIO", "The scenario file (JSON5).")],
        options: [
            .value("canaries", "M", "Clients that are canaries (default: 1000, or all there are)."),
            .value("significance", "S", "How often all bounds together may fail (default: 0.05)."),
            .value("unit", "client|record", "What is protected (default: client; record: privacy.example)."),
            .value(
                "releases", "N", "Releases with and without one client (default: what is quick; 0: none)."),
            .flag("expect-violation", "Succeed where the claim is refuted, and fail where it is not."),
            .value("out", "DIR", "Folder for audit.json and audit.html (default: none)."),
        ] + ScenarioArgument.settings + [.flag("quiet", "Show no progress.")],
        notes:
            "Exit codes: 0 the claim stands (with --expect-violation: it does not), 2 usage, 3 invalid input (with"
            + " --expect-violation: the claim stands), 4 the claim is refuted, 6 storage, 7 interrupted.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let unit = try options.choice("unit", among: ["client", "record"]) ?? "client"
        if unit == "record", let unused = ["releases", "secagg"].first(where: { options.string($0) != nil }) {
            throw Failure(.usage, "--\(unused): does not go with --unit record")
        }
        var document = try ScenarioArgument.document(options)
        try ScenarioArgument.seed(&document, options)
        let run = try ScenarioArgument.run(options, out: "")
        var settings = AuditRun.Settings(run: run)
        settings.canaries = try options.integer("canaries", in: 2...OneRunGuesses.mostCanaries)
        settings.releases = try options.integer("releases", in: 0...1_000_000)
        settings.significance = try AuditArgument.significance(options) ?? settings.significance
        let folder = try options.string("out").map { try OutputDirectory($0) }
        let isQuiet = options.flag("quiet")
        guard
            let outcome = unit == "record"
                ? try audit(RecordAudit(document, settings), isQuiet)
                : try audit(AuditRun(document, settings), isQuiet)
        else { return .interrupted }
        if let folder { try AuditFiles.write(outcome, to: folder, command: run.command) }
        switch options.format {
        case .json: StandardOutput.write(outcome.json.text(indented: true) + "\n")
        case .text: StandardOutput.write(AuditText.text(outcome))
        }
        return try verdict(outcome, expectsViolation: options.flag("expect-violation"))
    }

    private static func audit(_ audit: AuditRun, _ isQuiet: Bool) throws -> AuditOutcome? {
        let display = AuditDisplay(audit.taskName, rounds: audit.rounds, isQuiet: isQuiet)
        defer { display.finish() }
        return try audit.perform(display)
    }

    private static func audit(_ audit: RecordAudit, _ isQuiet: Bool) throws -> AuditOutcome? {
        let display = AuditDisplay(audit.taskName, rounds: audit.rounds, isQuiet: isQuiet)
        defer { display.finish() }
        return try audit.perform(display)
    }

    private static func verdict(_ outcome: AuditOutcome, expectsViolation: Bool) throws -> ExitCode {
        let found = outcome.violated.map {
            $0.assumption.isEmpty ? $0.name : "\($0.name) (assumes \($0.assumption))"
        }.joined(separator: ", ")
        switch (outcome.violated.isEmpty, expectsViolation) {
        case (true, false), (false, true): return .done
        case (false, false):
            throw Failure(.refused, "the pipeline does not keep its claim: refuted by \(found)")
        case (true, true):
            throw Failure(.invalidInput, "--expect-violation: no form refutes the claim")
        }
    }
}

/// Shows the audited run on standard error and listens for Ctrl-C.
final class AuditDisplay: SimulationObserver {
    private var meter: ProgressMeter
    private var published = 0

    init(_ task: String, rounds: Int, isQuiet: Bool) {
        meter = ProgressMeter(
            label: "audit \(task)", total: rounds, completed: 0,
            style: isQuiet ? .silent : nil)
    }

    func roundEnded(_ record: RoundRecord, of rounds: Int) {
        if record.abandoned == nil { published += 1 }
        meter.update(completed: published, ProgressMeter.Figures())
    }

    func warned(_ warning: String) {}

    var wantsToStop: Bool { Signals.interruptionRequested }

    func finish() { meter.finish(completed: published, ProgressMeter.Figures()) }
}
