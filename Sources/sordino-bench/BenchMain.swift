import Compute
import Foundation

/// Measures, each figure beside its floor. Exit codes: 1 a measurement failed, a figure fell or lies below its floor; 2
/// wrong usage, a baseline of another level included.
@main
struct BenchMain {
    private static let usage = """
        usage: sordino-bench [SUITE ...] [--format text|json] [--repetitions N] [--save FILE] [--compare FILE]
        suites: \(SuiteCatalog.all.map(\.name).joined(separator: ", ")); all when none is named
        --save writes the figures as JSON; --compare prints them beside those of FILE and exits with 1 when one
        fell behind by more than its noise. FILE must be of this level, our kernels' and OpenBLAS's both: exit
        code 2. SORDINO_CPU_LEVEL=v3 measures the level AVX2 on a processor that has more. A figure below its
        floor is refused: marked, not saved, exit code 1
        """

    static func main() {
        // Before anything else: this may start the program again.
        OpenBLASKernel.selectBest()
        var arguments = CommandLine.arguments.dropFirst()
        if arguments.first == ChildProcess.flag { ChildCatalog.run(Array(arguments.dropFirst())) }
        var names: [String] = []
        var printsJSON = false
        var repetitions = 7
        var (saved, compared): (String?, Baseline?)
        while let argument = arguments.popFirst() {
            switch argument {
            case "--help":
                print(usage)
                return
            case "--format":
                guard let format = arguments.popFirst(), ["text", "json"].contains(format) else {
                    refuse("--format must be text or json")
                }
                printsJSON = format == "json"
            case "--repetitions":
                guard let count = arguments.popFirst().flatMap({ Int($0) }), count >= 1 else {
                    refuse("--repetitions must be a whole number of at least 1")
                }
                repetitions = count
            case "--save":
                guard let path = arguments.popFirst() else { refuse("--save needs a file") }
                saved = path
            case "--compare":
                guard let path = arguments.popFirst() else { refuse("--compare needs a file") }
                compared = baseline(path)
            default:
                guard SuiteCatalog.all.contains(where: { $0.name == argument }) else {
                    let known = SuiteCatalog.all.map(\.name).joined(separator: ", ")
                    refuse("unknown suite \"\(argument)\" (known: \(known))")
                }
                names.append(argument)
            }
        }
        let suites = SuiteCatalog.all.filter { names.isEmpty || names.contains($0.name) }
        do {
            let measured = try suites.flatMap { try $0.run(Stopwatch(repetitions: repetitions)) }
            // Only now is it known how fast products can be.
            let figures = measured.map { $0.settled(operationsPerSecond: ProductRate.best) }
            print(printsJSON ? Report.json(figures) : Report.text(figures))
            try saved.map { try Data(Report.json(figures).utf8).write(to: URL(fileURLWithPath: $0)) }
            let invalid = figures.filter(\.isBelowFloor).map(\.name)
            for name in invalid {
                FileHandle.standardError.write(
                    Data("sordino-bench: \(name) is below its floor: refused, measure again\n".utf8))
            }
            guard let compared else { exit(invalid.isEmpty ? 0 : 1) }
            let believed = figures.filter { !$0.isBelowFloor }
            let comparison = Comparison(believed, against: compared, suites: suites.map(\.name))
            // Beside JSON the table is for people.
            let table = "\n\(RunLevel.current)\n\(comparison.text)"
            if printsJSON {
                FileHandle.standardError.write(Data("\(table)\n".utf8))
            } else {
                print(table)
            }
            for name in comparison.falls {
                FileHandle.standardError.write(Data("sordino-bench: \(name) fell\n".utf8))
            }
            if !comparison.falls.isEmpty || !invalid.isEmpty { exit(1) }
        } catch {
            FileHandle.standardError.write(Data("sordino-bench: \(error)\n".utf8))
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
        FileHandle.standardError.write(Data("sordino-bench: \(problem)\n".utf8))
        exit(2)
    }
}
