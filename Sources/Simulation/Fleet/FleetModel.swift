internal import Compute
package import Configuration
internal import Foundation

/// How simulated clients behave in time: drop-outs, stragglers, compute and network speed.
///
/// Every value is a pure function of (seed, client, round), so that nothing is stored for clients at rest and
/// any client's round can be looked at alone.
package struct FleetModel: Equatable, Sendable {
    /// What a client does with an invitation.
    package enum Outcome: Equatable, Sendable {
        /// Never answers.
        case dropsOut
        /// Reports this many virtual seconds after the invitation.
        case reports(afterSeconds: Double)
    }

    /// Probability that an invited client never reports.
    package var dropoutRate = 0.0
    /// Fraction of the clients that are always slow, and by what factor.
    package var stragglerFraction = 0.0
    package var stragglerSlowdown = 10.0
    /// Virtual seconds to train on one example once.
    package var secondsPerExample = 0.0
    /// Spread of the clients' speeds: standard deviation of its natural logarithm.
    package var speedSpread = 0.0
    /// How many times as long the slowest client takes as the fastest: uniform in its logarithm between these.
    package var speedRange = 1.0
    /// Network speeds of a client of median speed, bytes a second.
    package var uploadBytesPerSecond = Double.infinity
    package var downloadBytesPerSecond = Double.infinity

    /// Clients without faults, who answer at once.
    package init() {}

    /// Reads `simulation.faults`; what it does not name takes no time and does not fail.
    package init(_ section: Section?) throws {
        guard let section else { return }
        func probability(_ key: String) throws -> Double? {
            try section.number(key, expected: "a number from 0 to 1") { $0 >= 0 && $0 <= 1 }
        }
        dropoutRate = try probability("dropout_rate") ?? dropoutRate
        stragglerFraction = try probability("straggler_fraction") ?? stragglerFraction
        stragglerSlowdown =
            try section.number("straggler_slowdown", expected: "a number of at least 1") { $0 >= 1 }
            ?? stragglerSlowdown
        secondsPerExample = try section.nonNegative("seconds_per_example") ?? secondsPerExample
        speedSpread = try section.nonNegative("speed_spread") ?? speedSpread
        speedRange =
            try section.number("speed_range", expected: "a number of at least 1") { $0 >= 1 } ?? speedRange
        if speedRange > 1, speedSpread > 0 {
            throw section.error("speed_range", "is another spread than speed_spread; remove one of the two")
        }
        uploadBytesPerSecond = try section.positive("upload_bytes_per_second") ?? uploadBytesPerSecond
        downloadBytesPerSecond = try section.positive("download_bytes_per_second") ?? downloadBytesPerSecond
        try section.finish()
    }

    /// What `client` does in `round` when it has `work` example passes to do.
    package func outcome(
        seed: UInt64, client: Int, round: Int, work: Int, bytesUp: Int, bytesDown: Int
    ) -> Outcome {
        var faults = SeededGenerator(seed: seed, purpose: .faults, client: client, round: round)
        if dropoutRate > 0, faults.uniformDouble() < dropoutRate { return .dropsOut }
        // Round 0 keys what is the client's for good.
        var nature = SeededGenerator(seed: seed, purpose: .computeTime, client: client)
        var slowness = 1.0
        if stragglerFraction > 0, nature.uniformDouble() < stragglerFraction { slowness = stragglerSlowdown }
        if speedSpread > 0 { slowness *= Self.logNormal(speedSpread, using: &nature) }
        if speedRange > 1 { slowness *= pow(speedRange, nature.uniformDouble()) }
        let network = Double(bytesDown) / downloadBytesPerSecond + Double(bytesUp) / uploadBytesPerSecond
        return .reports(afterSeconds: slowness * (secondsPerExample * Double(work) + network))
    }

    /// `exp(spread × N(0, 1))` by the method of Box and Muller.
    private static func logNormal(_ spread: Double, using generator: inout SeededGenerator) -> Double {
        let radius = (-2 * log(1 - generator.uniformDouble())).squareRoot()
        return exp(spread * radius * cos(2 * Double.pi * generator.uniformDouble()))
    }
}
