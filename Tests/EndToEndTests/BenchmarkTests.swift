import Foundation
import TestSupport
import Testing

/// `sordino-bench --compare`: what it prints and how it ends.
@Suite(.tags(.endToEnd)) struct BenchmarkTests {
    private func bench(_ arguments: String...) throws -> CommandResult {
        try RunningCommand(Sordino.binary + "-bench", arguments, patienceSeconds: 240).wait()
    }

    /// A saved run with every time of its figures multiplied; floors go away, so that times are compared.
    private func stored(_ run: JSON, in workspace: Workspace, times factor: Double, level: String? = nil)
        throws
        -> String
    {
        let figures = try #require(run["figures"]?.items).map { figure in
            let seconds = factor * (figure["seconds"]?.number ?? 0)
            return "{\"name\": \"\(figure["name"]?.string ?? "")\", \"seconds\": \(seconds), \"noise\": 0}"
        }
        let processor = level ?? run["processor_level"]?.string ?? ""
        let kernel = run["openblas_kernel"]?.string ?? ""
        return try workspace.write(
            "baseline.json",
            """
            {"openblas_kernel": "\(kernel)", "processor_level": "\(processor)",
             "figures": [\(figures.joined(separator: ", ")), {"name": "server/gone", "seconds": 1}]}
            """)
    }

    @Test func aBaselineOfThisLevelIsATableAndAFallIsOne() throws {
        let workspace = try Workspace()
        let saved = workspace.file("saved.json")
        let first = try bench("server", "--repetitions", "1", "--save", saved, "--format", "json")
        #expect(first.status == 0, "\(first.errors)")
        let run = try first.json
        // A thousand times as slow before, and a thousand times as fast: no noise explains that.
        let slow = try bench(
            "server", "--repetitions", "1", "--compare", stored(run, in: workspace, times: 1000))
        #expect(slow.status == 0, "\(slow.errors)")
        let table = slow.output.split(separator: "\n").drop { !$0.hasPrefix("figure") }
        #expect(table.count == 2 + (run["figures"]?.items?.count ?? 0))
        #expect(table.dropFirst().dropLast().allSatisfy { $0.contains("better") }, "\(slow.output)")
        #expect(table.last?.contains("server/gone") == true && table.last?.contains("gone") == true)
        let fast = try bench(
            "server", "--repetitions", "1", "--compare", stored(run, in: workspace, times: 0.001))
        #expect(fast.status == 1 && fast.output.contains("FELL") && fast.errors.contains("fell"))
    }

    /// A floor is what nothing can be below, whoever wrote the file.
    @Test func aBaselineBelowItsFloorIsRefused() throws {
        let workspace = try Workspace()
        func file(_ yardstick: String) throws -> String {
            try workspace.write(
                "below.json",
                """
                {"openblas_kernel": "Haswell-2", "processor_level": "AVX2", "figures": [
                  {"name": "kernels/a", "seconds": 1, "noise": 0, "ratio": 0.5, "\(yardstick)": "what it is"}]}
                """)
        }
        let below = try bench("--compare", file("floor"))
        #expect(below.status == 2 && below.errors.contains("figures[0]") && below.errors.contains("below 1"))
        // Half of what is only a reference is no mistake: this one is refused for its level.
        let half = try bench("--compare", file("reference"))
        #expect(half.status == 2 && half.errors.contains("this run is of"), "\(half.errors)")
    }

    /// No product can be below its floor, since the floor is the fastest of them.
    @Test func everyProductIsAtOrAboveItsFloor() throws {
        let run = try bench("kernels", "--repetitions", "1", "--format", "json")
        #expect(run.status == 0, "\(run.errors)")
        let floors = try #require(try run.json["figures"]?.items).filter { $0["floor"] != nil }
        #expect(floors.count == 18)
        for figure in floors { #expect(try #require(figure["ratio"]?.number) > 0.999) }
    }

    /// Multiplications of a batch of ten by hand. A dense layer's forward pass and its two backward passes take those
    /// with its weights three times, the first convolution twice, and attention under a causal mask sees half of all pairs
    /// of positions.
    private static let multiplications: [(step: String, count: Int)] = {
        let convolutions: Int = 2 * 784 * 25 * 32 + 3 * 196 * 25 * 32 * 64
        let dense: Int = 3136 * 512 + 512 * 10
        let recurrence: Int = 4 * 256 * (8 + 256 + 256 + 256)
        let block: Int = 12 * 128 * 128
        let pairs: Int = 128 * 129 / 2
        let projections: Int = 128 * (4 * block + 80 * 128)
        return [
            ("cnn-batch-10", 10 * (convolutions + 3 * dense)),
            ("char-lstm-batch-10", 10 * 80 * 3 * (recurrence + 256 * 80)),
            ("char-gpt-batch-10", 10 * 3 * (projections + 4 * 2 * pairs * 128)),
        ]
    }()

    @Test(arguments: multiplications)
    func operationsOfAStepAreThoseOfItsProducts(step: String, multiplications: Int) throws {
        let run = try bench(
            "training", "--only", "training/\(step)", "--repetitions", "1", "--format", "json")
        let figures = try #require(try run.json["figures"]?.items)
        // The plain step and the one with clipping, and no other.
        #expect(figures.count == 2 && figures.allSatisfy { $0["name"]?.string?.contains(step) == true })
        let gigaflop = try #require(figures.first?["gflop"]?.number)
        #expect(abs(gigaflop / (2e-9 * Double(multiplications)) - 1) < 1e-9, "\(gigaflop)")
    }

    @Test(arguments: [
        (["--only"], "--only needs"), (["steps"], "unknown suite"), (["--repetitions", "0"], "at least 1"),
    ])
    func badUsageIsOneLine(arguments: [String], expected: String) throws {
        let refused = try RunningCommand(Sordino.binary + "-bench", arguments, patienceSeconds: 60).wait()
        #expect(refused.status == 2 && refused.output.isEmpty)
        #expect(refused.errors.contains(expected) && refused.errors.split(separator: "\n").count == 1)
    }

    /// The files need not even have a figure: they are refused before anything is measured.
    @Test(arguments: [("AVX-1024", "Haswell"), ("AVX2", "Haswell-2")])
    func aBaselineOfAnotherLevelIsRefused(processor: String, kernel: String) throws {
        let workspace = try Workspace()
        let file = try workspace.write(
            "other.json",
            "{\"openblas_kernel\": \"\(kernel)\", \"processor_level\": \"\(processor)\", \"figures\": []}")
        let refused = try bench("--compare", file)
        #expect(refused.status == 2 && refused.output.isEmpty)
        #expect(refused.errors.contains("this run is of"), "\(refused.errors)")
    }
}
