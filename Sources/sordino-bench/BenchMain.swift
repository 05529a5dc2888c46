import Compute
import Foundation

/// Measures, each figure beside its floor. Exit codes: 1 a measurement failed, a figure fell or lies below its floor; 2
/// wrong usage, a baseline of another level included.
@main
struct BenchMain {
    private static let usage = """
        usage: sordino-bench [SUITE ...] [--only TEXT] [--large] [--format text|json] [--repetitions N] [--save FILE]
                             [--compare FILE]
        suites: \(SuiteCatalog.all.map(\.name).joined(separator: ", ")); all when none is named
        --only keeps the figures whose names begin with TEXT; --large adds GPT-2 to the suite training (3 GB, a minute)
        --save writes the figures as JSON; --compare prints them beside those of FILE and exits with 1 when one
        fell behind by more than its noise. FILE must be of this level, our kernels' and OpenBLAS's both: exit
        code 2. SORDINO_CPU_LEVEL=v3 measures the level AVX2 on a processor that has more. A figure below its
        floor is refused: marked, not saved, exit code 1
        """

    static func main() {
        // Before anything else: this may start the program again.
        OpenBLASKernel.selectBest()
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.first == ChildProcess.flag { ChildCatalog.run(Array(arguments.dropFirst())) }
        do throws(BenchOptions.Refusal) {
            let options = try BenchOptions(arguments)
            if options.wantsHelp { return print(usage) }
            run(options, against: options.compared.map(baseline))
        } catch {
            refuse(error.problem)
        }
    }

    private static func run(_ options: BenchOptions, against baseline: Baseline?) {
        let suites = SuiteCatalog.all.filter { options.suites.isEmpty || options.suites.contains($0.name) }
        let stopwatch = Stopwatch(repetitions: options.repetitions, selection: options.selection)
        do {
            let measured = try suites.flatMap { try $0.run(stopwatch) }
                .filter { options.selection.includes($0.name) }
            // Only now is it known how fast products can be.
            let figures = measured.map { $0.settled(operationsPerSecond: ProductRate.best) }
            print(options.printsJSON ? Report.json(figures) : Report.text(figures))
            try options.saved.map {
                try Data(Report.json(figures).utf8).write(to: URL(fileURLWithPath: $0))
            }
            let invalid = figures.filter(\.isBelowFloor).map(\.name)
            for name in invalid { complain("\(name) is below its floor: refused, measure again") }
            guard let baseline else { exit(invalid.isEmpty ? 0 : 1) }
            let believed = figures.filter { !$0.isBelowFloor }
            let comparison = Comparison(
                believed, against: baseline, suites: suites.map(\.name), selection: options.selection)
            // Beside JSON the table is for people.
            let table = "\n\(RunLevel.current)\n\(comparison.text)"
            if options.printsJSON {
                FileHandle.standardError.write(Data("\(table)\n".utf8))
            } else {
                print(table)
            }
            for name in comparison.falls { complain("\(name) fell") }
            if !comparison.falls.isEmpty || !invalid.isEmpty { exit(1) }
        } catch {
            complain("\(error)")
            exit(1)
        }
    }

    /// The baseline to compare with. Ends the program where it cannot be read or is of another level.
    private static func baseline(_ path: String) -> Baseline {
        do {
            let baseline = try Baseline(path: path)
            guard baseline.level == .current else {
                refuse("--compare \(path): it is of \(baseline.level); this run is of \(RunLevel.current)")
            }
            return baseline
        } catch {
            refuse("--compare \(path): \(error)")
        }
    }

    /// Ends with the exit code of a usage error.
    private static func refuse(_ problem: String) -> Never {
        complain(problem)
        exit(2)
    }

    private static func complain(_ problem: String) {
        FileHandle.standardError.write(Data("sordino-bench: \(problem)\n".utf8))
    }
}
