package import Configuration
internal import Reporting

/// The worst of a sweep's points over one of its keys: what is left where whoever picks that key's value means harm. For
/// robust rules the key is the attack, and the map over hostile shares and skews is the form in which ByzFL compares them.
package struct WorstCases: Sendable {
    /// The points that differ in that key alone.
    package struct Row: Sendable {
        /// Labels of the other keys, one a path.
        package let labels: [String]
        /// The label of the worst value.
        package let worst: String
        /// How good the model is there, over the runs of that point; a run that published nothing counts 0 where more is
        /// better.
        package let spread: Spread
    }

    /// The key over which the worst is taken, and the other keys.
    package let over: String
    package let paths: [String]
    package let rows: [Row]
    private let measure: ResultReport.Measure

    /// The worst cases of a table that says over which of its keys; nil of another table, and where nothing is finished.
    package init?(_ table: ResultTable) {
        guard let over = table.worstOver, let place = table.paths.firstIndex(of: over) else { return nil }
        self.over = over
        let measure = ResultReport.measure(table)
        self.measure = measure
        paths = table.paths.filter { $0 != over }
        var order: [[String]] = []
        var groups: [[String]: [(worst: String, spread: Spread)]] = [:]
        for row in table.rows {
            guard let spread = Self.spread(row, measure, table) else { continue }
            var labels = row.labels
            let own = labels.remove(at: place)
            if groups[labels] == nil { order.append(labels) }
            groups[labels, default: []].append((own, spread))
        }
        rows = order.compactMap { labels in
            let found = groups[labels]?.min { one, other in
                measure.isBetterHigh
                    ? one.spread.mean < other.spread.mean : one.spread.mean > other.spread.mean
            }
            return found.map { Row(labels: labels, worst: $0.worst, spread: $0.spread) }
        }
        guard !rows.isEmpty else { return nil }
    }

    private static func spread(
        _ row: ResultTable.Row, _ measure: ResultReport.Measure, _ table: ResultTable
    ) -> Spread? {
        guard measure.isBetterHigh else { return table.spread(measure.column, row) }
        return Spread(
            row.runs.map { run in
                run.folder.hasModel ? measure.column.value(of: run.folder, target: table.target) : 0
            })
    }

    /// `worst.csv`: a line for each of the other keys' points.
    package var csv: String {
        let name = measure.column.name
        let heads = paths + ["worst \(over)", "\(name)_mean", "\(name)_sd", "\(name)_ci95", "runs"]
        let lines = rows.map { row in
            row.labels + [row.worst, "\(row.spread.mean)"]
                + [row.spread.deviation, row.spread.interval].map { $0.map { "\($0)" } ?? "" }
                + ["\(row.spread.count)"]
        }
        return ([heads] + lines).map { $0.map(ResultTable.cell).joined(separator: ",") + "\n" }.joined()
    }

    /// The same for programs: objects with `over`, `worst`, `mean`, `sd` and `ci95`.
    package var json: JSONValue {
        func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
        return .array(
            rows.map { row in
                .object([
                    "over": .object(
                        Dictionary(
                            zip(paths, row.labels.map { .string($0) }), uniquingKeysWith: { $1 })),
                    "worst": .string(row.worst), "mean": number(row.spread.mean),
                    "sd": number(row.spread.deviation), "ci95": number(row.spread.interval),
                ])
            })
    }

    // MARK: A heat map

    /// The section of the report: the first key across, the second down, a map for each value of the others.
    var section: HTML {
        let (across, down) = (paths.first, paths.dropFirst().first)
        var names: [String] = []
        var maps: [String: [Row]] = [:]
        for row in rows {
            let name = row.labels.dropFirst(2).joined(separator: ", ")
            if maps[name] == nil { names.append(name) }
            maps[name, default: []].append(row)
        }
        let keys = [down.map { "\($0) down" }, across.map { "\($0) across" }].compactMap(\.self)
        return """
            <section id="worst"><h2>The worst of \(over)</h2>
            <p class="note">For each setting the value that leaves the least: mean \(measure.name) over its runs, and which \
            value that is. \(keys.joined(separator: ", ")). A run that published nothing counts as nothing.</p>
            \(names.map { map($0, maps[$0] ?? []) })</section>
            """
    }

    private func map(_ name: String, _ rows: [Row]) -> HTML {
        func label(_ row: Row, _ place: Int) -> String { place < row.labels.count ? row.labels[place] : "" }
        func different(_ place: Int) -> [String] {
            rows.reduce(into: []) { found, row in
                let own = label(row, place)
                if !found.contains(own) { found.append(own) }
            }
        }
        let (across, down) = (different(0), different(1))
        let heads = across.map { "<th scope=\"col\" class=\"number\">\($0)</th>" as HTML }
        let lines = down.map { line -> HTML in
            let cells = across.map { column in
                cell(rows.first { label($0, 0) == column && label($0, 1) == line })
            }
            return "<tr><th scope=\"row\">\(line)</th>\(cells)</tr>\n"
        }
        return """
            <div class="scroll" tabindex="0" role="region" aria-label="Worst cases \(name)">
            <table class="confusion"><caption>\(name)</caption><thead><tr><th scope="col"></th>\(heads)</tr></thead>
            <tbody>
            \(lines)</tbody></table></div>
            """
    }

    private func cell(_ row: Row?) -> HTML {
        guard let row else { return "<td class=\"number t0\">\(Readable.absent)</td>" }
        let mean = row.spread.mean
        let isShare = measure.column.kind == .share
        // Four shades over the upper half: what guesses is white, what withstands is dark.
        let shade: HTML =
            switch isShare ? mean : 0 {
            case 0.9...: "t4"
            case 0.75...: "t3"
            case 0.5...: "t2"
            case 0.25...: "t1"
            default: "t0"
            }
        let text = isShare ? Readable.percent(mean) : Readable.number(mean)
        return "<td class=\"number \(shade)\">\(text)<small>\(row.worst)</small></td>"
    }
}
