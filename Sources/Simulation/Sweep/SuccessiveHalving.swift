internal import Configuration
internal import Federation
internal import Foundation
internal import Operations

/// Successive halving (Jamieson and Talwalkar 2016, algorithm 1): all points are run for few rounds, the best of them for more,
/// until few have all the rounds that the scenario asks for.
///
/// Each rung is a sweep of its own, in a folder of its own, whose points follow from the table of the rung before: a sweep
/// that is killed and resumed climbs the same rungs.
package struct SuccessiveHalving: Sendable {
    private let plan: SweepPlan
    /// Of so many points of a rung one goes on, with so many times the rounds.
    private let factor: Int
    /// Rounds of the last rung.
    private let rounds: Int
    /// Rungs that there are, at least one.
    package let rungs: Int

    private static let roundsPath = "task.rounds"

    /// Halving of a sweep's points by `factor`, at least 2. Throws a usage `Failure` where rounds are swept.
    package init(_ plan: SweepPlan, factor: Int) throws {
        guard !plan.paths.contains(where: { Self.roundsPath == $0 || Self.roundsPath.hasPrefix($0 + ".") })
        else {
            throw Failure(.usage, "--halving chooses task.rounds itself; leave --over task.rounds away")
        }
        guard plan.points.count > 1 else {
            throw Failure(.usage, "--halving needs several points to choose from")
        }
        (self.plan, self.factor) = (plan, factor)
        rounds = try ScenarioLoader.scenario(plan.runs[0].document).task.rounds
        var (left, rungs, length) = (plan.points.count, 1, rounds)
        while left > 1, length / factor >= 1 {
            left = (left + factor - 1) / factor
            length /= factor
            rungs += 1
        }
        self.rungs = rungs
    }

    /// Rounds of a rung, from 1.
    package func rounds(ofRung rung: Int) -> Int {
        (rung..<rungs).reduce(rounds) { length, _ in max(1, length / factor) }
    }

    /// The sweep of a rung over these points, which are places among the whole sweep's.
    package func sweep(ofRung rung: Int, points: [Int]) throws -> SweepPlan {
        try SweepPlan(plan, points: points, path: Self.roundsPath, value: .integer(rounds(ofRung: rung)))
    }

    /// Those of a rung's points that go on, ascending: the best by accuracy, else RMSE, else loss, the first of equals.
    package func best(of points: [Int], _ table: ResultTable) -> [Int] {
        let measure = ResultReport.measure(table)
        let ranked = zip(points, table.rows).map { point, row -> (point: Int, score: Double) in
            guard let mean = table.spread(measure.column, row)?.mean else { return (point, .infinity) }
            return (point, measure.isBetterHigh ? -mean : mean)
        }
        let kept = ranked.sorted { ($0.score, $0.point) < ($1.score, $1.point) }
        return kept.prefix((points.count + factor - 1) / factor).map(\.point).sorted()
    }

    /// One table of all rungs, the last first: a point stands in it once for each number of rounds that it had.
    package static func table(_ rungs: [(rounds: Int, table: ResultTable)]) -> ResultTable {
        let rows = rungs.enumerated().reversed().flatMap { place, rung in
            rung.table.rows.map { row in
                ResultTable.Row(
                    labels: ["\(rung.rounds)"] + row.labels,
                    runs: row.runs.map { run in
                        var run = run
                        run.name = "\(folder(ofRung: place + 1))/\(run.name)"
                        return run
                    })
            }
        }
        let first = rungs.first?.table
        return ResultTable(
            paths: [roundsPath] + (first?.paths ?? []), rows: rows, target: first?.target,
            worstOver: first?.worstOver)
    }

    /// Name of a rung's folder.
    package static func folder(ofRung rung: Int) -> String { "rung-\(rung)" }
}
