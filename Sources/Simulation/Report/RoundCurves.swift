internal import Reporting

/// The curves over rounds.
struct RoundCurves: ReportSection {
    private let summary: SimulationSummary
    private let rounds: [RoundRecord]
    private let diagnostics: [RoundDiagnostics]
    private let targetEpsilon: Double?
    private let isClassification: Bool
    /// Runs whose results are drawn as lines across.
    private let baselines: ArraySlice<BaselineComparison.ComparedRun>

    /// The curves of `report`.
    init(_ report: SimulationReport) {
        summary = report.summary
        rounds = report.rounds
        diagnostics = report.diagnostics
        targetEpsilon = report.targetEpsilon
        isClassification = report.isClassification
        baselines = BaselineComparison(report).runs.dropFirst()
    }

    /// First to last round number of the records; 1...1 for a run without any.
    private var span: ClosedRange<Int> {
        let numbers = rounds.map(\.round) + diagnostics.map(\.round)
        guard let first = numbers.min(), let last = numbers.max() else { return 1...1 }
        return first...last
    }

    /// Numbers of the rounds that released nothing.
    private var abandonedRounds: [Int] { rounds.filter { $0.abandoned != nil }.map(\.round) }

    /// All charts, in pairs on a wide page.
    var html: HTML {
        let span = span
        return """
            <section id="rounds-charts"><h2>Over the rounds</h2>
            \(stretchNote)
            <div class="figures">
            \(isClassification ? accuracyChart(span).html : hasErrors ? errorChart(span).html : "")\
            \(lossChart(span).html)\
            \(epsilonChart(span).html)\(clientsChart(span).html)\
            \(normsChart(span).html)\(clippedChart(span).html)\
            \(virtualTimeChart(span).html)\(secondsChart(span).html)
            </div></section>
            """
    }

    private var stretchNote: HTML {
        guard rounds.count > Series.drawnPoints else { return "" }
        let length = Int((Double(rounds.count) / Double(Series.stretches)).rounded())
        return """
            <p class="note">Where there are more than \(Series.drawnPoints) values, lines are means of about \
            \(Readable.count(length)) rounds and shades their range.</p>
            """
    }

    private func accuracyChart(_ span: ClosedRange<Int>) -> LineChart {
        LineChart(
            id: "accuracy", title: "Accuracy.", note: "On the server’s hold-out, where evaluated.",
            verticalTitle: "hold-out accuracy", unit: .percent, rounds: span,
            series: [Series("this federation", style: 1, points: rounds.map { ($0.round, $0.accuracy) })],
            references: references(\.accuracy), limits: 0...1)
    }

    private var hasErrors: Bool { rounds.contains { $0.rmse != nil } }

    private func errorChart(_ span: ClosedRange<Int>) -> LineChart {
        LineChart(
            id: "rmse", title: "Error.", note: "On the server’s hold-out, in the unit of the data.",
            verticalTitle: "error", rounds: span,
            series: [
                Series("RMSE", style: 1, points: rounds.map { ($0.round, $0.rmse) }),
                Series("MAE", style: 3, points: rounds.map { ($0.round, $0.mae) }),
            ],
            includesZero: true)
    }

    private func lossChart(_ span: ClosedRange<Int>) -> LineChart {
        LineChart(
            id: "loss", title: "Loss.",
            note: "Mean over the server’s hold-out; the clients’ training loss is a diagnostic.",
            verticalTitle: "mean loss", rounds: span,
            series: [
                Series("hold-out", style: 1, points: rounds.map { ($0.round, $0.loss) }),
                Series("clients’ training", style: 2, points: diagnostics.map { ($0.round, $0.clientLoss) }),
            ])
    }

    private func references(_ value: KeyPath<BaselineComparison.ComparedRun, Double?>) -> [LineChart
        .Reference]
    {
        baselines.compactMap { run in
            run[keyPath: value].map {
                LineChart.Reference(name: run.name.lowercased(), value: $0, style: run.style)
            }
        }
    }

