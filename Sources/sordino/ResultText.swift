internal import Operations
internal import Simulation

/// A table of points for reading: means, with half of the 95 % interval where there are several runs.
enum ResultText {
    static func text(_ table: ResultTable) -> String {
        let used = ResultTable.columns.filter { column in
            table.rows.contains { table.spread(column, $0) != nil }
        }
        let last = table.paths.map { String($0.split(separator: ".").last ?? "") }
        let isClear = Set(last).count == last.count
        var columns = (isClear ? last : table.paths).map { TextTable.Column.words($0) }
        columns.append(.numbers("runs"))
        columns += used.map { column in
            // What everybody asks for stays where the terminal is narrow.
            let numbers = TextTable.Column.numbers(column.title)
            return column.name == "final_accuracy" || column.name == "rounds_to_target"
                ? numbers : numbers.spared
        }
        columns.append(TextTable.Column.numbers("time").spared)
        var text = TextTable(columns)
        for row in table.rows {
            let failed = ResultTable.failures(row)
            let runs = failed == 0 ? "\(row.runs.count)" : "\(row.runs.count) (\(failed) failed)"
            let seconds = Spread(row.runs.map(\.folder.summary.secondsTotal))
            text.add(
                row.labels + [runs] + used.map { cell($0, table, row) }
                    + [seconds.map { Quantity.duration(seconds: $0.mean) }])
        }
        var note =
            "means; ± half of the 95 % confidence interval (Student's t) where there are several runs\n"
        if table.isPrivate {
            note += "epsilon is that of one run alone: to choose among runs on the same clients costs more\n"
        }
        return text.text(empty: "no run is finished", width: Terminal.width()) + note
    }

    private static func cell(
        _ column: ResultTable.Column, _ table: ResultTable, _ row: ResultTable.Row
    ) -> String? {
        guard let spread = table.spread(column, row) else { return nil }
        var text = number(spread.mean, column.kind)
        // An exact figure needs no interval.
        if let interval = spread.interval, interval > 0 { text += " ± \(number(interval, column.kind))" }
        if column.kind == .rounds { text += " (\(spread.count)/\(row.runs.count))" }
        return text
    }

    private static func number(_ value: Double, _ kind: ResultTable.Column.Kind) -> String {
        switch kind {
        case .share, .number: Quantity.decimal(value, places: 4)
        case .epsilon: Quantity.decimal(value, places: 3)
        case .rounds: Quantity.decimal(value, places: 1)
        case .seconds: Quantity.duration(seconds: value)
        case .bytes: Quantity.bytes(Int(min(max(value, 0), 1e18)))
        }
    }
}
