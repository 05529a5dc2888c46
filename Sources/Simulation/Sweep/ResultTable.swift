package import Configuration

/// Runs of several points side by side: each point's figures over its seeds and folds.
///
/// Nothing in it depends on how long a run took or where its files lie, so that a sweep that was killed and resumed, or
/// merged from shards, has the same table byte for byte.
package struct ResultTable: Sendable {
    /// One run of a point.
    package struct Run: Sendable {
        package var name: String
        package var folder: RunFolder
        package var fold: Int?

        /// A run under its name in the table.
        package init(name: String, folder: RunFolder, fold: Int? = nil) {
            (self.name, self.folder, self.fold) = (name, folder, fold)
        }
    }

    /// One point: its labels, one a path, and its runs.
    package struct Row: Sendable {
        package var labels: [String]
        package var runs: [Run]

        /// A row of these runs.
        package init(labels: [String], runs: [Run]) { (self.labels, self.runs) = (labels, runs) }
    }

    /// A figure of a run.
    package struct Column: Sendable {
        /// Name in files.
        package let name: String
        /// Title in tables for people.
        package let title: String
        /// How it is read.
        package let kind: Kind
        let value: @Sendable (RunFolder, _ target: Double?) -> Double?

        /// How a figure is shown.
        package enum Kind: Sendable { case share, number, epsilon, rounds, seconds, bytes }

        /// The figure of a run; nil where it has none.
        package func value(of run: RunFolder, target: Double?) -> Double? { value(run, target) }
    }

    /// The keys that points differ in.
    package let paths: [String]
    package let rows: [Row]
    /// The accuracy whose first round is told; nil: none.
    package let target: Double?
    /// The key over which the worst of its values is told; nil: none.
    package let worstOver: String?

    /// A table of rows whose labels are one a path.
    package init(paths: [String], rows: [Row], target: Double?, worstOver: String? = nil) {
        precondition(rows.allSatisfy { $0.labels.count == paths.count }, "a label a path")
        (self.paths, self.rows, self.target, self.worstOver) = (paths, rows, target, worstOver)
    }

    /// All figures, in the order of the files.
    package static let columns: [Column] = [
        Column(name: "final_accuracy", title: "accuracy", kind: .share) { run, _ in
            run.summary.finalAccuracy
        },
        Column(name: "best_accuracy", title: "best", kind: .share) { run, _ in run.summary.bestAccuracy },
        Column(name: "final_loss", title: "loss", kind: .number) { run, _ in run.summary.finalLoss },
        Column(name: "final_rmse", title: "RMSE", kind: .number) { run, _ in run.summary.finalRMSE },
        Column(name: "rounds_to_target", title: "to target", kind: .rounds) { run, target in
            target.flatMap { run.roundsTo($0) }.map(Double.init)
        },
        Column(name: "epsilon", title: "epsilon", kind: .epsilon) { run, _ in run.summary.epsilon },
        Column(name: "virtual_seconds", title: "clock", kind: .seconds) { run, _ in
            run.rounds.last?.virtualSeconds
        },
        Column(name: "bytes_up", title: "up", kind: .bytes) { run, _ in Double(run.summary.bytesUp) },
        Column(name: "bytes_down", title: "down", kind: .bytes) { run, _ in Double(run.summary.bytesDown) },
        Column(name: "client_accuracy", title: "clients", kind: .share) { run, _ in
            run.summary.clientAccuracy?.mean
        },
        Column(name: "client_worst_decile", title: "worst tenth", kind: .share) { run, _ in
            run.summary.clientAccuracy?.worstDecile
        },
    ]

    /// A figure over the runs of a row.
    package func spread(_ column: Column, _ row: Row) -> Spread? {
        Spread(row.runs.map { column.value(of: $0.folder, target: target) })
    }

    /// Whether any run spent privacy: its ε is then that of this run alone.
    package var isPrivate: Bool { rows.contains { $0.runs.contains { $0.folder.summary.epsilon != nil } } }

    /// Runs of a row that published nothing.
    package static func failures(_ row: Row) -> Int { row.runs.count { !$0.folder.hasModel } }

    // MARK: Files

    /// `sweep.csv`: a line a point.
    package var csv: String {
        let figures = Self.columns.flatMap { ["\($0.name)_mean", "\($0.name)_sd", "\($0.name)_ci95"] }
        let reached = target == nil ? [] : ["reached_target"]
        var lines = [(paths + ["runs", "failed"] + reached + figures).map(Self.cell)]
        for row in rows {
            var cells = row.labels.map(Self.cell)
            cells += ["\(row.runs.count)", "\(Self.failures(row))"]
            if let target { cells.append("\(row.runs.count { $0.folder.roundsTo(target) != nil })") }
            for column in Self.columns {
                let spread = spread(column, row)
                cells += [spread?.mean, spread?.deviation, spread?.interval].map { $0.map { "\($0)" } ?? "" }
            }
            lines.append(cells)
        }
        return lines.map { $0.joined(separator: ",") + "\n" }.joined()
    }

    /// RFC 4180, but for line feeds alone.
    static func cell(_ text: String) -> String {
        guard text.contains(where: { "\",\n\r".contains($0) }) else { return text }
        return "\"\(text.replacing("\"", with: "\"\""))\""
    }

    /// `sweep.jsonl`: a line a run.
    package var jsonLines: String {
        rows.flatMap { row in row.runs.map { (row, $0) } }
            .sorted { ($0.1.name.count, $0.1.name) < ($1.1.name.count, $1.1.name) }
            .map { object(of: $1, $0).text() + "\n" }.joined()
    }

    private func object(of run: Run, _ row: Row) -> JSONValue {
        var members: [String: JSONValue] = [
            "run": .string(run.name), "over": over(row),
            "seed": .integer(Int(clamping: run.folder.summary.seed)),
            "fold": run.fold.map { .integer($0) } ?? .null,
            "finished": .string(run.folder.summary.finished),
            "rounds_completed": .integer(run.folder.summary.roundsCompleted),
            "model_sha256": run.folder.summary.modelSHA256.map { .string($0) } ?? .null,
        ]
        for column in Self.columns {
            members[column.name] = Self.number(column.value(of: run.folder, target: target))
        }
        return .object(members)
    }

    private func over(_ row: Row) -> JSONValue {
        .object(Dictionary(zip(paths, row.labels.map { .string($0) }), uniquingKeysWith: { $1 }))
    }

    private static func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }

    /// The table as one object, for programs: `points`, each with `over`, `runs`, `failed` and, for every figure, `mean`,
    /// `sd` and `ci95`.
    package var json: JSONValue {
        .object([
            "target": Self.number(target), "confidence": .string("95 %, Student's t"),
            "worst": WorstCases(self)?.json ?? .null,
            "points": .array(
                rows.map { row in
                    var members: [String: JSONValue] = [
                        "over": over(row), "runs": .integer(row.runs.count),
                        "failed": .integer(Self.failures(row)),
                    ]
                    if let target {
                        let reached = row.runs.count { $0.folder.roundsTo(target) != nil }
                        members["reached_target"] = .integer(reached)
                    }
                    for column in Self.columns {
                        let spread = spread(column, row)
                        members[column.name] = .object([
                            "mean": Self.number(spread?.mean), "sd": Self.number(spread?.deviation),
                            "ci95": Self.number(spread?.interval),
                        ])
                    }
                    return .object(members)
                }),
        ])
    }
}
