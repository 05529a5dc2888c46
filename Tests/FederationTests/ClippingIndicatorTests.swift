import Compute
import Configuration
import Encoding
import Foundation
import Learning
import Privacy
import Testing

@testable import Federation

/// Where clients add the noise, the clipping indicator is a coordinate of their vectors.
@Suite struct ClippingIndicatorTests {
    private struct NoNoise: NoiseSource {
        mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws {
            for index in bytes.indices { bytes[index] = 0 }
        }
    }

    private static func plan(
        multiplier: Double = 1, cohort: Int = 20, evaluation: String = "", keys: String = ""
    ) throws -> TaskPlan {
        let text = """
            { model: { layers: [{ dense: 7 }] }, training: { learning_rate: 0.1 }, rounds: 1, cohort_size: \(cohort),
              privacy: { mode: 'distributed', clipping_norm: 0.7, noise_multiplier: \(multiplier),
                         adaptive_clipping: { learning_rate: 0.3, target_quantile: 0.25 } \(keys) },
              evaluation: { \(evaluation) } }
            """
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [9]), population: cohort)
    }

    /// A client's vector without its noise.
    private static func encode(
        _ plan: TaskPlan, _ delta: [Float], clippingNorm: Double, rotation: RandomRotation, seed: UInt64,
        into integers: UnsafeMutableBufferPointer<Int32>
    ) throws -> UpdateInWork {
        let privacy = try #require(plan.privacy)
        let stages: [any UpdateStage] = [
            ClippingStage(privacy, of: plan), RotationStage(coordinates: plan.report.vector.count),
            RoundingStage(privacy, coordinates: plan.report.vector.count),
        ]
        let terms = EncodingTerms(
            examples: 1, clippingNorm: clippingNorm, rotation: rotation, share: nil,
            metrics: plan.metrics == nil ? nil : ClientMetrics(loss: 9, accuracy: 1, examples: 1_000_000))
        var rounding = SeededGenerator(seed: seed, purpose: .stochasticRounding)
        var noise = NoNoise()
        return try delta.withUnsafeBufferPointer { values in
            var update = UpdateInWork(
                values: values, norm: try StageBuffer.norm(values), encoded: integers)
            for stage in stages { try stage.apply(to: &update, terms, rounding: &rounding, noise: &noise) }
            return update
        }
    }

    private static func rotation(_ plan: TaskPlan) -> RandomRotation {
        let count = plan.report.vector.count
        let words = RandomRotation.signWordCount(count: count)
        return RandomRotation(count: count, signs: (0..<words).map { 0x9e37_79b9 &* UInt32($0 + 1) })
    }

    @Test("the vector keeps its norm, whatever the update", arguments: ["", "holdout: 'federated'"])
    func norm(evaluation: String) throws {
        let plan = try Self.plan(evaluation: evaluation)
        let privacy = try #require(plan.privacy)
        #expect(privacy.indicatorShare == 0.5)
        #expect(plan.report.vector.count == plan.report.count)
        #expect(plan.report.count == plan.dimension + 1 + plan.report[.metrics].count)
        #expect(privacy.rounding.dimension == plan.report.count)
        let integers = UnsafeMutableBufferPointer<Int32>.allocate(capacity: plan.report.count)
        integers.initialize(repeating: 0)
        defer { integers.deallocate() }
        var random = SeededGenerator(seed: 1, purpose: .test)
        for scale in [0, 1e-30, 1e-3, 1, 1e6, 1e18] as [Float] {
            for norm in [0.7, 1e-3, 40] {
                let delta = (0..<plan.dimension).map { _ in (random.uniform() - 0.5) * scale }
                let update = try Self.encode(
                    plan, delta, clippingNorm: norm, rotation: Self.rotation(plan), seed: 2, into: integers)
                let squared = integers.reduce(UInt64(0)) { $0 + UInt64(Int64($1) * Int64($1)) }
                #expect(squared <= privacy.squaredNormBound)
                // Not by far: the sensitivity is used.
                #expect(scale < 1 || norm > 1 || Double(squared) > 0.8 * Double(privacy.squaredNormBound))
                #expect(update.wasClipped == (update.norm > norm * plan.updateShare))
            }
        }
    }

    @Test("the clipping norm moves as the share of unclipped updates says", arguments: [0, 6, 20])
    func adapts(unclipped: Int) throws {
        let plan = try Self.plan()
        let start = 0.7
        var server = try ServerUpdate(clippingNorm: start, plan: plan)
        var sum = RingVector(zeros: plan.report.count, bits: plan.codec.bits)
        let rotation = Self.rotation(plan)
        let integers = UnsafeMutableBufferPointer<Int32>.allocate(capacity: plan.report.count)
        integers.initialize(repeating: 0)
        defer { integers.deallocate() }
        var random = SeededGenerator(seed: 3, purpose: .test)
        for client in 0..<20 {
            let size: Float = client < unclipped ? 1e-3 : 1
            let delta = (0..<plan.dimension).map { _ in (random.uniform() - 0.5) * size }
            _ = try Self.encode(
                plan, delta, clippingNorm: start, rotation: rotation, seed: UInt64(client), into: integers)
            sum.add(integers: UnsafeBufferPointer(integers))
        }
        _ = server.advance(noisySum: sum, weight: 20, rotation: rotation) { [] }
        let moved = 0.7 * exp(-0.3 * (Double(unclipped) / 20 - 0.25))
        #expect(abs(server.clippingNorm - moved) < 1e-2 * moved)
    }

    @Test("the event is that of the same noise without it but for one more coordinate")
    func event() throws {
        let adaptive = try #require(try Self.plan().privacy)
        guard case .skellam(let variance, let sensitivity) = adaptive.serverEvent?.mechanism else {
            Issue.record("shares are Skellam by default")
            return
        }
        #expect(abs(variance.squareRoot() / sensitivity.l2 - 1) < 1e-9)
        #expect(sensitivity.dimension == adaptive.rounding.dimension)
    }

    @Test("what leaves no room for the update is refused where it is set")
    func refusals() throws {
        // A tenth of the cohort is the most noise that a count bears.
        #expect(throws: ConfigurationError.self) { try Self.plan(multiplier: 2) }
        #expect(throws: ConfigurationError.self) { try Self.plan(multiplier: 5) }
        let crowded = #expect(throws: ConfigurationError.self) {
            try Self.plan(multiplier: 1.9, evaluation: "holdout: 'federated', metrics_share: 0.5")
        }
        #expect(crowded?.path == "task.evaluation.metrics_share")
        #expect(throws: ConfigurationError.self) { try Self.plan(keys: ", per_layer_clipping: true") }
    }
}
