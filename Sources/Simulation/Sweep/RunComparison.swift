internal import Configuration
internal import Foundation

/// Runs that exist side by side: those of the same scenario but for the seed are one point.
package enum RunComparison {
    /// Values of a resolved scenario that make no other point: the seed, the fold, and what follows from the rest.
    private static let ignored = ["simulation.seed", "simulation.data.split.fold", "resolved"]

    /// The table of the runs in `folders`, each of a run or of a sweep, in the order given. Points are named by the
    /// values that not all have in common. Of runs of the very same scenario, seed included, the first counts; `warn` is
    /// told of the others. Throws ``ConfigurationError`` for a folder that is none of a finished run.
    package static func table(
        _ folders: [String], target: Double?, warn: (String) -> Void = { _ in }
    ) throws -> ResultTable {
        var known: [String: String] = [:]
        let different = try folders.flatMap(runs).filter { run in
            // Runs that are no draws of their own must not make an interval narrower.
            let first = known[run.folder.scenario.text()]
            if let first { warn("\(run.name) is the same run as \(first); it counts once") }
            known[run.folder.scenario.text()] = first ?? run.name
            return first == nil
        }
        let runs = different.map { run in
            (
                run,
                scenario: flat(run.folder.scenario).filter { entry in
                    !ignored.contains { entry.key == $0 || entry.key.hasPrefix($0 + ".") }
                }
            )
        }
        var points: [(scenario: [String: String], runs: [ResultTable.Run])] = []
        for (run, scenario) in runs {
            if let place = points.firstIndex(where: { $0.scenario == scenario }) {
                points[place].runs.append(run)
            } else {
                points.append((scenario, [run]))
            }
        }
        let keys = Set(points.flatMap(\.scenario.keys))
        let paths = keys.filter { key in Set(points.map { $0.scenario[key] }).count > 1 }.sorted()
        let rows = points.map { point in
            ResultTable.Row(labels: paths.map { point.scenario[$0] ?? "-" }, runs: point.runs)
        }
        return ResultTable(paths: paths, rows: rows, target: target)
    }

    private static func runs(_ path: String) throws -> [ResultTable.Run] {
        guard SweepFolder.isOne(path) else {
            return [ResultTable.Run(name: path, folder: try RunFolder(path))]
        }
        let folder = try SweepFolder(reading: path)
        let table = try SweepResults.table([folder])
        let runs = table.rows.flatMap(\.runs)
        guard !runs.isEmpty else {
            throw ConfigurationError(path: path, problem: "is a sweep of which no run is finished")
        }
        return runs.map { run in
            var run = run
            run.name = folder.run(run.name)
            return run
        }
    }

    /// The values of a document under their paths, as text.
    private static func flat(_ value: JSONValue, path: String = "") -> [String: String] {
        func below(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
        switch value {
        case .object(let members):
            return members.reduce(into: [:]) { $0.merge(flat($1.value, path: below($1.key))) { $1 } }
        case .string(let text): return [path: text]
        default: return [path: value.text()]
        }
    }
}
