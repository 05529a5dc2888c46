internal import Operations
internal import Reporting

/// `report.html` of a sweep or a comparison: one file without scripts or outside resources, as that of a run is.
package struct ResultReport {
    private let table: ResultTable
    private let title: String
    private let command: String
    /// The rows that have curves, best first.
    private let shown: [ResultTable.Row]

    /// A page under a title; `command` is what makes it again.
    package init(_ table: ResultTable, title: String, command: String) {
        (self.table, self.title, self.command) = (table, title, command)
        // Accuracy, else RMSE, else loss: the first that any run has.
        let measure = Self.measure(table)
        let ranked = table.rows.enumerated().compactMap { place, row in
            table.spread(measure.column, row).map { (place, row, measure.isBetterHigh ? -$0.mean : $0.mean) }
        }
        shown = ranked.sorted { ($0.2, $0.0) < ($1.2, $1.0) }.prefix(SpreadChart.mostCurves).map(\.1)
    }

    /// What says how good a run is.
    struct Measure: Sendable {
        var column: ResultTable.Column
        var name: String
        var isBetterHigh: Bool
        var value: @Sendable (RoundRecord) -> Double?
    }

    /// The first of accuracy, RMSE and loss that any run of a table has.
    static func measure(_ table: ResultTable) -> Measure {
        let all: [(String, String, Bool, @Sendable (RoundRecord) -> Double?)] = [
            ("final_accuracy", "hold-out accuracy", true, { $0.accuracy }),
            ("final_rmse", "RMSE", false, { $0.rmse }), ("final_loss", "mean loss", false, { $0.loss }),
        ]
        let measures = all.compactMap { name, title, isBetterHigh, value in
            ResultTable.columns.first { $0.name == name }.map {
                Measure(column: $0, name: title, isBetterHigh: isBetterHigh, value: value)
            }
        }
        let used = measures.first { measure in
            table.rows.contains { table.spread(measure.column, $0) != nil }
        }
        return used ?? measures[0]
    }

    /// The whole page. The same table gives the same bytes.
    package var html: String { page.markup }

    private var page: HTML {
        ReportPage(
            title: "\(title) – runs compared",
            header: """
                <header>
                <p class="kicker">Runs compared</p>
                <h1>\(title)</h1>
                <p class="lead">\(lead)</p>
                \(notice)
                </header>
                """,
            main: """
                \(WorstCases(table).map(\.section) ?? "")
                \(tableSection)
                \(curves)
                <section id="reproduce"><h2>To run it again</h2>
                <pre><code>\(command)</code></pre></section>

                """, version: ProductVersion.current
        ).html
    }

    /// What choosing among private runs costs (Papernot and Steinke 2022), which no column says.
    private var notice: HTML {
        guard table.isPrivate else { return "" }
        return """
            <aside class="notice"><p><b>Each ε is that of one run alone.</b> Whoever looks at many runs on the same \
            clients and publishes the best one spends more than its ε; rehearse on data that need no protection, or add \
            the runs up.</p></aside>
            """
    }

    private var lead: String {
        let runs = table.rows.reduce(0) { $0 + $1.runs.count }
        let points = Readable.count(table.rows.count, table.paths.isEmpty ? "setting" : "point")
        let keys = table.paths.isEmpty ? "" : " of \(table.paths.joined(separator: ", "))"
        return "\(Readable.count(runs, "run")) at \(points)\(keys)."
    }

    private var usedColumns: [ResultTable.Column] {
        ResultTable.columns.filter { column in
            table.rows.contains { table.spread(column, $0) != nil }
        }
    }

    private var tableSection: HTML {
        let columns = usedColumns
        let target: String =
            table.target.map {
                " “\(Self.heading("to target"))” is the first round with an accuracy of \(Readable.percent($0)) on the "
                    + "hold-out, over the runs that have one; their number stands behind it."
            } ?? ""
        let heads = table.paths + ["Runs"]
        return """
            <section id="table"><h2>All points</h2>
            <p class="note">Mean over a point’s runs, and ± half of its 95 % confidence interval by Student’s t; one run \
            has none. In small print the standard deviation. Intervals over folds are too narrow: folds share \
            examples.\(target)</p>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of points">
            <table class="compare"><thead><tr>\(heads.map { "<th scope=\"col\">\($0)</th>" as HTML })\
            \(columns.map { "<th scope=\"col\" class=\"number\">\(Self.heading($0.title))</th>" as HTML })</tr></thead>
            <tbody>
            \(table.rows.map { row($0, columns) })</tbody></table></div></section>
            """
    }

    private static func heading(_ title: String) -> String {
        switch title {
        case "epsilon": "ε"
        case "clock": "Virtual clock"
        case "up", "down": "Bytes \(title)"
        default: title.prefix(1).uppercased() + title.dropFirst()
        }
    }

    private func row(_ row: ResultTable.Row, _ columns: [ResultTable.Column]) -> HTML {
        let failed = ResultTable.failures(row)
        let lost: HTML = failed == 0 ? "" : "<small>\(failed) published nothing</small>"
        let cells = columns.map { column -> HTML in
            guard let spread = table.spread(column, row) else {
                return "<td class=\"number\">\(Readable.absent)</td>"
            }
            let interval = spread.interval.map { " ± \(Self.text($0, column.kind))" } ?? ""
            var below = spread.deviation.map { "sd \(Self.text($0, column.kind))" } ?? ""
            if column.kind == .rounds { below += " (\(spread.count) of \(row.runs.count))" }
            let small: HTML = below.isEmpty ? "" : "<small>\(below)</small>"
            return "<td class=\"number\">\(Self.text(spread.mean, column.kind))\(interval)\(small)</td>"
        }
        let labels = row.labels.map { "<th scope=\"row\">\($0)</th>" as HTML }
        return "<tr>\(labels)<td>\(Readable.count(row.runs.count))\(lost)</td>\(cells)</tr>\n"
    }

    private static func text(_ value: Double, _ kind: ResultTable.Column.Kind) -> String {
        switch kind {
        case .share: Readable.percent(value)
        case .number: Readable.number(value)
        case .epsilon: Readable.epsilon(value)
        case .rounds: Readable.number(value, digits: 3)
        case .seconds: Readable.duration(value)
        case .bytes: Readable.bytes(Int(min(max(value, 0), 1e18)))
        }
    }

    // MARK: Curves

    /// Where a run stood when one of its rounds was evaluated.
    private struct Stop {
        var round: Int
        /// Bytes sent until then, and milliseconds of the virtual clock.
        var sent: Int
        var clock: Int
        var value: Double
    }

    private static func stops(_ run: RunFolder, _ measure: Measure) -> [Stop] {
        var sent = 0
        return run.rounds.compactMap { round in
            // Records read back from a file may hold anything.
            sent = sent.addingReportingOverflow(max(0, round.bytesUp)).partialValue
            sent = sent.addingReportingOverflow(max(0, round.bytesDown)).partialValue
            guard let value = measure.value(round), (0..<Self.mostBytes).contains(sent) else { return nil }
            return Stop(
                round: round.round, sent: sent, clock: Abscissa.milliseconds(round.virtualSeconds),
                value: value)
        }
    }

    /// Bytes beyond which no run can have sent.
    private static let mostBytes = 1 << 53

    /// The mean course of a row's runs: the rounds that all of them evaluated, where they stood on the average.
    private static func course(
        _ row: ResultTable.Row, _ measure: Measure, _ place: (Stop) -> Int
    ) -> [SpreadChart.Point] {
        let runs = row.runs.map { stops($0.folder, measure) }
        let byRound = Dictionary(grouping: runs.joined(), by: \.round)
        return byRound.values.filter { $0.count == runs.count }.compactMap { stops in
            let count = Double(stops.count)
            let values = stops.map(\.value)
            let mean = values.reduce(0) { $0 + $1 / count }
            let (low, high) = (values.min() ?? mean, values.max() ?? mean)
            return SpreadChart.Point(
                place: Int(stops.reduce(0.0) { $0 + Double(place($1)) / count }),
                mean: min(max(mean, low), high),
                low: low, high: high)
        }
    }

    private var curves: HTML {
        let measure = Self.measure(table)
        let places: [(id: String, title: String, place: (Stop) -> Int)] = [
            ("rounds", "Over the rounds.", { $0.round }), ("bytes", "For what was sent.", { $0.sent }),
            ("clock", "For the time it takes.", { $0.clock }),
        ]
        let charts = places.compactMap { chart in
            let courses = shown.map { Self.course($0, measure, chart.place) }
            let reached = courses.joined().map(\.place)
            guard let first = reached.min(), let last = reached.max(), last > 0 else { return HTML?.none }
            let abscissa: Abscissa =
                chart.id == "rounds"
                ? .rounds(first...last) : chart.id == "bytes" ? .bytes(last) : .time(last)
            return SpreadChart(
                id: "over-\(chart.id)", title: chart.title,
                note: "On the server’s hold-out, where evaluated.",
                verticalTitle: measure.name, unit: measure.column.kind == .share ? .percent : .plain,
                over: abscissa,
                curves: zip(shown, courses).enumerated().map { place, pair in
                    SpreadChart.Curve(name(pair.0), style: place + 1, points: pair.1)
                },
                bandName: "least to greatest run", limits: measure.column.kind == .share ? 0...1 : nil
            ).html
        }
        guard !charts.isEmpty else { return "" }
        let scope: String =
            table.rows.count > shown.count
            ? " Drawn are the \(shown.count) best of \(Readable.count(table.rows.count)) points." : ""
        return """
            <section id="curves"><h2>On the way</h2>
            <p class="note">Means of a point’s runs, with their range.\(scope)</p>
            <div class="figures">
            \(charts)</div></section>
            """
    }

    private func name(_ row: ResultTable.Row) -> String {
        row.labels.isEmpty ? "all runs" : row.labels.joined(separator: ", ")
    }
}
