package import Federation
package import Learning
internal import Reporting

/// Everything that `report.html` shows of a run, and the page made of it.
///
/// The page is one file without scripts or outside resources: headline figures, comparison with the
/// baselines, curves over rounds, the classes, the clients' data, a table of rounds, what the privacy statement means, and
/// how to repeat the run.
package struct SimulationReport: Sendable {
    package var summary: SimulationSummary
    /// Rounds in order, abandoned ones included.
    package var rounds: [RoundRecord]
    /// Exact values of the simulated clients, rounds in order; may be empty.
    package var diagnostics: [RoundDiagnostics]
    package var distribution: ClientDistribution
    /// JSON text of the resolved scenario; shown indented.
    package var resolvedScenario: String
    /// The command line that makes this run again.
    package var command: String
    /// Budget of the released models; nil: none was set.
    package var targetEpsilon: Double?
    /// What the ε of `rounds` before the last is; nil where nothing is known of it.
    package var spendingStatement: SpendingStatement?
    /// The last model on the server's hold-out, class by class; nil where it was not evaluated there.
    package var evaluation: EvaluationMetrics?
    /// What the run was for each client, as far as that is known.
    package var shares = ClientShares()
    /// Pictures and curves of attacks on privacy, where any were made.
    package var exhibits = PrivacyExhibits()

    /// A report of a finished or interrupted run.
    package init(
        summary: SimulationSummary, rounds: [RoundRecord], diagnostics: [RoundDiagnostics],
        distribution: ClientDistribution, resolvedScenario: String, command: String,
        targetEpsilon: Double? = nil, spendingStatement: SpendingStatement? = nil,
        evaluation: EvaluationMetrics? = nil
    ) {
        self.summary = summary
        self.rounds = rounds
        self.diagnostics = diagnostics
        self.distribution = distribution
        self.resolvedScenario = resolvedScenario
        self.command = command
        self.targetEpsilon = targetEpsilon
        self.spendingStatement = spendingStatement
        self.evaluation = evaluation
    }

    /// The whole page. The same report gives the same bytes: it holds no date and no host name.
    package func html() -> String {
        page.markup
    }

    private var page: HTML {
        ReportPage(
            title: "\(summary.task) – simulated federation", header: ReportHeadline(self).html,
            main: "\(sections.map { "\($0.html)\n" as HTML })", version: summary.version
        ).html
    }

    /// What stands between headline and foot, in the order of the page.
    private var sections: [any ReportSection] {
        [
            BaselineComparison(self), RoundCurves(self), ClassScores(self),
            ClientFairness(self), PersonalModels(self), PrivacyAttackResults(self),
            DataSkew(distribution: distribution),
            RoundTable(self),
            PrivacyStatement(self), Reproduction(self),
        ]
    }

    /// True where any round or the summary has a hold-out accuracy.
    var isClassification: Bool {
        summary.finalAccuracy != nil || summary.bestAccuracy != nil || rounds.contains { $0.accuracy != nil }
    }

}

/// A part of the page under a heading of its own, which needs to know nothing of the others.
protocol ReportSection {
    /// One `section` element.
    var html: HTML { get }
}

extension SimulationSummary {
    /// True where nobody adds noise.
    var isWithoutPrivacy: Bool { privacyMode == PrivacyMode.none.rawValue }
}
