internal import Compute
package import Configuration
internal import Datasets
package import Federation
internal import Foundation
internal import Learning
internal import Operations

/// One run of a scenario, from its file to its results.
package final class ScenarioRun {
    /// What the command line adds to the scenario.
    package struct Settings: Sendable {
        /// Output folder.
        package var out: String
        /// Worker threads; nil: the scenario's.
        package var workers: Int?
        /// Noise from the cryptographic generator.
        package var secureNoise: Bool
        package var resumes: Bool
        /// Whether another run in the folder is replaced; without, only the same run is.
        package var overwrites: Bool
        /// Real masks in place of the plain sum of the same integers.
        package var masks: Bool
        /// The command as typed, for the report.
        package var command: String

        package init(
            out: String, workers: Int?, secureNoise: Bool, resumes: Bool, overwrites: Bool = false,
            masks: Bool = false, command: String
        ) {
            self.out = out
            self.workers = workers
            self.secureNoise = secureNoise
            self.resumes = resumes
            self.overwrites = overwrites
            self.masks = masks
            self.command = command
        }
    }

    /// What a run ends with.
    package struct Outcome: Sendable {
        package var summary: SimulationSummary
        package var ending: Ending
        /// The answers of a task of statistics that ended as planned; nil of any other.
        package var statistics: StatisticsResult?
    }

    /// How a run ended.
    package enum Ending: Equatable, Sendable {
        /// As planned: all rounds, the budget, or the target.
        case complete
        /// Interrupted; it can be resumed.
        case interrupted
        /// Too many rounds in a row released nothing, or no round was ever published; with the reason.
        case failed(String)
        /// The budget was spent on rounds that released nothing; with the reason.
        case refused(String)
    }

    private let scenario: Scenario
    private let settings: Settings
    private let setup: SimulationSetup
    private let dataset: Dataset
    private let journal: RunJournal
    private let resumed: Simulator.Progress?
    private let began = ContinuousClock.now

    /// Reads, checks and loads everything; the output folder is touched only when all of that went well.
    package convenience init(_ document: ConfigurationDocument, _ settings: Settings) throws {
        try self.init(ScenarioLoader.load(document, settings), settings)
    }

    /// The same of what was loaded already.
    init(_ loaded: (scenario: Scenario, setup: SimulationSetup, dataset: Dataset), _ settings: Settings)
        throws
    {
        let scenario = loaded.scenario
        self.scenario = scenario
        self.settings = settings
        (setup, dataset) = (loaded.setup, loaded.dataset)
        journal = try RunJournal(
            folder: OutputDirectory(settings.out), scenario: scenario, setup: setup,
            resumes: settings.resumes,
            overwrites: settings.overwrites)
        resumed = try journal.resumedProgress(plan: setup.plan)
    }

    /// What should be thought about, one line each.
    package var warnings: [String] { dataset.warnings + ScenarioWarnings.of(scenario, setup.plan) }
    /// Whether the task is of kind `statistics`.
    package var asksStatistics: Bool { scenario.task.statistics != nil }
    package var taskName: String { scenario.task.name }
    /// Rounds that the run is to publish.
    package var rounds: Int { scenario.task.rounds }
    /// Rounds published before this run was resumed.
    package var publishedBefore: Int { resumed?.published ?? 0 }

    /// Trains, then writes model, summary and report; or, interrupted, a checkpoint and the summary so far.
    package func perform(_ observer: any SimulationObserver) throws -> Outcome {
        let simulator = try Simulator(setup, journal: journal, from: resumed)
        let attacks = try scenario.privacyAttack.map { try PrivacyAttacks($0, setup) }
        let witness = attacks?.witness(simulator, observer)
        let reason = try simulator.run(witness ?? observer)
        let progress = simulator.progress
        try journal.checkpoint(progress)
        let ending = Self.ending(reason, progress, simulator.watch)
        let baselines = ending == .complete ? try Baselines.run(scenario, setup) : []
        // Initial weights are no result.
        let model =
            reason != nil && progress.published == 0
            ? nil
            : TensorFile(
                head: ModelFile.head(
                    progress.parameters.layout, ScenarioLoader.description(scenario, setup, dataset),
                    extra: ["sordino.task": scenario.task.name, "sordino.round": String(progress.round)]),
                values: [progress.parameters.values])
        var summary = try SummaryBuilder.summary(
            scenario: scenario, setup: setup, progress: progress, model: model,
            seconds: began.secondsToNow)
        summary.finished = reason?.rawValue ?? "interrupted; --resume goes on"
        summary.warnings = simulator.watch.warnings
        if reason != nil, progress.published > 0, let attack = scenario.attack,
            let outcome = try simulator.attackOutcome()
        {
            summary.attack = .init(
                name: attack.name, hostileClients: outcome.hostile, successRate: outcome.successRate)
        }
        summary.baselines = baselines
        var exhibits = PrivacyExhibits()
        if ending == .complete, let attacks, let witness {
            let found = try attacks.run(witness)
            (summary.privacyAttack, exhibits) = (found.outcome, found.exhibits)
            summary.warnings += found.warnings
        }
        let shares = try shares(
            of: simulator, into: &summary, isMeasured: reason != nil && progress.published > 0)
        try journal.writeResults(model: model, frozen: setup.plan.model.frozen, summary: summary)
        try journal.writeReport(
            ReportBuilder.html(
                summary: summary, progress: progress, journal: journal,
                evaluation: reason == nil ? nil : simulator.finalMetrics(), setup: setup, dataset: dataset,
                shares: shares, exhibits: exhibits, command: settings.command))
        return Outcome(summary: summary, ending: ending, statistics: try statistics(ending, progress))
    }

    /// Reads and writes the answers of a task of statistics; an older file is removed where there are none.
    private func statistics(_ ending: Ending, _ progress: Simulator.Progress) throws -> StatisticsResult? {
        let folder = try OutputDirectory(settings.out)
        guard setup.plan.configuration.statistics != nil else { return nil }
        guard ending == .complete, progress.published > 0 else {
            try AtomicFile.remove(folder.file(StatisticsResult.fileName))
            return nil
        }
        let result = try StatisticsResult(
            setup.plan, values: progress.parameters.values, round: progress.round)
        try AtomicFile.write(
            result.json.text(indented: true) + "\n", to: folder.file(StatisticsResult.fileName))
        return result
    }

    /// What the run was for its clients; `isMeasured`: what each would use too, where they kept examples from training.
    private func shares(
        of simulator: Simulator, into summary: inout SimulationSummary, isMeasured: Bool
    ) throws -> ClientShares {
        let progress = simulator.progress
        var accuracies: [Double?] = []
        if isMeasured, let held = setup.clientHoldout {
            let meter = try PersonalMeter(setup, held: held, file: simulator.memory)
            let published = progress.parameters.values
            let scores = try meter.scores(.published, of: published, after: progress.round)
            accuracies = scores.map { $0?.accuracy }
            summary.clientAccuracy = ClientAccuracy(scores)
            summary.personal = try personal(meter, scores, progress)
        }
        return ClientShares(
            accuracies: accuracies, participation: progress.participation.map(Int.init),
            bytesUp: setup.plan.reportBytes, bytesDown: setup.plan.downloadBytes(published: 1))
    }

    /// What clients would use themselves, given the published model's scores; nil where that is all there is to tell.
    private func personal(
        _ meter: PersonalMeter, _ published: [ClientScore?], _ progress: Simulator.Progress
    ) throws -> PersonalFigures? {
        func figures(_ scores: [ClientScore?]) -> PersonalFigures.Model {
            PersonalFigures.Model(scores, scale: setup.targetScale)
        }
        func measure(_ subject: PersonalMeter.Subject) throws -> PersonalFigures.Model {
            figures(try meter.scores(subject, of: progress.parameters.values, after: progress.round))
        }
        let content = setup.plan.ownContent
        let first = figures(published)
        guard content != nil || scenario.fineTuneEpochs != nil || first.error != nil else { return nil }
        return PersonalFigures(
            localParameters: setup.plan.model.localLayout.count, published: first,
            ownModel: content == .personalModel ? try measure(.own) : nil,
            fineTuned: try scenario.fineTuneEpochs.map { try measure(.fineTuned(epochs: $0)) })
    }

    private static func ending(
        _ reason: FinishReason?, _ progress: Simulator.Progress, _ watch: DivergenceWatch
    ) -> Ending {
        guard let reason else { return .interrupted }
        let isCut = reason == .abandonedTooOften || reason == .tooFewClients
        guard progress.published == 0 || isCut else { return .complete }
        let abandoned = progress.records.filter { $0.abandoned != nil }
        let why = watch.reason(
            published: progress.published, abandoned: abandoned.count,
            last: reason == .tooFewClients ? reason.rawValue : abandoned.last?.abandoned)
        return reason == .budget ? .refused(why) : .failed(why)
    }
}
