import Compute
import Configuration
internal import Custody
import Foundation
import Privacy
import Simulation

/// Noise samplers and accountants.
enum PrivacySuite {
    private static let coordinates = 1_000_000

    static func run(_ stopwatch: Stopwatch) throws -> [Figure] {
        var figures: [Figure] = []
        for name in ["discrete_gaussian", "gaussian", "skellam"] {
            for sigma in [4, 100, 1e4, 0x1p20] {
                figures.append(try sampler(name, sigma: sigma, stopwatch))
            }
        }
        return try figures + accountants(stopwatch)
    }

    /// A million coordinates from the cryptographic generator. Floor: the bytes that were drawn, at the
    /// cipher's rate.
    private static func sampler(_ name: String, sigma: Double, _ stopwatch: Stopwatch) throws -> Figure {
        let mechanism = try MechanismCatalog.mechanism(named: name, standardDeviation: sigma)
        let noise = UnsafeMutableBufferPointer<Int64>.allocate(capacity: coordinates)
        noise.initialize(repeating: 0)
        defer { noise.deallocate() }
        var source = CountingSource(source: try SecureNoise())
        try mechanism.draw(into: noise, from: &source)
        let byteCount = Double(source.byteCount)
        let rate = try Machine.keystreamRate(stopwatch)
        let (seconds, spread) = try stopwatch.time { try mechanism.draw(into: noise, from: &source) }
        return Figure(
            name: "privacy/\(name)-sigma-\(Int(sigma))-1000000", seconds: seconds, noise: spread,
            unit: "vector", .floor(byteCount / rate, "AES-CTR bytes"),
            goal: name == "discrete_gaussian" ? 0.10 : nil,
            details: [
                ("ns_per_coordinate", 1e9 * seconds / Double(coordinates)),
                ("bytes_per_coordinate", byteCount / Double(coordinates)),
                ("aes_gigabytes_per_second", rate / 1e9),
            ])
    }

    /// ε at δ = 1e-5 of a Poisson-subsampled Gaussian; the accountants' goals are limits of time, not ratios.
    private static func accountants(_ stopwatch: Stopwatch) throws -> [Figure] {
        func event(_ mechanism: PrivacyEvent.Mechanism, _ steps: Int) -> [PrivacyEvent] {
            [PrivacyEvent(mechanism: mechanism, sampling: .poisson(probability: 0.001), steps: steps)]
        }
        func figure(
            _ name: String, _ events: [PrivacyEvent], goal: Double,
            _ epsilon: ([PrivacyEvent]) throws -> Double
        ) rethrows -> Figure {
            var result = 0.0
            let (seconds, spread) = try stopwatch.time { result = try epsilon(events) }
            return Figure(
                name: "privacy/\(name)", seconds: seconds, noise: spread, unit: "statement", nil,
                goal: goal, details: [("epsilon", result)])
        }
        let gaussian = PrivacyEvent.Mechanism.gaussian(noiseMultiplier: 1)
        let skellam = PrivacyEvent.Mechanism.skellam(
            variance: 1e6, sensitivity: .init(l2: 1000, dimension: 55_050))
        let renyi: ([PrivacyEvent]) throws -> Double = { events in
            try RDPAccountant(events).guarantee(delta: 1e-5).epsilon
        }
        let distribution: ([PrivacyEvent]) throws -> Double = { events in
            try PLDAccountant(events).guarantee(delta: 1e-5).epsilon
        }
        return [
            try figure("rdp-gaussian-10000-steps", event(gaussian, 10_000), goal: 1, renyi),
            try figure("rdp-skellam-10000-steps", event(skellam, 10_000), goal: 1, renyi),
            try figure("pld-gaussian-10000-steps", event(gaussian, 10_000), goal: 5, distribution),
            try figure("pld-gaussian-1000000-steps", event(gaussian, 1_000_000), goal: 15, distribution),
        ]
    }
}

/// Counts the bytes that a sampler draws.
private struct CountingSource: NoiseSource {
    var source: SecureNoise
    var byteCount = 0

    mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws {
        byteCount += bytes.count
        try source.fill(bytes)
    }
}
