import Compute
import Configuration
import Encoding
import Learning
import SecureAggregation
import Testing

@testable import Federation

/// `task.secure_aggregation.scheme`: what it makes of a plan, and where it is refused.
@Suite struct LatticeSchemeTests {
    private func plan(
        scheme: String, cohort: Int = 40, minimum: Int = 30, mode: String = "distributed", more: String = ""
    ) throws -> TaskPlan {
        let noise = mode == "none" ? "" : ", clipping_norm: 1, noise_multiplier: 1"
        let text = """
            {name: 'test', model: {layers: [{dense: 30}]}, training: {loss: 'mse'}, rounds: 5, cohort_size: \(cohort),
             min_reports: \(minimum), evaluation: {holdout: 'none'}, privacy: {mode: '\(mode)'\(noise)},
             secure_aggregation: {scheme: '\(scheme)', estimated_dropout_rate: 0.2 \(more)}}
            """
        let task = try TaskConfiguration(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [200]), population: 2 * cohort)
    }

    /// Nothing of the plan but what travels depends on the scheme, and members of the two cannot share a round.
    @Test func onlyWhatTravelsDiffers() throws {
        let (masks, lattice) = (try plan(scheme: "masks"), try plan(scheme: "lattice"))
        #expect(masks.codec == lattice.codec && masks.privacy?.roundEvent == lattice.privacy?.roundEvent)
        #expect(masks.privacy?.serverEvent == lattice.privacy?.serverEvent && masks.report == lattice.report)
        let digest = [UInt8](repeating: 1, count: 32)
        let bindings = try [masks, lattice].map { try $0.binding(run: "r", round: 1, modelDigest: digest) }
        #expect(bindings[0].scheme == .masks && bindings[1].scheme != .masks)
        #expect(bindings[0].digest != bindings[1].digest && bindings[1].maskedCount == 2048)
        // A key of 2048 coefficients beside the vector, which is less than twice as long.
        let vector = RingVector.packedByteCount(count: masks.report.count, bits: masks.codec.bits)
        #expect(masks.reportBytes == vector)
        #expect(lattice.reportBytes > vector && lattice.reportBytes < 2 * vector + 2048 * 4)
        #expect(try lattice.description()["secagg_scheme"] == .string("lattice"))
    }

    @Test(arguments: [
        ("lattice", 40, 30, "local", "", "distributed"), ("lattice", 40, 30, "none", "", "distributed"),
        ("lattice", 40, 5, "distributed", "", "two honest ones"),
        ("lattice", 40, 30, "distributed", ", bits: 32", "41"),
        ("lattices", 40, 30, "distributed", "", "lattice"),
    ])
    func whatCannotBeIsRefused(
        scheme: String, cohort: Int, minimum: Int, mode: String, more: String, expected: String
    ) throws {
        do {
            _ = try plan(scheme: scheme, cohort: cohort, minimum: minimum, mode: mode, more: more)
            Issue.record("it is not refused")
        } catch let error as ConfigurationError {
            #expect(error.path == "task.secure_aggregation.scheme")
            #expect(error.problem.contains(expected), "\(error.problem)")
        }
    }
}