    private func epsilonChart(_ span: ClosedRange<Int>) -> LineChart {
        LineChart(
            id: "epsilon", title: "Privacy loss.",
            note: "Spent so far, composed over all rounds at δ = \(Readable.probability(summary.delta)).",
            verticalTitle: "ε", unit: .privacyLoss, rounds: span,
            series: [
                Series("released models", style: 1, points: rounds.map { ($0.round, $0.epsilon) }),
                Series("against the server", style: 3, points: rounds.map { ($0.round, $0.epsilonServer) }),
                Series(
                    "against other members", style: 4,
                    points: rounds.map {
                        ($0.round, $0.epsilonMembers == $0.epsilon ? nil : $0.epsilonMembers)
                    }),
            ],
            references: targetEpsilon.map { [.init(name: "budget", value: $0, style: 2)] } ?? [],
            includesZero: true,
            emptyReason: summary.isWithoutPrivacy
                ? "No noise was added, so that no ε bounds what the models reveal."
                : "No finite ε was recorded.")
    }

    private func clientsChart(_ span: ClosedRange<Int>) -> LineChart {
        LineChart(
            id: "clients", title: "Clients.",
            note: "Invited to each round, and those whose update arrived in time.",
            verticalTitle: "clients", unit: .whole, rounds: span,
            series: [
                Series("reported", style: 1, points: rounds.map { ($0.round, Double($0.clientsReported)) }),
                Series("selected", style: 2, points: rounds.map { ($0.round, Double($0.clientsSelected)) }),
            ],
            abandoned: abandonedRounds, includesZero: true)
    }

    private func normsChart(_ span: ClosedRange<Int>) -> BandChart {
        BandChart(
            id: "norms", title: "Update norms.",
            note: "L2 norms before clipping: exact client data, a diagnostic of the simulation only.",
            verticalTitle: "L2 norm", rounds: span,
            spreads: diagnostics.compactMap { .init(round: $0.round, values: $0.updateNorms) },
            bound: summary.clippingNorm.map { .init(name: "clipping norm", value: $0, style: 2) },
            emptyReason: "No update norms were recorded in this run.")
    }

    private func clippedChart(_ span: ClosedRange<Int>) -> LineChart {
        LineChart(
            id: "clipped", title: "Clipped updates.",
            note: "Fraction of the updates longer than the clipping norm; a diagnostic.",
            verticalTitle: "clipped", unit: .percent, rounds: span,
            series: [
                Series(
                    "clipped", style: 1,
                    points: summary.clippingNorm == nil
                        ? [] : diagnostics.map { ($0.round, $0.clippedFraction) })
            ],
            includesZero: true, limits: 0...1, emptyReason: "Nothing was clipped in this run.")
    }

    private func virtualTimeChart(_ span: ClosedRange<Int>) -> LineChart {
        let unit = TimeUnit(fitting: rounds.map(\.virtualSeconds))
        return LineChart(
            id: "virtual-time", title: "Virtual time.",
            note: "The simulated fleet’s clock at the end of each round: training, network, waiting.",
            verticalTitle: "elapsed, \(unit.name)", rounds: span,
            series: [
                Series(
                    "virtual time", style: 1,
                    points: rounds.map { ($0.round, $0.virtualSeconds / unit.seconds) })
            ],
            includesZero: true)
    }

    private func secondsChart(_ span: ClosedRange<Int>) -> LineChart {
        let unit = TimeUnit(fitting: rounds.map(\.seconds) + rounds.map(\.evaluationSeconds))
        return LineChart(
            id: "seconds", title: "Time of the simulation.",
            note: "What each round really took on this machine.",
            verticalTitle: "time, \(unit.name)", rounds: span,
            series: [
                Series("round", style: 1, points: rounds.map { ($0.round, $0.seconds / unit.seconds) }),
                Series(
                    "evaluation", style: 3,
                    points: rounds.map {
                        ($0.round, $0.evaluationSeconds > 0 ? $0.evaluationSeconds / unit.seconds : nil)
                    }),
            ],
            includesZero: true)
    }
}

/// The unit in which a chart of durations is readable.
struct TimeUnit: Equatable {
    /// Plural name.
    var name: String
    /// Seconds of one.
    var seconds: Double

    private static let all = [
        TimeUnit(name: "days", seconds: 86400), TimeUnit(name: "hours", seconds: 3600),
        TimeUnit(name: "minutes", seconds: 60), TimeUnit(name: "seconds", seconds: 1),
        TimeUnit(name: "milliseconds", seconds: 1e-3),
    ]

    /// The largest unit of which the longest duration holds two.
    init(fitting durations: [Double]) {
        let longest = durations.filter(Axis.canDraw).max() ?? 0
        self = Self.all.first { longest >= 2 * $0.seconds } ?? Self.all[longest > 0 ? 4 : 3]
    }

    private init(name: String, seconds: Double) {
        self.name = name
        self.seconds = seconds
    }
}
