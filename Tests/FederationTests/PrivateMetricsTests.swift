import Compute
import Configuration
import Encoding
import Federation
import Learning
import Privacy
import SecureAggregation
import Testing

/// No metrics and no update, however absurd, lengthen the vector beyond what the mechanism is accounted for.
@Suite struct PrivateMetricsTests {
    private struct NoNoise: NoiseSource {
        mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws {
            for index in bytes.indices { bytes[index] = 0 }
        }
    }

    private static let absurd: [ClientMetrics] = [
        ClientMetrics(loss: 1, accuracy: 0.5, examples: 10),
        ClientMetrics(loss: .nan, accuracy: .nan, examples: 0),
        ClientMetrics(loss: .infinity, accuracy: 1e300, examples: .max),
        ClientMetrics(loss: -.infinity, accuracy: -1e300, examples: .min),
        ClientMetrics(loss: 0, accuracy: nil, examples: 1),
    ]

    @Test(arguments: [0.1, 0.9], ["central", "central_adaptive"])
    func theWholeVectorKeepsItsNorm(share: Double, kind: String) throws {
        let adaptive = kind == "central" ? "" : ", adaptive_clipping: {}"
        let text = """
            { model: { layers: [{ dense: 7 }] }, training: { learning_rate: 0.1 }, rounds: 1, cohort_size: 20,
              privacy: { mode: 'central', clipping_norm: 0.7, noise_multiplier: 1 \(adaptive) },
              evaluation: { holdout: 'federated', metrics_share: \(share) } }
            """
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        let plan = try TaskPlan(task, model: Model(task.model, inputShape: [9]), population: 20)
        let privacy = try #require(plan.privacy)
        let pipeline = UpdatePipeline(plan: plan)
        var random = SeededGenerator(seed: 1, purpose: .test)
        #expect(plan.report.vector.count == plan.dimension + 3)
        for metrics in Self.absurd {
            for scale in [0, 1e-30, 1e-3, 1, 1e6, 1e18] as [Float] {
                let delta = (0..<plan.dimension).map { _ in (random.uniform() - 0.5) * scale }
                var rounding = SeededGenerator(seed: 2, purpose: .stochasticRounding)
                var noise = NoNoise()
                _ = try delta.withUnsafeBufferPointer {
                    try pipeline.encode(
                        $0, examples: 3, clippingNorm: 0.7, metrics: metrics, rounding: &rounding,
                        noise: &noise)
                }
                let integers = pipeline.report(bits: plan.codec.bits).centred().prefix(
                    plan.report.vector.count)
                let squared = integers.reduce(UInt64(0)) { $0 + UInt64($1 * $1) }
                #expect(squared <= privacy.squaredNormBound)
            }
        }
    }
}
