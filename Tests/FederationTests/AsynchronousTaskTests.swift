import Compute
import Configuration
import Encoding
import Foundation
import Learning
import Privacy
import Testing

@testable import Federation

/// Tasks without rounds: what is refused, what a full buffer becomes, and what it costs.
@Suite struct AsynchronousTaskTests {
    private func plan(
        _ asynchronous: String = "{buffer: 10, concurrency: 20}", privacy: String = "{mode: 'none'}",
        more: String = "", rounds: Int = 5
    ) throws -> TaskPlan {
        let text = """
            { name: 't', model: { preset: 'logistic', classes: 3 }, training: { batch_size: 5 },
              rounds: \(rounds), privacy: \(privacy), asynchronous: \(asynchronous), \(more) }
            """
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [2]), population: 40)
    }

    private static let bounded = "{buffer: 10, concurrency: 20, max_participations: 4}"
    private static let central = "{mode: 'central', clipping_norm: 1, noise_multiplier: 1}"
    private static let local = "{mode: 'local', clipping_norm: 1, noise_multiplier: 1}"

    @Test(arguments: [
        ("{concurrency: 20}", "{mode: 'none'}", "", "asynchronous.buffer"),
        ("{buffer: 10}", "{mode: 'none'}", "", "asynchronous.concurrency"),
        ("{buffer: 0, concurrency: 20}", "{mode: 'none'}", "", "asynchronous.buffer"),
        ("{buffer: 41, concurrency: 40}", "{mode: 'none'}", "", "asynchronous.buffer"),
        ("{buffer: 10, concurrency: 41}", "{mode: 'none'}", "", "asynchronous.concurrency"),
        ("{buffer: 10, concurrency: 20, bufer: 1}", "{mode: 'none'}", "", "asynchronous.bufer"),
        (
            "{buffer: 1, concurrency: 1, staleness: {rule: 'polinomial'}}", "{mode: 'none'}", "",
            "asynchronous.staleness.rule"
        ),
        (
            "{buffer: 1, concurrency: 1, staleness: {rule: 'constant', exponent: 1}}", "{mode: 'none'}", "",
            "asynchronous.staleness.exponent"
        ),
        (
            "{buffer: 1, concurrency: 1, staleness: {exponent: -1}}", "{mode: 'none'}", "",
            "asynchronous.staleness.exponent"
        ),
        (bounded, "{mode: 'none'}", "cohort_size: 10", "cohort_size"),
        (bounded, "{mode: 'none'}", "over_selection: 1.5", "over_selection"),
        (bounded, "{mode: 'none'}", "min_reports: 5", "min_reports"),
        (bounded, "{mode: 'none'}", "robust: {rule: 'median'}", "robust"),
        (bounded, "{mode: 'none'}", "compression: {name: 'quantize'}", "compression"),
        (bounded, "{mode: 'none'}", "strategy: {name: 'scaffold'}", "strategy.name"),
        (bounded, "{mode: 'none'}", "strategy: {name: 'fednova'}", "strategy.name"),
        (bounded, "{mode: 'none'}", "strategy: {name: 'feddyn'}", "strategy.name"),
        (bounded, "{mode: 'none'}", "strategy: {name: 'ditto'}", "strategy.name"),
        (bounded, central, "evaluation: {holdout: 'federated'}", "evaluation.holdout"),
        (
            bounded, "{mode: 'distributed', clipping_norm: 1, noise_multiplier: 1}", "", "privacy.mode"
        ),
        ("{buffer: 10, concurrency: 20}", central, "", "asynchronous.max_participations"),
        (
            "{buffer: 10, concurrency: 20, max_participations: 1}", central, "",
            "asynchronous.max_participations"
        ),
        (
            bounded, "{mode: 'central', noise_multiplier: 1, sampling: 'poisson'}", "", "privacy.sampling"
        ),
        (bounded, "{mode: 'central', noise_multiplier: 1, mechanism: 'tree'}", "", "privacy.mechanism"),
        (
            bounded, "{mode: 'central', noise_multiplier: 1, adjacency: 'add-or-remove-one'}", "",
            "privacy.adjacency"
        ),
        (
            bounded, "{mode: 'local', noise_multiplier: 1, adjacency: 'replace-one'}", "",
            "privacy.adjacency"
        ),
        (
            bounded, "{mode: 'central', noise_multiplier: 1, adaptive_clipping: {}}", "",
            "privacy.adaptive_clipping"
        ),
    ]) func refusals(_ section: String, _ privacy: String, _ more: String, _ path: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try plan(section, privacy: privacy, more: more)
        }
        #expect(error?.path == "task.\(path)", "\(String(describing: error))")
        #expect(error.map { !$0.problem.contains("\n") } == true)
    }

    @Test func whatIsWrittenReadsBack() throws {
        for section in [
            Self.bounded, "{buffer: 1, concurrency: 2, staleness: {rule: 'constant'}}",
            "{buffer: 3, concurrency: 2, staleness: {exponent: 0}, max_staleness: 0}",
        ] {
            let read = try #require(plan(section).configuration.asynchronous)
            let again = try AsynchronousAggregation(Section(read.json, path: "task.asynchronous"))
            #expect(again == read)
        }
    }

    /// A step waits for its buffer, and what divides a private sum is the buffer.
    @Test func aBufferIsWhatACohortWas() throws {
        let plan = try plan(Self.bounded, privacy: Self.central)
        #expect(plan.divisor == .expectedCohort(10) && plan.rules.minimumReports == 10)
        #expect(BufferedEngine.Rules(plan)?.buffer == 10 && BufferedEngine.Rules(plan)?.concurrency == 20)
        #expect(try self.plan().divisor == .weights)
    }

    /// s(τ) is 1 where nothing is stale, falls, and is never above 1.
    @Test(arguments: [0, 0.5, 1, 3.7]) func worthFalls(exponent: Double) {
        let rule = AsynchronousAggregation.StalenessRule.polynomial(exponent: exponent)
        #expect(rule.weight(staleness: 0) == 1)
        #expect(abs(rule.weight(staleness: 3) * pow(4, exponent) - 1) < 1e-12)
        for staleness in 0..<60 {
            let (one, next) = (rule.weight(staleness: staleness), rule.weight(staleness: staleness + 1))
            #expect(next <= one && next > 0 && (exponent == 0 || next < one))
        }
        #expect(AsynchronousAggregation.StalenessRule.constant.weight(staleness: 40) == 1)
    }

    // MARK: The sum

    private func summed(_ plan: TaskPlan, _ reports: [BufferedReport]) -> (vector: RingVector, weight: Int) {
        BufferedReport.sum(of: reports, under: plan)
    }

    private func reports(
        _ rows: [[Float]], staleness: [Int], weights: [Int]
    ) -> [BufferedReport] {
        zip(zip(RobustFixture.reports(rows), staleness), weights).map {
            BufferedReport($0.0, weight: $1, staleness: $0.1)
        }
    }

    /// Fresh updates make the bits of a round's sum; stale ones count for less, and divide as if they did not.
    @Test func freshUpdatesAreARoundsSum() throws {
        let plan = try plan()
        let rows = RobustFixture.rows(10, plan.report.count, seed: 2)
        let weights = Array(3..<13)
        let fresh = summed(
            plan, reports(rows, staleness: .init(repeating: 0, count: 10), weights: weights))
        var sum = Aggregation(count: plan.report.count, bits: plan.codec.bits)
        for (row, weight) in zip(rows, weights) {
            row.withUnsafeBufferPointer {
                sum.add(rounding: $0, factor: plan.codec.scale * Double(weight), weight: weight)
            }
        }
        #expect(fresh.vector == sum.sum && fresh.weight == sum.weight)
        // Three models behind, an update is worth a half: 1 / √4.
        let stale = summed(
            plan, reports(rows, staleness: .init(repeating: 3, count: 10), weights: weights))
        #expect(stale.weight == fresh.weight)
        for (half, whole) in zip(stale.vector.centred(), fresh.vector.centred()) {
            #expect(abs(2 * half - whole) <= 20)
        }
        let turned = summed(
            plan, reports(rows, staleness: Array(0..<10), weights: weights).reversed())
        let straight = summed(plan, reports(rows, staleness: Array(0..<10), weights: weights))
        #expect(turned.vector == straight.vector)
    }

    /// No worth makes a clipped update longer than its bound, whatever rounding does: the sum keeps its sensitivity.
    @Test(arguments: [0, 1, 2, 7, 50]) func stalenessNeverMakesLonger(staleness: Int) throws {
        let plan = try plan(Self.bounded, privacy: Self.central)
        var random = SeededGenerator(seed: UInt64(staleness), purpose: .test)
        for _ in 0..<20 {
            let words = (0..<plan.report.count).map { _ in
                Int32(truncatingIfNeeded: Int64(random.normal() * 1e6))
            }
            let memory = Kept(words)
            let report = IndividualReport(memory.bytes, as: .integers(bits: 32), keptBy: memory)
            let sum = summed(plan, [BufferedReport(report, weight: 1, staleness: staleness)])
            let worth = 1 / (1 + Double(staleness)).squareRoot()
            for (scaled, word) in zip(sum.vector.centred(), words) {
                #expect(scaled.magnitude <= word.magnitude)
                #expect(abs(Double(scaled) - worth * Double(word)) < 1.0001)
                #expect(staleness > 0 || scaled == Int64(word))
            }
        }
    }

    private final class Kept {
        let bytes: UnsafeRawBufferPointer

        init(_ words: [Int32]) {
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 * words.count, alignment: 4)
            words.withUnsafeBytes { copy.copyMemory(from: $0) }
            bytes = UnsafeRawBufferPointer(copy)
        }

        deinit { bytes.deallocate() }
    }

    // MARK: What it costs

    private func epsilon(_ steps: Int, multiplier: Double = 1) throws -> Double {
        let event = PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: multiplier), adjacency: .zeroOut, steps: steps)
        return try PrivacyGuarantee.of([event], delta: 1e-5, accountant: .best).epsilon
    }

    /// After t steps a client was in at most min(t, k): that many releases are charged, and no more.
    @Test func noMoreThanTheParticipationsAreCharged() throws {
        let plan = try plan(Self.bounded, privacy: Self.central, rounds: 16)
        let privacy = try #require(plan.privacy)
        for charge in 1...16 {
            let costs = plan.costs(charge: charge)
            #expect(costs.released.count == (charge <= 4 ? 1 : 0) && costs.members == costs.released)
            #expect(costs.server == [PrivacyPlan.unprotected(.zeroOut)], "the server sees all")
            let spent = try privacy.spent(rounds: charge).epsilon
            let alone = try epsilon(min(charge, 4))
            #expect(abs(spent - alone) < 1e-9)
            let (quick, quickest) = try (
                privacy.epsilonQuickly(rounds: charge), privacy.epsilonQuickly(rounds: min(charge, 4))
            )
            #expect(quick >= spent - 1e-9 && quick == quickest)
            #expect(try Spending(plan).epsilon(rounds: charge) >= spent - 1e-9)
        }
        // What the ledger composes is what is stated.
        let events = PrivacyEvent.composed((1...16).flatMap { plan.costs(charge: $0).released })
        let (composed, alone) = try (Spending(plan).epsilon(of: events), epsilon(4))
        #expect(abs(composed - alone) < 1e-9)
    }

    /// The noise is found for the participations, not for the steps, and a budget stops where they cost too much.
    @Test func calibrationCountsParticipations() throws {
        let privacy = "{mode: 'central', calibrate: true, target_epsilon: 2}"
        let few = try #require(plan(Self.bounded, privacy: privacy, rounds: 4).privacy)
        let many = try #require(plan(Self.bounded, privacy: privacy, rounds: 16).privacy)
        #expect(few.noiseMultiplier == many.noiseMultiplier && many.affordableRounds == 16)
        #expect(try many.spent(rounds: 16).epsilon <= 2)
        let poor = "{mode: 'central', noise_multiplier: 1, target_epsilon: \(try epsilon(3) * 1.001)}"
        #expect(try plan(Self.bounded, privacy: poor, rounds: 16).privacy?.affordableRounds == 3)
    }

    @Test func localNoiseIsChargedOncePerParticipation() throws {
        let plan = try plan(Self.bounded, privacy: Self.local, rounds: 16)
        for charge in 1...16 {
            #expect(plan.costs(charge: charge).server.count == (charge <= 4 ? 1 : 0))
        }
        let open = try self.plan(privacy: Self.local, rounds: 16)
        #expect((1...16).allSatisfy { open.costs(charge: $0).server.count == 1 })
        #expect(open.configuration.privacy.adjacency == .zeroOut)
    }
}
