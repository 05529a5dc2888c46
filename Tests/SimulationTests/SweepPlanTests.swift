import Configuration
import Federation
import Foundation
import Operations
import Testing

@testable import Simulation

/// What `--over`, `--seeds`, `--folds` and `--random` make of a scenario, and the figures of the table.
@Suite struct SweepPlanTests {
    private let scenario = ConfigurationDocument(
        root: .object([
            "task": .object(["rounds": .integer(3)]),
            "simulation": .object([
                "seed": .integer(9),
                "data": .object(["split": .object(["test": .number(0.2), "by": .string("row")])]),
            ]),
        ]), file: "scenario.json5")

    private func plan(
        _ over: [String], seeds: [Int] = [], folds: Int? = nil, draws: (count: Int, seed: UInt64)? = nil
    ) throws -> SweepPlan {
        var request = SweepPlan.Request()
        request.axes = try over.map { try SweepAxis($0) }
        (request.seeds, request.folds, request.draws) = (seeds, folds, draws)
        return try SweepPlan(scenario, request)
    }

    private func labels(_ text: String) throws -> [String] {
        guard case .values(let values) = try SweepAxis(text).choice else { return ["a range"] }
        return values.map(\.label)
    }

    @Test(arguments: [
        ("a.b=1,2.5,x", ["1", "2.5", "x"]), ("a=1..4,9", ["1", "2", "3", "4", "9"]),
        ("a= x , 'y,z' ", ["x", "'y,z'"]), ("a=[1,2],[3]", ["[1,2]", "[3]"]),
        ("a={name:\"adam\",b:1},{name:\"avg\"}", ["adam", "avg"]),
        ("a={name:\"adam\",b:1},{name:\"adam\"}", ["{name:\"adam\",b:1}", "{name:\"adam\"}"]),
        ("a=fast one:{name:\"adam\",b:1},{name:\"adam\"}", ["fast one", "adam"]),
        ("a={x:\"}\"},null", ["{x:\"}\"}", "null"]), ("a=10m,1e-3", ["10m", "1e-3"]),
        ("a=0.1..0.5", ["a range"]), ("a=log:1..100", ["a range"]), ("a=../b", ["../b"]),
    ])
    func valuesHaveNames(_ text: String, _ expected: [String]) throws {
        #expect(try labels(text) == expected)
    }

