package import Configuration
internal import Glibc

/// A Little Is Enough (Baruch et al. 2019, algorithm 3): μ − z σ of the honest updates, coordinate by coordinate, so near
/// their mean that a rule that looks for outliers finds none.
package struct LittleIsEnough: Attack {
    /// Deviations from the mean; nil: as far as a majority of the paper's kind allows.
    private let deviations: Double?

    package init(_ section: Section) throws { deviations = try section.number("z") }

    package var settings: [String: JSONValue] { deviations.map { ["z": .number($0)] } ?? [:] }

    package var watchesHonest: Bool { true }

    package func crafted(from honest: HonestUpdates, in round: AttackedRound) -> [Float] {
        let mean = honest.mean()
        let deviation = honest.deviation(around: mean)
        let z = deviations ?? Self.deviations(clients: round.clients, hostile: round.hostile)
        return mean.indices.map { Float(mean[$0] - z * deviation[$0]) }
    }

    /// z = Φ⁻¹((n − f − s) / (n − f)) with s = ⌊n/2⌋ + 1 − f supporters, as the paper has it; at least 0.
    static func deviations(clients: Int, hostile: Int) -> Double {
        let honest = Double(clients - hostile)
        let supporters = Double(max(0, clients / 2 + 1 - hostile))
        let share = min(max(0, (honest - supporters) / max(1, honest)), 1 - 1e-9)
        return max(0, normalQuantile(share))
    }

    /// Φ⁻¹, by halving: the distribution rises.
    private static func normalQuantile(_ share: Double) -> Double {
        var (low, high) = (-10.0, 10.0)
        for _ in 0..<80 {
            let middle = (low + high) / 2
            if 0.5 * erfc(-middle / 2.0.squareRoot()) < share { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }
}
