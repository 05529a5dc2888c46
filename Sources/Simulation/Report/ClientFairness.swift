internal import Reporting

/// How evenly the model serves the clients, and who took part how often.
struct ClientFairness: ReportSection {
    private let shares: ClientShares
    private let summary: ClientAccuracy?

    /// The clients of `report`.
    init(_ report: SimulationReport) {
        shares = report.shares
        summary = report.summary.clientAccuracy
    }

    /// A table of quantiles and histograms of accuracy and participation; nothing where none of them is known.
    var html: HTML {
        let charts = [accuracyHistogram?.html, participationHistogram?.html].compactMap(\.self)
        guard summary != nil || !charts.isEmpty else { return "" }
        let figures: HTML = charts.isEmpty ? "" : "<div class=\"figures\">\n\(charts)</div>"
        return """
            <section id="fairness"><h2>The clients’ shares</h2>
            <p class="note">Exact values of the simulated clients: a diagnostic that no deployment could \
            give.</p>
            \(table)\(participation)\(figures)</section>
            """
    }

    private var table: HTML {
        guard let summary else { return "" }
        let rows: [(String, Double)] = [
            ("Mean", summary.mean), ("Lowest", summary.lowest),
            ("Mean of the worst tenth", summary.worstDecile), ("10 % are at most at", summary.p10),
            ("25 %", summary.p25), ("Median", summary.p50), ("75 %", summary.p75), ("90 %", summary.p90),
        ]
        return """
            <p>Accuracy of the last model on \(Readable.count(summary.examples, "example")) that \
            \(Readable.count(summary.clients, "client")) kept from training, every client counting once.</p>
            <table class="facts"><tbody>
            \(rows.map { row in
                "<tr><th scope=\"row\">\(row.0)</th><td>\(Readable.percent(row.1))</td></tr>\n" as HTML
            })</tbody></table>
            """
    }

    private var participation: HTML {
        let rounds = shares.participation.sorted()
        guard let least = rounds.first, let most = rounds.last else { return "" }
        let bytes = shares.bytesUp &+ shares.bytesDown
        return """
            <p>A client’s report was in \(Readable.count(least)) to \(Readable.count(most, "published round")), in \
            \(Readable.count(rounds[rounds.count / 2])) in the median. Each is \(Readable.bytes(shares.bytesUp)) up \
            and \(Readable.bytes(shares.bytesDown)) down: \(Readable.bytes(least.multipliedClamped(by: bytes))) to \
            \(Readable.bytes(most.multipliedClamped(by: bytes))) over the run.</p>
            """
    }

    private var accuracyHistogram: Histogram? {
        let values = shares.accuracies.compactMap(\.self).map { Int((100 * $0).rounded(.down)) }
        guard !values.isEmpty else { return nil }
        return Histogram(
            id: "client-accuracy", title: "Accuracy of clients.",
            note: "The last model on what each client kept from training.",
            horizontalTitle: "% of a client’s examples right", verticalTitle: "clients", values: values)
    }

    private var participationHistogram: Histogram? {
        guard !shares.participation.isEmpty else { return nil }
        return Histogram(
            id: "participation", title: "Participation.",
            note: "How many clients were in how many published rounds.",
            horizontalTitle: "rounds of a client", verticalTitle: "clients", values: shares.participation)
    }
}

extension Int {
    /// The product, or the greatest number where it does not fit.
    fileprivate func multipliedClamped(by other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? Int.max : product
    }
}
