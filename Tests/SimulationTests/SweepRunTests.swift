import Compute
import Configuration
import Foundation
import Operations
import Synchronization
import TestSupport
import Testing

@testable import Simulation

/// Sweeps that are run, broken off, damaged, divided and merged: always the same table.
@Suite struct SweepRunTests {
    /// Counts what a sweep tells, and stops it after so many runs.
    private final class Watcher: SweepObserver {
        let told = Mutex<(completed: Int, warnings: [String])>((0, []))
        private let limit: Int

        init(stopAfter limit: Int = .max) { self.limit = limit }

        func advanced(to completed: Int, of total: Int) { told.withLock { $0.completed = completed } }
        func warned(_ warning: String) { told.withLock { $0.warnings.append(warning) } }
        var wantsToStop: Bool { told.withLock { $0.completed >= limit } }
        var warnings: [String] { told.withLock(\.warnings) }
    }

    private static let quickstart =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path + "/simulations/quickstart.json5"

    private func plan(
        _ over: [String] = ["task.training.learning_rate=0.1,0.5"], worstOver: String? = nil
    ) throws -> SweepPlan {
        var document = try ConfigurationDocument(contentsOf: Self.quickstart)
        for assignment in ["simulation.baselines=[]", "task.rounds=2"] { try document.set(assignment) }
        var request = SweepPlan.Request()
        request.axes = try over.map { try SweepAxis($0) }
        (request.seeds, request.worstOver) = ([1, 2], worstOver)
        return try SweepPlan(document, request)
    }

    private func folder(_ plan: SweepPlan, _ path: String) throws -> SweepFolder {
        try SweepFolder(path, for: SweepFolder.identity(plan, target: 0.5, keepsModels: false))
    }

    @discardableResult private func run(
        _ plan: SweepPlan, in path: String, _ watcher: Watcher = Watcher(),
        shard: (index: Int, of: Int)? = nil
    ) throws -> Bool {
        try SweepRunner(
            plan, folder: folder(plan, path),
            settings: .init(workers: 2, threads: 1, keepsModels: false, shard: shard), observer: watcher
        ).perform()
    }

    private func files(_ table: ResultTable) -> [String] {
        [table.csv, table.jsonLines, ResultReport(table, title: "digits", command: "sordino sweep").html]
    }

    @Test func brokenOffAndDamagedSweepsHaveTheSameTable() throws {
        let plan = try plan()
        let path = try TemporaryFolders.make("sweep")
        #expect(try run(plan, in: path))
        let sweep = try folder(plan, path)
        let table = try SweepResults.table([sweep])
        let whole = files(table)
        #expect(
            table.rows.map(\.labels) == [["0.1"], ["0.5"]] && table.rows.allSatisfy { $0.runs.count == 2 })
        #expect(whole[0].split(separator: "\n").count == 3 && whole[1].split(separator: "\n").count == 4)
        #expect(whole[2].contains("id=\"over-rounds\"") && whole[2].contains("id=\"over-bytes\""))
        let page = PageReader(whole[2])
        #expect(page.problem == nil && !page.elements.contains { $0.name == "script" })
        #expect(page.elements.count { $0.name == "figure" } == 2)
        #expect(page.tips.contains { $0.hasPrefix("round 1: 0.5 ") && $0.contains(", 0.1 ") })
        #expect(table.isPrivate && page.text.contains("that of one run alone"))
        // The same runs as one by one, whose models are not kept.
        let alone = try TemporaryFolders.make("alone")
        let summary = try ScenarioRun(
            plan.runs[3].document,
            .init(out: alone, workers: 2, secureNoise: false, resumes: false, command: "")
        ).perform(Stopper(after: .max)).summary
        #expect(table.rows[1].runs[1].folder.summary.modelSHA256 == summary.modelSHA256)
        #expect(!FileManager.default.fileExists(atPath: sweep.run("0001") + "/model.safetensors"))

