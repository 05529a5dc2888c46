internal import Configuration
internal import Foundation
internal import Operations
internal import Simulation
internal import Synchronization

/// `sordino sweep`: runs a scenario with many values and seeds, and makes one table of the runs.
enum SweepCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino sweep",
        summary: "Run a scenario with many values and seeds; one table of all.",
        positionals: [
            .init("SCENARIO", "The scenario file (JSON5); with --merge the folders of shards.", count: .any)
        ],
        options: [
            .value(
                "over", "PATH=A,B", "Values of one key, JSON5 or plain words; repeated, a grid.",
                repeatable: true),
            .value("seeds", "1..5", "Seeds of each point: a range, or a list such as 1,2,7."),
            .value("folds", "K", "Hold out each of K parts of the training data in turn."),
            .value("random", "N", "Draw N points from the grid, or from ranges such as 0.01..1."),
            .value("random-seed", "N", "What the draw follows from (default: 1)."),
            .value("halving", "K", "Run all points briefly, and one of K of each rung K times as long."),
            .value("target", "A", "Tell the first round with this accuracy (default: the scenario's)."),
            .value("worst-over", "PATH", "Tell for each point of the other keys this key's worst value."),
            .value("out", "DIR", "Folder for the runs and the table (default: sordino-sweep beside you)."),
            .value(
                "set", "PATH=VALUE", "Override one key of the scenario for all runs; may be repeated.",
                repeatable: true),
            .value("workers", "N", "Runs at a time (default: one a core)."),
            .value("threads", "N", "Threads of each run (default: 1)."),
            .value("shard", "I/N", "Only every N-th run, from the I-th on; see --merge."),
            .flag("merge", "Make one table of the folders of shards."),
            .flag("keep-models", "Keep the model of every run."),
            .flag("quiet", "Show no progress."),
        ],
        notes: """
            A sweep that was interrupted or killed goes on with the same command: finished runs are kept.
            An object may have a name before it: --over 'task.strategy=adam:{name:"fedadam"},{name:"fedavg"}'
            Exit codes: 0 done, 2 usage, 3 invalid input or nothing published, 6 storage, 7 interrupted.

            """)

    static func run(_ options: Options) throws -> ExitCode {
        options.flag("merge") ? try merge(options) : try sweep(options)
    }

    private static func sweep(_ options: Options) throws -> ExitCode {
        guard options.operands.count == 1 else {
            throw options.usage(
                options.operands.isEmpty
                    ? "SCENARIO is missing" : "unexpected argument \"\(options.operands[1])\"")
        }
        var document = try ConfigurationDocument(contentsOf: options.operands[0])
        for assignment in options.all("set") { try document.set(assignment) }
        let section = try SweepSection(document)
        let plan = try SweepPlan(document, request(options, section))
        try SweepRunner.check(plan)
        let target = try self.target(options) ?? section.target ?? section.taskTarget
        var settings = SweepRunner.Settings(
            workers: try options.integer("workers", in: 1...1024)
                ?? ProcessInfo.processInfo.activeProcessorCount,
            threads: try options.integer("threads", in: 1...1024) ?? 1,
            keepsModels: options.flag("keep-models"), shard: try shard(options))
        settings.assignments = options.all("set")
        let out = options.string("out") ?? "sordino-sweep"
        let work = Work(target: target, settings: settings, isQuiet: options.flag("quiet"))
        let (table, isWhole) =
            if let factor = try options.integer("halving", in: 2...1000) {
                try halve(plan, factor: factor, out, work, options)
            } else {
                try work.perform(plan, in: out, label: "sweep")
            }
        try SweepResults.write(
            table, to: OutputDirectory(out), title: section.name, command: commandLine)
        try show(table, options, folder: out)
        guard isWhole else { return .interrupted }
        return try verdict(table)
    }

    /// What one sweep, or each rung of a halving, is carried out with.
    private struct Work {
        let target: Double?
        let settings: SweepRunner.Settings
        let isQuiet: Bool

        /// Runs what is missing of a plan in a folder; the table of what is there, and whether that is all.
        func perform(_ plan: SweepPlan, in path: String, label: String) throws -> (
            table: ResultTable, isWhole: Bool
        ) {
            let folder = try SweepFolder(
                path,
                for: SweepFolder.identity(plan, target: target, keepsModels: settings.keepsModels))
            let display = SweepDisplay(label: label, isQuiet: isQuiet)
            let isWhole = try SweepRunner(plan, folder: folder, settings: settings, observer: display)
                .perform()
            display.finish()
            return (try SweepResults.table([folder]), isWhole)
        }
    }

    /// Climbs the rungs of a halving; the table of all of them that were reached.
    private static func halve(
        _ plan: SweepPlan, factor: Int, _ out: String, _ work: Work, _ options: Options
    ) throws -> (table: ResultTable, isWhole: Bool) {
        guard work.settings.shard == nil else {
            throw options.usage("--halving compares all points, so that --shard cannot part them")
        }
        guard !SweepFolder.isOne(out) else {
            throw Failure(
                .invalidInput, "\(out): holds another sweep (sweep.json); choose another folder, or remove it"
            )
        }
        let halving = try SuccessiveHalving(plan, factor: factor)
        var rungs: [(rounds: Int, table: ResultTable)] = []
        var points = Array(plan.points.indices)
        for rung in 1...halving.rungs {
            let (table, isWhole) = try work.perform(
                halving.sweep(ofRung: rung, points: points),
                in: "\(out)/\(SuccessiveHalving.folder(ofRung: rung))", label: "rung \(rung)")
            rungs.append((halving.rounds(ofRung: rung), table))
            guard isWhole else { return (SuccessiveHalving.table(rungs), false) }
            points = halving.best(of: points, table)
        }
        return (SuccessiveHalving.table(rungs), true)
    }

    /// One table of what shards have run; none of their runs may be missing.
    private static func merge(_ options: Options) throws -> ExitCode {
        for name in [
            "over", "seeds", "folds", "random", "random-seed", "halving", "target", "worst-over", "set",
            "shard",
        ]
        where !options.all(name).isEmpty {
            throw options.usage("--merge takes what was run; --\(name) has no part in it")
        }
        guard !options.operands.isEmpty else { throw options.usage("--merge needs the folders of shards") }
        let folders = try options.operands.map { try SweepFolder(reading: $0) }
        var missing: [String] = []
        let table = try SweepResults.table(folders) { missing.append($0) }
        if let first = missing.first {
            throw Failure(
                .invalidInput,
                "\(missing.count) runs are in no folder (\(first)\(missing.count > 1 ? " first" : "")); run their shard"
            )
        }
        let out = try OutputDirectory(options.string("out") ?? "sordino-sweep")
        try SweepResults.write(
            table, to: out, title: table.rows.first?.runs.first?.folder.summary.task ?? "sweep",
            command: commandLine)
        try show(table, options, folder: out.path)
        return try verdict(table)
    }

    private static func show(_ table: ResultTable, _ options: Options, folder: String) throws {
        if options.format == .json { return try StandardOutput.write(table.json) }
        StandardOutput.write(ResultText.text(table))
        let worst = table.worstOver == nil ? "" : "\(folder)/worst.csv, "
        StandardOutput.write(
            "table  \(folder)/sweep.csv, \(folder)/sweep.jsonl, \(worst)\(folder)/report.html\n")
    }

    /// A sweep of which no run published a model has failed.
    private static func verdict(_ table: ResultTable) throws -> ExitCode {
        let runs = table.rows.flatMap(\.runs)
        if !runs.isEmpty, runs.allSatisfy({ !$0.folder.hasModel }) {
            throw Failure(
                .invalidInput, "no run published a model: \(runs[0].folder.summary.finished)")
        }
        return .done
    }

    private static var commandLine: String {
        ShellWords.text(["sordino"] + CommandLine.arguments.dropFirst())
    }

    // MARK: Options

    private static func request(_ options: Options, _ section: SweepSection) throws -> SweepPlan.Request {
        var request = SweepPlan.Request()
        request.axes = try options.all("over").map { try SweepAxis($0) }
        // What the command line says of a key, or of one above or below it, replaces what the scenario says.
        let given = request.axes.map(\.path)
        request.axes =
            section.axes.filter { axis in
                !given.contains {
                    $0 == axis.path || $0.hasPrefix(axis.path + ".") || axis.path.hasPrefix($0 + ".")
                }
            } + request.axes
        request.seeds = try options.string("seeds").map { try seeds($0, options) } ?? section.seeds
        request.worstOver = options.string("worst-over") ?? section.worstOver
        request.folds = try options.integer("folds", in: 2...1000)
        if let count = try options.integer("random", in: 1...SweepPlan.limit) {
            request.draws = (count, UInt64(try options.integer("random-seed", in: 0...Int.max) ?? 1))
        } else if options.string("random-seed") != nil {
            throw options.usage("--random-seed goes with --random")
        }
        guard !request.axes.isEmpty || !request.seeds.isEmpty || request.folds != nil else {
            throw options.usage("nothing to sweep: give --over PATH=A,B, --seeds or --folds")
        }
        return request
    }

    private static func seeds(_ text: String, _ options: Options) throws -> [Int] {
        guard let seeds = SweepSection.seeds(text) else {
            throw options.usage(
                "--seeds must be a range such as 1..5 or a list such as 1,2,7, not \"\(text)\"")
        }
        return seeds
    }

    private static func target(_ options: Options) throws -> Double? {
        try options.number("target", expected: "an accuracy from 0 to 1") { $0 >= 0 && $0 <= 1 }
    }

    private static func shard(_ options: Options) throws -> (index: Int, of: Int)? {
        guard let text = options.string("shard") else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let index = parts[0], let count = parts[1], count >= 1, index >= 1,
            index <= count
        else { throw options.usage("--shard must be I/N with I from 1 to N, not \"\(text)\"") }
        return (index, count)
    }
}

/// Shows a running sweep on standard error and listens for Ctrl-C.
final class SweepDisplay: SweepObserver {
    private let label: String
    private let isQuiet: Bool
    private let said = Mutex<Set<String>>([])
    private let meter = Mutex<(meter: ProgressMeter, completed: Int)?>(nil)

    init(label: String, isQuiet: Bool) { (self.label, self.isQuiet) = (label, isQuiet) }

    func advanced(to completed: Int, of total: Int) {
        meter.withLock { held in
            var shown =
                held?.meter
                ?? ProgressMeter(
                    label: label, total: total, completed: completed, style: isQuiet ? .silent : nil)
            shown.update(completed: completed)
            held = (shown, completed)
        }
    }

    func warned(_ warning: String) {
        guard said.withLock({ $0.insert(warning).inserted }) else { return }
        Console.standardError.writeLine("warning: \(warning)")
    }

    var wantsToStop: Bool { Signals.interruptionRequested }

    func finish() {
        meter.withLock { held in
            guard let (meter, completed) = held else { return }
            var shown = meter
            shown.finish(completed: completed)
            held = (shown, completed)
        }
    }
}