    @Test func valuesAreJSON5OrWords() throws {
        guard case .values(let values) = try SweepAxis("a=1,true,2.5,word,'t',b:{c:[1]},null").choice else {
            Issue.record("no values")
            return
        }
        #expect(
            values.map(\.value) == [
                .integer(1), .bool(true), .number(2.5), .string("word"), .string("t"),
                .object(["c": .array([.integer(1)])]), .null,
            ])
    }

    @Test(arguments: [
        "a", "=1", "a=", "a=1,,2", "a=1,1", "a={b:1", "a=1]", "a='x", "a=0..20000", "a={b:},1", "a=[1,2,]x]",
    ])
    func whatIsNoListIsRefused(_ text: String) {
        let error = #expect(throws: (any Error).self) { try SweepAxis(text) }
        let code = (error as? Failure)?.exitCode ?? (error as? ConfigurationError)?.exitCode
        #expect(code == .usage || code == .invalidInput)
    }

    @Test func aGridHasEveryPointWithEverySeed() throws {
        let plan = try plan(["task.rounds=1,2,3", "task.name=a,b"], seeds: [5, 4])
        #expect(plan.points == ["1", "2", "3"].flatMap { rounds in ["a", "b"].map { [rounds, $0] } })
        #expect(
            plan.runs.map(\.number) == Array(1...12)
                && plan.runs.map(\.seed) == [5, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 4])
        #expect(plan.runs[0].name == "0001" && SweepPlan.name(ofRun: 12345) == "12345")
        let task = try #require(
            try Section(plan.runs[11].document.root, path: "").section("task"))
        #expect(try task.integer("rounds") == 3 && task.string("name") == "b")
        #expect(plan.description(of: plan.runs[11]) == "run 12 (task.rounds=3, task.name=b, seed 4)")
        #expect(try self.plan(["task.rounds=1"]).runs.map(\.seed) == [9])
        #expect(try self.plan(["simulation.seed=3,4"]).runs.map(\.seed) == [3, 4])
    }

    @Test func foldsTakeThePlaceOfShares() throws {
        let plan = try plan([], folds: 3)
        #expect(plan.runs.map(\.fold) == [0, 1, 2])
        let split = try #require(
            try Section(plan.runs[2].document.root, path: "").section("simulation")?.section("data")?
                .section("split"))
        #expect(split.keys == ["by", "fold", "folds"])
        #expect(try split.integer("fold") == 2 && split.integer("folds") == 3)
    }

    @Test(
        arguments: [
            (["a=1", "a=2"], [], nil), (["simulation.seed=1"], [1], nil),
            (["a=1"], [2, 2], nil), (["simulation.data.split={test:0.1}"], [], 2), (["a=0.5..1"], [], nil),
            (["a=1..400", "b=1..400"], [], nil),
        ] as [([String], [Int], Int?)])
    func whatDoesNotGoTogetherIsRefused(_ over: [String], _ seeds: [Int], _ folds: Int?) {
        let error = #expect(throws: Failure.self) { try plan(over, seeds: seeds, folds: folds) }
        #expect(error?.exitCode == .usage)
    }

    /// Whatever comes first on the command line.
    @Test(arguments: [
        ["task.strategy.mu=1,2", "task.strategy={name:'fedprox'},{name:'fedavg'}"],
        ["task.strategy={name:'fedprox'},{name:'fedavg'}", "task.strategy.mu=1,2"],
    ])
    func aKeyOfAnObjectIsSetInThePointsObject(_ over: [String]) throws {
        for run in try plan(over).runs {
            let section = try Section(run.document.root, path: "").section("task")?.section("strategy")
            let strategy = try #require(section)
            #expect(strategy.keys == ["mu", "name"])
        }
    }

    @Test func theWorstIsTakenOverAKeyThatIsVaried() throws {
        var request = SweepPlan.Request()
        request.axes = [try SweepAxis("task.rounds=1,2")]
        request.worstOver = "task.rounds"
        #expect(try SweepPlan(scenario, request).worstOver == "task.rounds")
        request.worstOver = "task.round"
        let error = try #require(#expect(throws: Failure.self) { try SweepPlan(scenario, request) })
        #expect(error.exitCode == .usage && "\(error)".contains("task.rounds"))
    }

    @Test func whatIsDrawnFollowsFromTheSeed() throws {
        let over = ["a=log:0.001..1", "b=-2.0..2", "c=x,y"]
        let first = try plan(over, draws: (40, 1)).points
        #expect(first.count == 40 && Set(first).count == 40)
        #expect(try plan(over, draws: (40, 1)).points == first)
        #expect(try plan(over, draws: (40, 2)).points != first)
        for point in first {
            let (a, b) = try (#require(Double(point[0])), #require(Double(point[1])))
            #expect(a >= 0.001 && a <= 1 && b >= -2 && b <= 2)
        }
        // Half of a logarithmic range lies below its geometric mean: 40 coins, outside this once in 10^7 seeds.
        #expect((5...35).contains(first.count { (Double($0[0]) ?? 0) < 0.0316 }))
        #expect(Set(try plan(["a=1..5", "b=1,2"], draws: (99, 1)).points).count == 10)
    }

    /// Quantiles as published in tables and by `scipy.stats.t.ppf(0.975, n)`.
    @Test(arguments: [
        (1, 12.706204736174694), (2, 4.302652729749462), (3, 3.182446305283711), (4, 2.7764451051977934),
        (9, 2.2621571628540993), (30, 2.0422724563012378), (99, 1.9842169515086832),
        (1000, 1.9623390808264078),
    ])
    func studentsT(_ degrees: Int, _ expected: Double) {
        #expect(abs(StudentT.quantile(central: 0.95, degrees: degrees) - expected) < 1e-9 * expected)
    }

    @Test func spreads() throws {
        let spread = try #require(Spread([2, nil, 4, 4, .nan, 6]))
        #expect(spread.count == 4 && spread.mean == 4)
        // numpy.std([2, 4, 4, 6], ddof=1), and that times t(3) / 2.
        #expect(abs((spread.deviation ?? 0) - 1.632993161855452) < 1e-12)
        #expect(abs((spread.interval ?? 0) - 1.632993161855452 * 3.182446305283711 / 2) < 1e-8)
        let one = try #require(Spread([0.25]))
        #expect(one.deviation == nil && one.interval == nil)
        // Three times a number is not always the sum of it three times.
        let equal = try #require(Spread([0.1, 0.1, 0.1]))
        #expect(equal.mean == 0.1 && equal.deviation == 0 && equal.interval == 0)
        #expect(Spread([nil, .infinity]) == nil)
    }

    /// Ten points, a third going on: 10, 4, 2, 1.
    @Test func halvingRunsFewPointsForLong() throws {
        var document = scenario
        try document.set("task={model:{preset:\"logistic\",classes:2},training:{},rounds:60,cohort_size:1}")
        try document.set("simulation.data={format:\"csv\",path:\"x\"}")
        var request = SweepPlan.Request()
        request.axes = [try SweepAxis("task.training.batch_size=1..10")]
        request.seeds = [1, 2]
        let plan = try SweepPlan(document, request)
        let halving = try SuccessiveHalving(plan, factor: 3)
        #expect(halving.rungs == 4)
        #expect((1...4).map(halving.rounds(ofRung:)) == [2, 6, 20, 60])
        let rung = try halving.sweep(ofRung: 2, points: [1, 4, 9])
        #expect(rung.points == [["2"], ["5"], ["10"]] && rung.runs.map(\.number) == Array(1...6))
        #expect(rung.runs.map(\.point) == [0, 0, 1, 1, 2, 2] && rung.runs.map(\.seed) == [1, 2, 1, 2, 1, 2])
        #expect(try ScenarioLoader.scenario(rung.runs[5].document).task.rounds == 6)
        for over in ["task.rounds=1,2", "task.training.batch_size=1"] {
            request.axes = [try SweepAxis(over)]
            let other = try SweepPlan(document, request)
            #expect(throws: Failure.self) { try SuccessiveHalving(other, factor: 2) }
        }
    }
}
