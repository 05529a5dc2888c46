internal import Reporting

/// The comparison that gives a result its meaning: the same work without privacy, and without federation.
struct BaselineComparison: ReportSection {
    /// One run of the comparison.
    struct ComparedRun: Equatable {
        var name: String
        var detail: String
        var accuracy: Double?
        var loss: Double?
        /// Root mean squared error in the unit of the data; nil where classes are learnt.
        var rmse: Double?
        /// Place in the palette, 1 to 4.
        var style: Int
    }

    private let summary: SimulationSummary
    private let isClassification: Bool

    /// The comparison that `report` shows.
    init(_ report: SimulationReport) {
        summary = report.summary
        isClassification = report.isClassification
    }

    /// This run first, then the baselines as the summary has them.
    var runs: [ComparedRun] {
        let own = ComparedRun(
            name: "This federation",
            detail: summary.isWithoutPrivacy ? "without privacy" : "\(summary.privacyMode) privacy",
            accuracy: summary.finalAccuracy, loss: summary.finalLoss, rmse: summary.finalRMSE, style: 1)
        return [own]
            + summary.baselines.enumerated().map { index, baseline in
                switch baseline.name {
                case "without_privacy":
                    ComparedRun(
                        name: "Without privacy", detail: "the same federation, no noise",
                        accuracy: baseline.accuracy, loss: baseline.loss, rmse: baseline.rmse, style: 4)
                case "central":
                    ComparedRun(
                        name: "Central training", detail: "all data in one place, no privacy",
                        accuracy: baseline.accuracy, loss: baseline.loss, rmse: baseline.rmse, style: 3)
                default:
                    ComparedRun(
                        name: baseline.name, detail: "", accuracy: baseline.accuracy, loss: baseline.loss,
                        rmse: baseline.rmse, style: 2 + index % 3)
                }
            }
    }

    /// Table of the compared runs with bars; a sentence where there is nothing to compare with.
    var html: HTML {
        guard !summary.baselines.isEmpty else {
            return """
                <section id="baselines"><h2>Beside the baselines</h2>
                <p>No baseline was run beside this federation.</p></section>
                """
        }
        let measure = isClassification ? "Accuracy" : hasErrors ? "RMSE" : "Loss"
        let second: HTML = showsLoss ? "<th scope=\"col\" class=\"number\">Loss</th>" : ""
        return """
            <section id="baselines"><h2>Beside the baselines</h2>
            <div class="scroll" tabindex="0" role="region" aria-label="Comparison with the baselines">
            <table class="compare"><thead><tr><th scope="col">Run</th>\
            <th scope="col" class="number">\(measure)</th>\
            <th scope="col" class="number">Difference</th>\(second)\
            <th scope="col" class="bar"><span class="hidden">\(measure) as a bar</span></th></tr></thead>
            <tbody>
            \(runs.map(row))
            </tbody></table></div>
            <p class="note">\(isClassification ? "Higher" : "Lower") is better; differences are to this \
            federation. All runs are measured on the same hold-out at their end.</p></section>
            """
    }

    /// Whether runs are compared by their error in the unit of the data.
    private var hasErrors: Bool { !isClassification && summary.finalRMSE != nil }

    /// Whether the loss has a column of its own.
    private var showsLoss: Bool { isClassification || hasErrors }

    private func value(_ run: ComparedRun) -> Double? {
        isClassification ? run.accuracy : hasErrors ? run.rmse : run.loss
    }

    private func row(_ run: ComparedRun) -> HTML {
        let value = value(run)
        let shown = isClassification ? Readable.percent(value) : Readable.number(value)
        let second: HTML =
            showsLoss ? "<td class=\"number\">\(Readable.number(run.loss))</td>" : ""
        return """
            <tr class="c\(run.style)"><th scope="row">\(run.name)<small>\(run.detail)</small></th>\
            <td class="number strong">\(shown)</td><td class="number">\(difference(run))</td>\(second)\
            <td class="bar">\(bar(value))</td></tr>

            """
    }

    private func bar(_ value: Double?) -> HTML {
        let scale = isClassification ? 1 : (runs.compactMap(self.value).filter(Axis.canDraw).max() ?? 1)
        guard let value, Axis.canDraw(value), value >= 0, scale > 0 else { return "" }
        return """
            <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">\
            <rect class="plate" width="100" height="10"/>\
            <rect class="tint" width="\(min(100, value / scale * 100))" height="10"/></svg>
            """
    }

    private func difference(_ run: ComparedRun) -> String {
        guard run != runs.first else { return "" }
        if isClassification {
            guard let own = summary.finalAccuracy, let other = run.accuracy else { return Readable.absent }
            return Readable.points(other - own)
        }
        guard let own = runs.first.flatMap(value), let other = value(run) else { return Readable.absent }
        let sign = other >= own ? "+" : ""
        return sign + Readable.number(other - own, digits: 3)
    }
}
