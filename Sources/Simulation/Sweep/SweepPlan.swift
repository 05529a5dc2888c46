internal import Compute
package import Configuration
internal import Foundation
internal import Operations

/// What a sweep runs: the points of a grid, each with some seeds and folds.
package struct SweepPlan: Sendable {
    /// What is asked of a sweep beside its keys.
    package struct Request: Sendable {
        package var axes: [SweepAxis] = []
        /// Seeds of the runs; empty: the scenario's own.
        package var seeds: [Int] = []
        /// Parts of k-fold cross-validation; nil: none.
        package var folds: Int?
        /// How many points are drawn, and from which seed; nil: all.
        package var draws: (count: Int, seed: UInt64)?
        /// The key over which the worst of its values is told; nil: none.
        package var worstOver: String?

        /// Nothing asked.
        package init() {}
    }

    /// One run of the sweep.
    package struct Run: Sendable {
        /// From 1, in the order of the table.
        package let number: Int
        /// Its place among ``SweepPlan/points``.
        package let point: Int
        package let seed: Int
        /// The fold that is held out, from 0.
        package let fold: Int?
        /// What it runs: the scenario with the point's values.
        package let document: ConfigurationDocument
        /// The overrides that make it, for a command line: `path=value`.
        package let overrides: [String]

        /// Name of its folder.
        package var name: String { SweepPlan.name(ofRun: number) }
    }

    /// Paths of the keys that are varied.
    package let paths: [String]
    /// The labels of each point, one a path.
    package let points: [[String]]
    package let runs: [Run]
    /// The key over which the worst of its values is told; nil: none.
    package let worstOver: String?

    /// Most runs of a sweep.
    package static let limit = 100_000

    /// The runs of a scenario. Throws a usage `Failure` where the keys do not go together or there is nothing to run, and
    /// ``ConfigurationError`` where the scenario has no place for a value.
    package init(_ scenario: ConfigurationDocument, _ request: Request) throws {
        try Self.check(request)
        paths = request.axes.map(\.path)
        worstOver = request.worstOver
        let chosen = try Self.points(request)
        points = chosen.map { $0.map(\.label) }
        let seeds = try request.seeds.isEmpty ? [Self.seed(of: scenario)] : request.seeds
        let folds = request.folds.map { Array(0..<$0).map(Optional.some) } ?? [nil]
        guard chosen.count * seeds.count * folds.count <= Self.limit else {
            throw Failure(.usage, "these are more than \(Self.limit) runs; --random N draws some of them")
        }
        var base = scenario
        if case .object(var members) = base.root, members["sweep"] != nil {
            members["sweep"] = nil
            base = ConfigurationDocument(root: .object(members), file: base.file)
        }
        var runs: [Run] = []
        for (place, values) in chosen.enumerated() {
            for seed in seeds {
                for fold in folds {
                    let held = fold.flatMap { fold in request.folds.map { (fold, $0) } }
                    runs.append(
                        try Self.run(
                            runs.count + 1, point: place, Array(zip(paths, values.map(\.value))), seed: seed,
                            fold: held, of: base))
                }
            }
        }
        self.runs = runs
    }

    /// Name of the folder of a run, which counts from 1.
    package static func name(ofRun number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// A run in words: `run 12 (task.rounds=5, seed 2)`.
    package func description(of run: Run) -> String {
        var parts = zip(paths, points[run.point]).map { "\($0)=\($1)" }
        parts.append("seed \(run.seed)")
        if let fold = run.fold { parts.append("fold \(fold)") }
        return "run \(run.number) (\(parts.joined(separator: ", ")))"
    }
}

extension SweepPlan {
    private static let seedPath = "simulation.seed"
    private static let splitPath = "simulation.data.split"

    private static func check(_ request: Request) throws(Failure) {
        let paths = request.axes.map(\.path).sorted()
        for (first, second) in zip(paths, paths.dropFirst()) where first == second {
            throw Failure(.usage, "--over \(first) is given twice; give all its values at once")
        }
        if let over = request.worstOver, !paths.contains(over) {
            let known = paths.isEmpty ? "none" : paths.joined(separator: ", ")
            throw Failure(
                .usage, "the worst over \"\(over)\" is asked for, which is not varied; varied are \(known)")
        }
        if !request.seeds.isEmpty, paths.contains(seedPath) {
            throw Failure(.usage, "--over \(seedPath) and --seeds are the same; give one of them")
        }
        guard Set(request.seeds).count == request.seeds.count else {
            throw Failure(.usage, "--seeds: a seed is given twice")
        }
        if request.folds != nil, let path = paths.first(where: { "\($0).".hasPrefix(splitPath + ".") }) {
            throw Failure(.usage, "--over \(path) and --folds both divide the data; give one of them")
        }
    }

    /// The seed that a scenario names.
    private static func seed(of scenario: ConfigurationDocument) throws -> Int {
        guard let simulation = try Section(scenario.root, path: "").section("simulation") else { return 1 }
        return try simulation.integer("seed", in: 0...Int.max) ?? 1
    }

    /// The values of each point: the whole grid, the first key changing slowest, or what is drawn.
    private static func points(_ request: Request) throws -> [[SweepAxis.Value]] {
        if let draws = request.draws { return try drawn(request.axes, count: draws.count, seed: draws.seed) }
        var points: [[SweepAxis.Value]] = [[]]
        for axis in request.axes {
            guard case .values(let values) = axis.choice else {
                throw Failure(
                    .usage, "--over \(axis.path): a range needs --random N, how many to draw from it")
            }
            guard points.count * values.count <= limit else {
                throw Failure(.usage, "these are more than \(limit) runs; --random N draws some of them")
            }
            points = points.flatMap { point in values.map { point + [$0] } }
        }
        return points
    }

    /// `count` different points, or all where there are no more.
    private static func drawn(_ axes: [SweepAxis], count: Int, seed: UInt64) throws -> [[SweepAxis.Value]] {
        guard !axes.isEmpty else { throw Failure(.usage, "--random needs --over, what to draw from") }
        var generator = SeededGenerator(seed: seed, purpose: .split)
        var points: [[SweepAxis.Value]] = []
        var seen: Set<[String]> = []
        let sizes = axes.map { axis -> Int? in
            if case .values(let values) = axis.choice { values.count } else { nil }
        }
        let size = sizes.reduce(Int?.some(1)) { total, size in
            guard let total, let size else { return nil }
            let (product, overflow) = total.multipliedReportingOverflow(by: size)
            return overflow ? nil : product
        }
        let wanted = min(count, size ?? count)
        // Narrow ranges have few numbers of so many digits, and the last points of a grid are hit seldom.
        var tries = 100 * (wanted + 100)
        while points.count < wanted, tries > 0 {
            tries -= 1
            let point = axes.map { value(of: $0, using: &generator) }
            if seen.insert(point.map(\.label)).inserted { points.append(point) }
        }
        return points
    }

    private static func value(
        of axis: SweepAxis, using generator: inout SeededGenerator
    ) -> SweepAxis.Value {
        switch axis.choice {
        case .values(let values): return values[generator.index(below: values.count)]
        case .range(let range):
            let (low, high) = (range.bounds.lowerBound, range.bounds.upperBound)
            let share = generator.uniformDouble()
            let drawn = range.isLogarithmic ? low * pow(high / low, share) : low + (high - low) * share
            // What is shown is what is run; more digits tell nobody anything.
            let text = String(format: "%.4g", min(max(drawn, low), high))
            return SweepAxis.Value(label: text, value: .number(Double(text) ?? drawn))
        }
    }

    private static func run(
        _ number: Int, point: Int, _ values: [(path: String, value: JSONValue)], seed: Int,
        fold: (held: Int, count: Int)?, of base: ConfigurationDocument
    ) throws -> Run {
        var assignments = values
        var seed = seed
        if let own = values.first(where: { $0.path == seedPath }) {
            if case .integer(let whole) = own.value { seed = whole }
        } else {
            assignments.append((seedPath, .integer(seed)))
        }
        var document = base
        // A key inside an object that is varied too is set in the object of the point.
        assignments.sort { $0.path < $1.path }
        for (path, value) in assignments { try document.set(path, to: value) }
        if let fold {
            let split = split(document.root, fold)
            try document.set(splitPath, to: split)
            assignments.append((splitPath, split))
        }
        return Run(
            number: number, point: point, seed: seed, fold: fold?.held, document: document,
            overrides: assignments.map { "\($0.path)=\($0.value.text())" })
    }

    /// The scenario's split, with one of some folds in the place of shares.
    private static func split(_ root: JSONValue, _ fold: (held: Int, count: Int)) -> JSONValue {
        var members: [String: JSONValue] = [:]
        if case .object(let top) = root, case .object(let simulation)? = top["simulation"],
            case .object(let data)? = simulation["data"], case .object(let split)? = data["split"]
        {
            members = split
        }
        members["test"] = nil
        members["validation"] = nil
        members["folds"] = .integer(fold.count)
        members["fold"] = .integer(fold.held)
        return .object(members)
    }
}

extension SweepPlan {
    /// The runs of some points of another plan, numbered anew, with one more value for all of them.
    init(_ whole: SweepPlan, points chosen: [Int], path: String, value: JSONValue) throws {
        let places = Dictionary(uniqueKeysWithValues: zip(chosen, chosen.indices))
        var runs: [Run] = []
        for run in whole.runs {
            guard let place = places[run.point] else { continue }
            var document = run.document
            try document.set(path, to: value)
            runs.append(
                Run(
                    number: runs.count + 1, point: place, seed: run.seed, fold: run.fold, document: document,
                    overrides: run.overrides + ["\(path)=\(value.text())"]))
        }
        (paths, worstOver) = (whole.paths, whole.worstOver)
        points = chosen.map { whole.points[$0] }
        self.runs = runs
    }
}