        // Nothing is run again where nothing is missing.
        let idle = Watcher()
        let before = try Data(contentsOf: URL(fileURLWithPath: sweep.run("0001") + "/summary.json"))
        #expect(try run(plan, in: path, idle) && idle.warnings.isEmpty)
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: sweep.run("0001") + "/summary.json")) == before)

        // Whatever file of a run is cut, emptied or gone, that run is done again.
        for name in ["summary.json", "rounds.jsonl", "scenario.resolved.json", "report.html"] {
            for share in [0, 0.5, 0.99, nil] as [Double?] where name != "report.html" || share == nil {
                let file = sweep.run("0002") + "/\(name)"
                let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
                if let share {
                    try bytes.prefix(Int(Double(bytes.count) * share)).write(to: URL(fileURLWithPath: file))
                } else {
                    try FileManager.default.removeItem(atPath: file)
                }
                let watcher = Watcher()
                #expect(try run(plan, in: path, watcher))
                #expect(watcher.warnings.count <= 1 && watcher.warnings.allSatisfy { !$0.contains("\n") })
                #expect(try files(SweepResults.table([sweep])) == whole, "\(name) \(share ?? -1)")
            }
        }
    }

    @Test func aSweepThatStopsGoesOn() throws {
        let plan = try plan()
        let whole = try TemporaryFolders.make("sweep")
        try run(plan, in: whole)
        let path = try TemporaryFolders.make("sweep")
        #expect(try !run(plan, in: path, Watcher(stopAfter: 1)))
        let part = try SweepResults.table([folder(plan, path)])
        #expect(part.rows.flatMap(\.runs).count < 4)
        #expect(try run(plan, in: path))
        #expect(
            try files(SweepResults.table([folder(plan, path)]))
                == files(SweepResults.table([folder(plan, whole)])))
    }

    /// For each point of the other keys the value with the lowest mean accuracy, in file, object and page.
    @Test func theWorstOfAKeyIsToldForEachPointOfTheOthers() throws {
        let (bad, good) = ("task.training.learning_rate", "task.training.batch_size")
        let plan = try plan(["\(bad)=1e-6,0.5", "\(good)=5,10"], worstOver: bad)
        let path = try TemporaryFolders.make("sweep")
        #expect(try run(plan, in: path))
        let out = try OutputDirectory(path)
        let table = try SweepResults.table([SweepFolder(reading: path)])
        try SweepResults.write(table, to: out, title: "digits", command: "sordino sweep")
        let worst = try #require(WorstCases(table))
        #expect(worst.paths == [good] && worst.rows.map(\.labels) == [["5"], ["10"]])
        let accuracy = try #require(ResultTable.columns.first { $0.name == "final_accuracy" })
        for row in worst.rows {
            let means = table.rows.filter { $0.labels[1] == row.labels[0] }.map {
                table.spread(accuracy, $0)?.mean ?? 1
            }
            #expect(row.spread.count == 2 && row.spread.mean == means.min())
        }
        let csv = try String(contentsOfFile: out.file("worst.csv"), encoding: .utf8)
        #expect(csv == worst.csv && csv.split(separator: "\n").count == 3)
        let page = PageReader(try String(contentsOfFile: out.file("report.html"), encoding: .utf8))
        #expect(page.problem == nil && page.text.contains("The worst of \(bad)"))
        // Without the wish, no such file and no such section.
        let plain = try SweepResults.table([folder(self.plan(), TemporaryFolders.make("sweep"))])
        #expect(WorstCases(plain) == nil)
    }

    @Test func shardsMergeToTheWhole() throws {
        let plan = try plan()
        let (whole, first, second) = try (
            TemporaryFolders.make("sweep"), TemporaryFolders.make("sweep"), TemporaryFolders.make("sweep")
        )
        try run(plan, in: whole)
        try run(plan, in: first, shard: (1, 2))
        var missing: [String] = []
        _ = try SweepResults.table([SweepFolder(reading: first)]) { missing.append($0) }
        #expect(missing == ["0002", "0004"])
        try run(plan, in: second, shard: (2, 2))
        let merged = try SweepResults.table([SweepFolder(reading: second), SweepFolder(reading: first)])
        #expect(try files(merged) == files(SweepResults.table([folder(plan, whole)])))
        let other = try self.plan(["task.training.batch_size=5,10"])
        #expect(throws: ConfigurationError.self) { try folder(other, first) }
        let third = try TemporaryFolders.make("sweep")
        let mixed = [try folder(other, third), try SweepFolder(reading: first)]
        #expect(throws: ConfigurationError.self) { try SweepResults.table(mixed) }
    }

    @Test func comparisonsNameWhatDiffers() throws {
        let plan = try plan()
        let path = try TemporaryFolders.make("sweep")
        try run(plan, in: path)
        let sweep = try folder(plan, path)
        let table = try RunComparison.table(["0003", "0001", "0004"].map(sweep.run), target: nil)
        #expect(table.paths == ["task.training.learning_rate"])
        #expect(table.rows.map(\.labels) == [["0.5"], ["0.1"]])
        #expect(table.rows.map(\.runs.count) == [2, 1])
        var warnings: [String] = []
        let all = try RunComparison.table([path, sweep.run("0002"), path + "/"], target: nil) {
            warnings.append($0)
        }
        #expect(all.rows.map(\.runs.count) == [2, 2] && warnings.count == 5)
        for none in [try TemporaryFolders.make("none"), path + "/nowhere", path + "/sweep.json"] {
            #expect(throws: (any Error).self) { try RunComparison.table([none], target: nil) }
        }
    }

    /// Files that programs did not write: numbers that no run has.
    @Test func strangeNumbersAreRefusedOrLeftOut() throws {
        let plan = try plan()
        let path = try TemporaryFolders.make("sweep")
        try run(plan, in: path)
        let sweep = try folder(plan, path)
        let rounds = URL(fileURLWithPath: sweep.run("0001") + "/rounds.jsonl")
        let text = try String(contentsOf: rounds, encoding: .utf8)
        for number in ["9223372036854775807", "0", "-4"] {
            try text.replacing("\"round\":1,", with: "\"round\":\(number),").write(
                to: rounds, atomically: true, encoding: .utf8)
            #expect(throws: ConfigurationError.self) { try RunFolder(sweep.run("0001")) }
        }
        try text.replacing(/"bytes_up":\d+/, with: "\"bytes_up\":9223372036854775807").write(
            to: rounds, atomically: true, encoding: .utf8)
        let table = try SweepResults.table([sweep])
        #expect(PageReader(ResultReport(table, title: "t", command: "c").html).problem == nil)
        // What is no JSON of a sweep, or of the wrong shape, is told in one line.
        let file = URL(fileURLWithPath: path + "/sweep.json")
        let whole = try String(contentsOf: file, encoding: .utf8)
        for damage in [
            String(whole.prefix(whole.count / 2)), "[]", "{}",
            whole.replacing("\"point\" : 1", with: "\"point\" : 9"),
        ] {
            try damage.write(to: file, atomically: true, encoding: .utf8)
            let error = #expect(throws: ConfigurationError.self) {
                try SweepResults.table([SweepFolder(reading: path)])
            }
            #expect(error?.description.contains("\n") == false)
        }
    }

    @Test func aRefusedValueNamesItsRun() throws {
        for (over, words) in [
            ("task.training.batch_size=5,-1", ["run 3", "batch_size=-1", "seed 1"]),
            ("task.rouns=5", ["run 1", "task.rouns", "rounds"]),
        ] {
            let error = #expect(throws: ConfigurationError.self) { try SweepRunner.check(plan([over])) }
            for word in words { #expect(error.map { "\($0)".contains(word) } == true, "\(word)") }
        }
        // What only the data show stops the sweep, too.
        let path = try TemporaryFolders.make("sweep")
        let clients = try plan(["simulation.data.label=64,99"])
        let error = #expect(throws: ConfigurationError.self) { try run(clients, in: path) }
        #expect(error.map { "\($0)".contains("label=99") } == true)
    }

    @Test func foldsAreMeasuredOnWhatTheyHoldOut() throws {
        var document = try ConfigurationDocument(contentsOf: Self.quickstart)
        for assignment in ["simulation.baselines=[]", "task.rounds=1"] { try document.set(assignment) }
        var request = SweepPlan.Request()
        request.folds = 4
        let plan = try SweepPlan(document, request)
        let sizes = try plan.runs.map { run in
            let settings = ScenarioRun.Settings(
                out: "", workers: 1, secureNoise: false, resumes: false, command: "")
            let setup = try ScenarioLoader.load(run.document, settings).setup
            return (setup.training.count, try #require(setup.holdout).count)
        }
        #expect(sizes.allSatisfy { $0.0 + $0.1 == 1797 } && sizes.map(\.1).reduce(0, +) == 1797)
    }

    @Test func dataAreLoadedOnceWhereTheSeedDoesNotDivideThem() throws {
        let document = try plan().runs[0].document
        var other = document
        try other.set("simulation.seed=7")
        func key(_ document: ConfigurationDocument) throws -> String {
            DatasetShelf.key(of: try ScenarioLoader.scenario(document))
        }
        #expect(try key(document) != key(other))
        for split in ["{test:0.2,seed:1}", "null"] {
            var (first, second) = (document, other)
            try first.set("simulation.data.split=\(split)")
            try second.set("simulation.data.split=\(split)")
            #expect(try key(first) == key(second))
        }
        let shelf = DatasetShelf(for: ["a", "a"])
        let loads = Mutex(0)
        let settings = ScenarioRun.Settings(
            out: "", workers: 1, secureNoise: false, resumes: false, command: "")
        let dataset = try ScenarioLoader.load(document, settings).dataset
        for expected in [1, 1, 2] {
            _ = try shelf.dataset("a") {
                loads.withLock { $0 += 1 }
                return dataset
            }
            #expect(loads.withLock(\.self) == expected)
            // After the second of two runs nobody wants it.
            if expected == 1 { shelf.release("a") }
        }
    }
}
