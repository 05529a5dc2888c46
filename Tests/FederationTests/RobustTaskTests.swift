import Compute
import Configuration
import Encoding
import Learning
import Testing

@testable import Federation

/// Tasks that name a robust rule: what is refused, and what the plan makes of reports.
@Suite struct RobustTaskTests {
    private func plan(_ robust: String, privacy: String = "{mode: 'none'}", more: String = "") throws
        -> TaskPlan
    {
        let text = """
            { name: 't', model: { preset: 'logistic', classes: 3 }, training: { batch_size: 5 },
              rounds: 5, cohort_size: 20, privacy: \(privacy), robust: \(robust), \(more) }
            """
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [2]), population: 40)
    }

    static let central =
        "{mode: 'central', clipping_norm: 1, noise_multiplier: 1, adjacency: 'add-or-remove-one'}"
    static let local = "{mode: 'local', clipping_norm: 1, noise_multiplier: 1}"

    @Test(arguments: [
        ("{rule: 'medain'}", "{mode: 'none'}", "task.robust.rule"),
        ("{}", "{mode: 'none'}", "task.robust.rule"),
        ("{rule: 'krum'}", "{mode: 'none'}", "task.robust.hostile"),
        ("{rule: 'median', mixing: true}", "{mode: 'none'}", "task.robust.hostile"),
        ("{rule: 'centred-clipping'}", "{mode: 'none'}", "task.robust.radius"),
        ("{rule: 'norm-bound'}", "{mode: 'none'}", "task.robust.norm"),
        ("{rule: 'norm-bound', norm: 0}", "{mode: 'none'}", "task.robust.norm"),
        ("{rule: 'median', keep: 3}", "{mode: 'none'}", "task.robust.keep"),
        ("{rule: 'median', bucketing: 0}", "{mode: 'none'}", "task.robust.bucketing"),
        // Half of the cohort of 20 may have to do.
        ("{rule: 'trimmed-mean', hostile: 5}", "{mode: 'none'}", "task.robust.hostile"),
        ("{rule: 'krum', hostile: 4}", "{mode: 'none'}", "task.robust.hostile"),
        ("{rule: 'bulyan', hostile: 2}", "{mode: 'none'}", "task.robust.hostile"),
        ("{rule: 'median', hostile: 3, bucketing: 2}", "{mode: 'none'}", "task.robust.hostile"),
        ("{rule: 'multi-krum', hostile: 2, keep: 9}", "{mode: 'none'}", "task.robust.hostile"),
        ("{rule: 'norm-bound', norm: 1, hostile: 5, mixing: true}", "{mode: 'none'}", "task.robust.hostile"),
        ("{rule: 'median'}", central, "task.robust.rule"),
        ("{rule: 'norm-bound', norm: 1, bucketing: 2}", central, "task.robust.rule"),
        (
            "{rule: 'norm-bound', norm: 1}",
            "{mode: 'central', clipping_norm: 1, noise_multiplier: 1, adaptive_clipping: {}}",
            "task.robust.rule"
        ),
        (
            "{rule: 'median'}", "{mode: 'distributed', clipping_norm: 1, noise_multiplier: 1}",
            "task.robust.rule"
        ),
    ]) func refusals(_ robust: String, _ privacy: String, _ path: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try plan(robust, privacy: privacy) }
        #expect(error?.path == path, "\(String(describing: error))")
        #expect(error.map { !$0.problem.contains("\n") } == true)
    }

    /// A strategy whose clients send more than a change; one that only keeps something goes with a rule.
    @Test(arguments: [("scaffold", false), ("fednova", false), ("fedexp", false), ("feddyn", true)])
    func strategiesThatSendMore(name: String, isTaken: Bool) throws {
        let make = { try plan("{rule: 'median'}", more: "strategy: {name: '\(name)'}") }
        guard !isTaken else { return _ = try make() }
        let error = #expect(throws: ConfigurationError.self) { _ = try make() }
        #expect(error?.path == "task.robust")
    }

    /// What is refused for a few reports is taken for more.
    @Test(arguments: [
        ("{rule: 'trimmed-mean', hostile: 5}", 11), ("{rule: 'krum', hostile: 4}", 11),
        ("{rule: 'bulyan', hostile: 2}", 11), ("{rule: 'median', hostile: 3, bucketing: 2}", 13),
        ("{rule: 'multi-krum', hostile: 2, keep: 9}", 11),
        ("{rule: 'norm-bound', norm: 1, hostile: 5, mixing: true}", 11),
    ]) func breakDownPoints(_ robust: String, _ least: Int) throws {
        let plan = try plan(robust, more: "min_reports: \(least)")
        #expect(plan.robust?.fewestReports == least)
        #expect(throws: ConfigurationError.self) { try self.plan(robust, more: "min_reports: \(least - 1)") }
        let few = RobustFixture.reports(RobustFixture.rows(least - 1, plan.report.count, seed: 1))
        #expect(throws: RoundLoss.self) { try plan.robustSum(of: few, seed: 1, round: 1, threads: 1) }
    }

    @Test func everyClientWeighsTheSame() throws {
        #expect(try plan("{rule: 'median'}").weighsUniformly)
        let local = try plan("{rule: 'median'}", privacy: Self.local)
        #expect(local.divisor == .weights)
    }

    /// Integers that clients of a plan with noise send.
    private func integers(_ plan: TaskPlan, _ count: Int, norm: Double) -> [[Int32]] {
        var random = SeededGenerator(seed: 3, purpose: .test)
        return (0..<count).map { _ in
            let row = (0..<plan.report.count).map { _ in random.normal() }
            let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return row.map { Int32($0 / length * norm * plan.codec.scale) }
        }
    }

    private final class Words {
        let words: UnsafeMutableBufferPointer<Int32>

        init(_ values: [Int32]) {
            words = .allocate(capacity: values.count)
            _ = words.initialize(from: values)
        }

        deinit { words.deallocate() }
    }

    private func reports(_ rows: [[Int32]]) -> [IndividualReport] {
        rows.map {
            let words = Words($0)
            return IndividualReport(
                UnsafeRawBufferPointer(words.words), as: .integers(bits: 32), keptBy: words)
        }
    }

    /// Under central noise a report within the bound is added as it is, and what is longer is cut to it.
    @Test func boundedSums() throws {
        let plan = try plan("{rule: 'norm-bound', norm: 0.5}", privacy: Self.central)
        let short = integers(plan, 9, norm: 0.49)
        var plain = RingVector(zeros: plan.report.count, bits: plan.codec.bits)
        for row in short { row.withUnsafeBufferPointer { plain.add(integers: $0) } }
        let kept = try plan.robustSum(of: reports(short), seed: 1, round: 1, threads: 1)
        #expect(kept.vector == plain && kept.weight == 9)

        for norm in [0.5001, 0.9, 1] {
            let one = integers(plan, 1, norm: norm)
            let cut = try plan.robustSum(of: reports(one), seed: 1, round: 1, threads: 1).vector.centred()
            let length = cut.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            let bound = 0.5 * plan.codec.scale
            #expect(length <= bound && length > bound - Double(cut.count))
            #expect(length <= Double(plan.privacy?.squaredNormBound ?? 0).squareRoot())
        }
        // A round of nobody, as sampling may draw it, is the empty sum.
        let none = try plan.robustSum(of: [], seed: 1, round: 1, threads: 1)
        #expect(none.weight == 0 && none.vector == RingVector(zeros: plan.report.count, bits: 32))
    }

    /// Under local noise the median of the noisy integers is decoded on their grid.
    @Test func localMedians() throws {
        let plan = try plan("{rule: 'median'}", privacy: Self.local)
        let rows = integers(plan, 11, norm: 0.8)
        let sum = try plan.robustSum(of: reports(rows), seed: 1, round: 1, threads: 1)
        #expect(sum.weight == 1)
        for (place, value) in sum.vector.centred().enumerated() {
            let expected = Double(rows.map { $0[place] }.sorted()[5])
            let rounding: Double = 0x1p-23 * abs(expected) + 1
            #expect(abs(Double(value) - expected) <= rounding)
        }
    }
}
