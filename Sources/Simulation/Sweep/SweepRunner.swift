internal import Configuration
internal import Datasets
internal import Foundation
internal import Operations
internal import Synchronization

/// Who is told of a running sweep, from several threads.
package protocol SweepObserver: Sendable {
    /// So many of the runs that are to be run are done; called once before the first.
    func advanced(to completed: Int, of total: Int)
    /// Something that was found must be done again, or should be thought about; one line, which several runs may tell.
    func warned(_ warning: String)
    /// Asked between rounds.
    var wantsToStop: Bool { get }
}

/// Runs a sweep's runs side by side, each as `sordino simulate` would, and keeps those that are done.
package struct SweepRunner: Sendable {
    /// How runs are carried out; none of it changes what comes out.
    package struct Settings: Sendable {
        /// Runs at a time.
        package var workers: Int
        /// Threads of each run.
        package var threads: Int
        package var keepsModels: Bool
        /// What the scenario was changed by before, `path=value`, for the commands that make its runs again.
        package var assignments: [String] = []
        /// Every `of`-th run from the `index`-th on, from 1.
        package var shard: (index: Int, of: Int)?

        /// Settings; without `shard` all runs.
        package init(workers: Int, threads: Int, keepsModels: Bool, shard: (index: Int, of: Int)? = nil) {
            (self.workers, self.threads, self.keepsModels) = (workers, threads, keepsModels)
            self.shard = shard
        }
    }

    private let plan: SweepPlan
    private let folder: SweepFolder
    private let settings: Settings
    private let observer: any SweepObserver

    /// What of a run must be kept where models are not.
    private static let models = ["model.safetensors", "frozen.safetensors", "checkpoint.safetensors"]

    package init(
        _ plan: SweepPlan, folder: SweepFolder, settings: Settings, observer: any SweepObserver
    ) {
        (self.plan, self.folder, self.settings, self.observer) = (plan, folder, settings, observer)
    }

    /// Reads every run's scenario as far as that goes without data. Throws what a run is refused for, with the run.
    package static func check(_ plan: SweepPlan) throws {
        for run in plan.runs { _ = try naming(run, of: plan) { try ScenarioLoader.scenario(run.document) } }
    }

    /// The runs of this shard, in the order of the plan.
    package var runs: [SweepPlan.Run] {
        plan.runs.filter { run in
            settings.shard.map { (run.number - 1) % $0.of == $0.index - 1 } ?? true
        }
    }

    /// Carries out what is missing; true when all is there, false when it was interrupted. Throws the first error of a
    /// run, with the run, when those beside it have stopped; what is done is kept.
    package func perform() throws -> Bool {
        let keyed = try runs.map { run in
            (
                run,
                DatasetShelf.key(
                    of: try Self.naming(run, of: plan) { try ScenarioLoader.scenario(run.document) })
            )
        }
        // Runs on the same data one after the other: few data sets are in memory at a time.
        let first = keyed.enumerated().reduce(into: [String: Int]()) {
            $0[$1.element.1] = $0[$1.element.1] ?? $1.offset
        }
        let ordered = keyed.enumerated().sorted {
            (first[$0.element.1] ?? 0, $0.offset) < (first[$1.element.1] ?? 0, $1.offset)
        }.map(\.element)
        let looked = ordered.filter { FileManager.default.fileExists(atPath: folder.run($0.0.name)) }
        let kept = Mutex<Set<Int>>([])
        try forEach(looked) { run, key, shelf in
            if try isDone(run, shelf) { _ = kept.withLock { $0.insert(run.number) } }
        }
        let done = kept.withLock(\.self)
        let missing = ordered.filter { !done.contains($0.0.number) }
        let completed = Mutex(done.count)
        observer.advanced(to: done.count, of: ordered.count)
        let finished = Atomic<Int>(0)
        try forEach(missing) { run, key, shelf in
            guard try play(run, shelf) else { return }
            finished.add(1, ordering: .relaxed)
            completed.withLock { completed in
                completed += 1
                observer.advanced(to: completed, of: ordered.count)
            }
        }
        return finished.load(ordering: .relaxed) == missing.count
    }

    // MARK: One run

    private func load(
        _ run: SweepPlan.Run, _ shelf: DatasetShelf
    ) throws -> (scenario: Scenario, setup: SimulationSetup, dataset: Dataset) {
        try ScenarioLoader.load(run.document, settings(run, resumes: false), from: shelf)
    }

    /// Whether a run is done: all its files are whole and of this very scenario and data.
    private func isDone(_ run: SweepPlan.Run, _ shelf: DatasetShelf) throws -> Bool {
        let path = folder.run(run.name)
        let file = "\(path)/scenario.resolved.json"
        guard FileManager.default.fileExists(atPath: "\(path)/summary.json"),
            FileManager.default.fileExists(atPath: "\(path)/report.html")
        else { return false }
        let loaded = try load(run, shelf)
        do {
            let text = ResolvedScenario.text(loaded.scenario, loaded.setup)
            guard FileManager.default.contents(atPath: file) == Data(text.utf8) else {
                throw ConfigurationError(path: file, problem: "is damaged, or of another run")
            }
            let read = try RunFolder(path)
            guard
                !settings.keepsModels || !read.hasModel
                    || FileManager.default.fileExists(atPath: "\(path)/\(Self.models[0])")
            else { throw ConfigurationError(path: path, problem: "has no model") }
        } catch {
            observer.warned("run \(run.number) is done again: \(error)")
            return false
        }
        try DataBinding(loaded.setup, source: "simulation.data").check(OutputDirectory(path))
        if !settings.keepsModels { try removeModels(path) }
        return true
    }

    /// Plays a run to its end, from its checkpoint where it has a good one; false where it was interrupted.
    private func play(_ run: SweepPlan.Run, _ shelf: DatasetShelf) throws -> Bool {
        let path = folder.run(run.name)
        let loaded = try load(run, shelf)
        var begun: ScenarioRun?
        if FileManager.default.fileExists(atPath: "\(path)/checkpoint.safetensors") {
            do {
                begun = try ScenarioRun(loaded, settings(run, resumes: true))
            } catch {
                observer.warned("run \(run.number) begins anew: \(error)")
            }
        }
        let attempt = try begun ?? ScenarioRun(loaded, settings(run, resumes: false))
        for warning in attempt.warnings { observer.warned(warning) }
        let outcome = try attempt.perform(RunObserver(observer))
        guard outcome.ending != .interrupted else { return false }
        if !settings.keepsModels { try removeModels(path) }
        return true
    }

    private func settings(_ run: SweepPlan.Run, resumes: Bool) -> ScenarioRun.Settings {
        let words =
            ["sordino", "simulate", run.document.file]
            + (settings.assignments + run.overrides).flatMap { ["--set", $0] }
        return ScenarioRun.Settings(
            out: folder.run(run.name), workers: settings.threads, secureNoise: false, resumes: resumes,
            overwrites: true, command: ShellWords.text(words))
    }

    private func removeModels(_ path: String) throws {
        for name in Self.models { try AtomicFile.remove("\(path)/\(name)", durably: false) }
    }

    // MARK: Many runs

    /// Calls `body` for each run on some threads at a time, until one throws or the observer wants to stop.
    private func forEach(
        _ runs: [(run: SweepPlan.Run, key: String)],
        _ body: @escaping @Sendable (SweepPlan.Run, String, DatasetShelf) throws -> Void
    ) throws {
        let shelf = DatasetShelf(for: runs.map(\.key))
        let crew = Crew(runs.count)
        let threads = try (0..<min(settings.workers, runs.count)).map { number in
            try WorkerThread(name: "sweep-\(number + 1)") {
                while !observer.wantsToStop, let place = crew.take() {
                    let (run, key) = runs[place]
                    do {
                        try Self.naming(run, of: plan) { try body(run, key, shelf) }
                    } catch {
                        crew.fail(error)
                    }
                    shelf.release(key)
                }
            }
        }
        for thread in threads { thread.join() }
        if let error = crew.error { throw error }
    }

    /// Adds the run to an error of the input; others say themselves where they are.
    private static func naming<Result>(
        _ run: SweepPlan.Run, of plan: SweepPlan, _ body: () throws -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch let error as ConfigurationError {
            throw ConfigurationError(path: plan.description(of: run), problem: "\(error)")
        }
    }

    /// What the threads of one call share.
    private final class Crew: Sendable {
        private let next = Atomic<Int>(0)
        private let count: Int
        private let failure = Mutex<(any Error)?>(nil)

        init(_ count: Int) { self.count = count }

        var error: (any Error)? { failure.withLock(\.self) }

        /// The next place that nobody took; nil after the last one, or after a failure.
        func take() -> Int? {
            guard error == nil else { return nil }
            let place = next.add(1, ordering: .relaxed).oldValue
            return place < count ? place : nil
        }

        /// The first failure counts.
        func fail(_ error: any Error) { failure.withLock { $0 = $0 ?? error } }
    }
}

/// One run's observer: the sweep's own says when to stop; what runs warn of is in their summaries.
private final class RunObserver: SimulationObserver {
    private let observer: any SweepObserver

    init(_ observer: any SweepObserver) { self.observer = observer }

    func roundEnded(_ record: RoundRecord, of rounds: Int) {}
    func warned(_ warning: String) {}
    var wantsToStop: Bool { observer.wantsToStop }
}

/// Words as a shell reads them back.
package enum ShellWords {
    /// The words in one line, quoted where they need it.
    package static func text(_ words: [String]) -> String {
        words.map { word in
            let isPlain = word.allSatisfy { $0.isLetter || $0.isNumber || "-_./=:,".contains($0) }
            return isPlain && !word.isEmpty ? word : "'\(word.replacingOccurrences(of: "'", with: "'\\''"))'"
        }.joined(separator: " ")
    }
}
