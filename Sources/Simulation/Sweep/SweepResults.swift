internal import Configuration
internal import Foundation
package import Operations

/// What a sweep's folders hold: their runs as a table, and the files of it.
package enum SweepResults {
    /// The table of the runs that are done in `folders`, which hold parts of one sweep. `missing` is told the runs that
    /// are in none. Throws ``ConfigurationError`` where folders are of different sweeps.
    package static func table(_ folders: [SweepFolder], missing: (String) -> Void = { _ in }) throws
        -> ResultTable
    {
        guard let first = folders.first else {
            throw ConfigurationError(path: "--merge", problem: "needs the folders of a sweep's shards")
        }
        for other in folders where other.identity != first.identity {
            throw ConfigurationError(
                path: other.path, problem: "is a folder of another sweep than \(first.path)")
        }
        let identity = try SweepIdentity(first)
        var rows = identity.points.map { ResultTable.Row(labels: $0, runs: []) }
        for (place, run) in identity.runs.enumerated() {
            let name = SweepPlan.name(ofRun: place + 1)
            let found = folders.lazy.compactMap { try? RunFolder($0.run(name)) }.first
            guard let found else {
                missing(name)
                continue
            }
            rows[run.point].runs.append(ResultTable.Run(name: name, folder: found, fold: run.fold))
        }
        return ResultTable(
            paths: identity.over, rows: rows, target: identity.target, worstOver: identity.worstOver)
    }

    /// Writes `sweep.csv`, `sweep.jsonl`, `report.html` and, where worst cases are asked for, `worst.csv`. Throws a storage `Failure`.
    package static func write(
        _ table: ResultTable, to folder: OutputDirectory, title: String, command: String
    ) throws {
        try AtomicFile.write(table.csv, to: folder.file("sweep.csv"))
        try AtomicFile.write(table.jsonLines, to: folder.file("sweep.jsonl"))
        if let worst = WorstCases(table) {
            try AtomicFile.write(worst.csv, to: folder.file("worst.csv"))
        }
        try AtomicFile.write(
            ResultReport(table, title: title, command: command).html, to: folder.file("report.html"))
    }
}
