import Compute
internal import Custody
import Encoding
import Federation
import Foundation
import SecureAggregation
import Simulation

/// What a round costs the engine for each report: encode the update, add it to the sum.
enum RoundSuite {
    /// One report of 55,050 parameters without privacy, with central and with distributed noise. Floor: reading
    /// the update and reading and writing the sum, at the memory's rate.
    static func run(_ stopwatch: Stopwatch) throws -> [Figure] {
        try [PrivacyMode.none, .central, .distributed].map { try report($0, stopwatch) }
    }

    private static func report(_ mode: PrivacyMode, _ stopwatch: Stopwatch) throws -> Figure {
        let plan = try BenchTask.perceptron(mode: mode)
        let pipeline = UpdatePipeline(plan: plan, onlyAdds: true)
        var aggregation = Aggregation(count: plan.report.count, bits: plan.codec.bits)
        var rounding = SeededGenerator(seed: 1, purpose: .stochasticRounding)
        var noise = try SecureNoise()
        let rotation =
            try plan.privacy?.rotates == true
            ? RandomRotation(count: plan.dimension, seed: [1]) : nil
        let update = BenchTask.update(count: plan.dimension)
        let wordBytes = plan.codec.bits == 64 ? 8 : 4
        let bytes = plan.dimension * (4 + 2 * wordBytes)
        let memory = Machine.memoryRate(byteCount: bytes, stopwatch)
        let (seconds, spread) = try stopwatch.time {
            try update.withUnsafeBufferPointer { update in
                _ = try pipeline.encode(
                    update, examples: 60, clippingNorm: plan.configuration.privacy.clippingNorm,
                    rotation: rotation, rounding: &rounding, noise: &noise)
                try pipeline.add(update, to: &aggregation)
            }
        }
        return Figure(
            name: "round/report-55050-\(mode.rawValue)", seconds: seconds, noise: spread, unit: "report",
            .floor(Double(bytes) / memory, "memory stream"),
            details: [
                ("ns_per_coordinate", 1e9 * seconds / Double(plan.dimension)),
                ("memory_gigabytes_per_second", memory / 1e9),
            ])
    }
}
