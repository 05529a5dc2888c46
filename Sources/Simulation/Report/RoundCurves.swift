internal import Federation
internal import Reporting

/// The curves over rounds.
struct RoundCurves: ReportSection {
    private let summary: SimulationSummary
    private let rounds: [RoundRecord]
    private let diagnostics: [RoundDiagnostics]
    private let targetEpsilon: Double?
    private let isClassification: Bool
    /// What the ε of rounds before the last is; nil where nothing is known of it.
    private let statement: SpendingStatement?
    /// Runs whose results are drawn as lines across.
    private let baselines: ArraySlice<BaselineComparison.ComparedRun>

    /// The curves of `report`.
    init(_ report: SimulationReport) {
        summary = report.summary
        rounds = report.rounds
        diagnostics = report.diagnostics
        targetEpsilon = report.targetEpsilon
        isClassification = report.isClassification
        statement = report.spendingStatement
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

    /// All charts that have something to show, in pairs on a wide page; a sentence where no round was played.
    var html: HTML {
        let span = span
        let charts = [
            isClassification ? accuracyChart(span).html : errorChart(span).html,
            trafficChart, lossChart(span).html, determinationChart(span).html, epsilonChart(span)?.html,
            clientsChart(span).html, normsChart(span).html, clippedChart(span)?.html,
            clockChart, virtualTimeChart(span)?.html, secondsChart(span).html,
        ].compactMap(\.self)
        guard !charts.isEmpty else {
            return
                "<section id=\"rounds-charts\"><h2>Over the rounds</h2><p>No round was played.</p></section>"
        }
        return """
            <section id="rounds-charts"><h2>Over the rounds</h2>
            <p class="note">Hold a pointer over a chart to read its values; the link below each gives them as \
            comma-separated values.\(stretchNote)</p>
            <div class="figures">
            \(charts)</div></section>
            """
    }

    private var stretchNote: String {
        guard rounds.count > Series.drawnPoints else { return "" }
        let length = Int((Double(rounds.count) / Double(Series.stretches)).rounded())
        return " Where there are more than \(Series.drawnPoints) values, lines are means of about "
            + "\(Readable.count(length)) rounds and shades their range."
    }

    private func accuracyChart(_ span: ClosedRange<Int>) -> LineChart {
        LineChart(
            id: "accuracy", title: "Accuracy.", note: "On the server’s hold-out, where evaluated.",
            verticalTitle: "hold-out accuracy", unit: .percent, over: .rounds(span),
            series: [Series("this federation", style: 1, points: rounds.map { ($0.round, $0.accuracy) })],
            references: references(\.accuracy), limits: 0...1)
    }

    private func errorChart(_ span: ClosedRange<Int>) -> LineChart {
        LineChart(
            id: "rmse", title: "Error.", note: "On the server’s hold-out, in the unit of the data.",
            verticalTitle: "error", over: .rounds(span),
            series: [
                Series("RMSE", style: 1, points: rounds.map { ($0.round, $0.rmse) }),
                Series("MAE", style: 2, points: rounds.map { ($0.round, $0.mae) }),
            ],
            references: references(\.rmse))
    }

    private func determinationChart(_ span: ClosedRange<Int>) -> LineChart {
        LineChart(
            id: "r2", title: "R².",
            note:
                "Share of the hold-out’s variance that the predictions explain; below 0 the mean does better.",
            verticalTitle: "R²", over: .rounds(span),
            series: [Series("R²", style: 1, points: rounds.map { ($0.round, $0.r2) })])
    }

    /// What was learnt for what was sent: accuracy, else RMSE, else loss, over bytes up and down.
    private var trafficChart: HTML? {
        var sent = 0
        let totals = rounds.map { round -> Int in
            // Records read back from a file may hold anything.
            sent = sent.addingReportingOverflow(round.bytesUp).partialValue
            sent = sent.addingReportingOverflow(round.bytesDown).partialValue
            return sent
        }
        guard let total = totals.last, total > 0, totals == totals.sorted(), totals[0] >= 0 else {
            return nil
        }
        let (name, measure) = measure
        return LineChart(
            id: "traffic", title: "For what was sent.",
            note: "The same over the bytes of all reports and models so far, up and down.",
            verticalTitle: name, unit: isClassification ? .percent : .plain, over: .bytes(total),
            series: [Series(name, style: 1, points: zip(totals, rounds).map { ($0, measure($1)) })],
            limits: isClassification ? 0...1 : nil
        ).html
    }

    /// What was learnt for the fleet's time: accuracy, else RMSE, else loss, over the virtual clock; nil where that
    /// stands still.
    private var clockChart: HTML? {
        let places = rounds.map { Abscissa.milliseconds($0.virtualSeconds) }
        guard let total = places.last, total > 0, places == places.sorted() else { return nil }
        let measure = measure
        return LineChart(
            id: "clock", title: "For the time it takes.",
            note: "The same over the fleet’s virtual clock.",
            verticalTitle: measure.name, unit: isClassification ? .percent : .plain, over: .time(total),
            series: [
                Series(measure.name, style: 1, points: zip(places, rounds).map { ($0, measure.value($1)) })
            ],
            limits: isClassification ? 0...1 : nil
        ).html
    }

    /// What says how good a round's model is, on the hold-out.
    private var measure: (name: String, value: (RoundRecord) -> Double?) {
        let hasErrors = rounds.contains { $0.rmse != nil }
        return isClassification
            ? ("hold-out accuracy", { $0.accuracy })
            : hasErrors ? ("RMSE", { $0.rmse }) : ("mean loss", { $0.loss })
    }

    private func lossChart(_ span: ClosedRange<Int>) -> LineChart {
        LineChart(
            id: "loss", title: "Loss.",
            note: "Mean over the server’s hold-out; the clients’ training loss is a diagnostic.",
            verticalTitle: "mean loss", over: .rounds(span),
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

    /// Nil without privacy: the page says elsewhere that nothing bounds what the models reveal.
    private func epsilonChart(_ span: ClosedRange<Int>) -> LineChart? {
        guard rounds.contains(where: { $0.epsilon != nil || $0.epsilonServer != nil }) else { return nil }
        return LineChart(
            id: "epsilon", title: "Privacy loss.", note: privacyNote,
            verticalTitle: "ε", unit: .privacyLoss, over: .rounds(span),
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
            includesZero: true)
    }

    /// What the curve of ε is worth: a bound must not be read as what was spent.
    private var privacyNote: String {
        let delta = "at δ = \(Readable.probability(summary.delta))"
        switch statement {
        case .exact: return "Spent so far \(delta): the exact composition of all rounds until then."
        case .renyi: return "Spent so far \(delta): all rounds until then, composed by Rényi accounting."
        case .bound, nil:
            return
                "Upper bounds of what was spent so far \(delta): by Rényi accounting, and never above what all "
                + "planned rounds spend. Exact after the last round only.\(levelNote)"
        }
    }

    /// From where the curve is level because the bound is, though every round spends.
    private var levelNote: String {
        guard let last = rounds.last?.epsilon, let first = rounds.first(where: { $0.epsilon == last }),
            let end = rounds.last, rounds.count(where: { $0.epsilon == last && $0.abandoned == nil }) > 1
        else { return "" }
        return
            " From round \(Readable.count(first.round)) to \(Readable.count(end.round)) the bound is level; "
            + "less was spent there than it shows."
    }

    private func clientsChart(_ span: ClosedRange<Int>) -> LineChart {
        LineChart(
            id: "clients", title: "Clients.",
            note: "Invited to each round, and those whose update arrived in time.",
            verticalTitle: "clients", unit: .whole, over: .rounds(span),
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
            bound: summary.clippingNorm.map { .init(name: "clipping norm", value: $0, style: 2) })
    }

    /// Nil where nothing is clipped.
    private func clippedChart(_ span: ClosedRange<Int>) -> LineChart? {
        guard summary.clippingNorm != nil else { return nil }
        return LineChart(
            id: "clipped", title: "Clipped updates.",
            note: "Fraction of the updates longer than the clipping norm; a diagnostic.",
            verticalTitle: "clipped", unit: .percent, over: .rounds(span),
            series: [
                Series("clipped", style: 1, points: diagnostics.map { ($0.round, $0.clippedFraction) })
            ],
            includesZero: true, limits: 0...1)
    }

    /// Nil where the fleet takes no time: without faults and latencies its clock stands still.
    private func virtualTimeChart(_ span: ClosedRange<Int>) -> LineChart? {
        guard rounds.contains(where: { $0.virtualSeconds > 0 }) else { return nil }
        let unit = TimeUnit(fitting: rounds.map(\.virtualSeconds))
        return LineChart(
            id: "virtual-time", title: "Virtual time.",
            note: "The simulated fleet’s clock at the end of each round: training, network, waiting.",
            verticalTitle: "elapsed, \(unit.name)", over: .rounds(span),
            series: [
                Series(
                    "virtual time", style: 1,
                    points: rounds.map { ($0.round, $0.virtualSeconds / unit.seconds) })
            ],
            includesZero: true)
    }

    private func secondsChart(_ span: ClosedRange<Int>) -> LineChart {
        let durations = rounds.map(\.seconds) + rounds.map(\.evaluationSeconds)
        // One slow round, such as the first with its start-up, must not choose the unit for all.
        let limit = Axis.robustLimit(durations) ?? .infinity
        let unit = TimeUnit(fitting: durations.filter { $0 <= limit })
        return LineChart(
            id: "seconds", title: "Time of the simulation.",
            note: "What each round really took on this machine.",
            verticalTitle: "time, \(unit.name)", over: .rounds(span),
            series: [
                Series("round", style: 1, points: rounds.map { ($0.round, $0.seconds / unit.seconds) }),
                Series(
                    "evaluation", style: 3,
                    points: rounds.map {
                        ($0.round, $0.evaluationSeconds > 0 ? $0.evaluationSeconds / unit.seconds : nil)
                    }),
            ],
            includesZero: true, cutsOutliers: true)
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
