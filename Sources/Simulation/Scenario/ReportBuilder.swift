internal import Compute
internal import Datasets
internal import Federation
internal import Learning

/// Gathers what the report shows of a run.
enum ReportBuilder {
    /// Most client sizes that the histogram is drawn from.
    private static let sizeSample = 10_000

    static func html(
        summary: SimulationSummary, progress: Simulator.Progress, journal: RunJournal,
        evaluation: EvaluationMetrics?, setup: SimulationSetup, dataset: Dataset, shares: ClientShares,
        exhibits: PrivacyExhibits, command: String
    ) throws -> String {
        let privacy = setup.plan.privacy
        var report = SimulationReport(
            summary: summary,
            rounds: try privacy.map {
                try PrivacyCourse(plan: $0, summary: summary, charged: journal.chargedRounds)
                    .stated(progress.records)
            } ?? progress.records,
            diagnostics: journal.diagnostics,
            distribution: distribution(setup, classNames: dataset.classNames),
            resolvedScenario: journal.resolvedScenario, command: command,
            targetEpsilon: privacy?.configuration.targetEpsilon,
            spendingStatement: privacy.map(SpendingStatement.init(of:)),
            evaluation: evaluation
        )
        report.shares = shares
        report.exhibits = exhibits
        return report.html()
    }

    private static func distribution(_ setup: SimulationSetup, classNames: [String]) -> ClientDistribution {
        let population = setup.partition.clientCount
        let sizes = ClientDistribution.evenSample(of: population, atMost: sizeSample)
            .map { setup.partition.count(of: $0) }
        guard case .classes(let labels, let classes) = setup.training.targets else {
            return ClientDistribution(
                population: population, clientSizes: sizes, classNames: [], sampledClients: [],
                classCounts: [])
        }
        let shown = ClientDistribution.evenSample(of: population)
        let counts = shown.map { client in
            var counts = [Int](repeating: 0, count: classes)
            for index in setup.partition[client] { counts[Int(labels[Int(index)])] += 1 }
            return counts
        }
        let names = classNames.count == classes ? classNames : (0..<classes).map(String.init)
        return ClientDistribution(
            population: population, clientSizes: sizes, classNames: names, sampledClients: shown,
            classCounts: counts)
    }
}
