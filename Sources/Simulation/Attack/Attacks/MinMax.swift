package import Configuration

/// Min-Max (Shejwalkar and Houmansadr 2021, section 4): μ + γ p with the greatest γ for which the update is no further from any
/// honest one than two honest ones are from each other.
package struct MinMax: Attack {
    /// p: which way to go.
    package enum Direction: String, CaseIterable, Sendable {
        /// −σ, the standard deviation of each coordinate.
        case deviation
        /// −μ / ‖μ‖.
        case unit
        /// −sign(μ).
        case sign
    }

    private let direction: Direction

    package init(_ section: Section) throws {
        direction = try section.choice("direction", of: Direction.self) ?? .deviation
    }

    package var settings: [String: JSONValue] { ["direction": .string(direction.rawValue)] }

    package var watchesHonest: Bool { true }

    package func crafted(from honest: HonestUpdates, in round: AttackedRound) -> [Float] {
        let mean = honest.mean()
        let way = way(honest, mean)
        let square = way.reduce(0) { $0 + $1 * $1 }
        guard square > 0 else { return mean.map { Float($0) } }
        let limit = honest.greatestSquaredDistance()
        // ‖μ + γp − xᵢ‖² = ‖p‖² γ² + 2 ⟨p, μ − xᵢ⟩ γ + ‖μ − xᵢ‖², at most the limit.
        let steps = honest.rows.map { row in
            var (inner, distance) = (0.0, 0.0)
            for index in row.indices {
                let difference = mean[index] - Double(row[index])
                inner += way[index] * difference
                distance += difference * difference
            }
            let root = max(0, inner * inner - square * (distance - limit)).squareRoot()
            return (root - inner) / square
        }
        let step = max(0, steps.min() ?? 0)
        return mean.indices.map { Float(mean[$0] + step * way[$0]) }
    }

    private func way(_ honest: HonestUpdates, _ mean: [Double]) -> [Double] {
        switch direction {
        case .deviation: return honest.deviation(around: mean).map { -$0 }
        case .unit:
            let norm = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return mean.map { norm > 0 ? -$0 / norm : 0 }
        case .sign: return mean.map { $0 > 0 ? -1 : $0 < 0 ? 1 : 0 }
        }
    }
}
