/// How far off models are that predict values, on what clients kept from training.
///
/// From exact values of simulated clients: a deployment could not know them and must not release them.
package struct ClientError: Codable, Equatable, Sendable {
    /// Clients that were measured: those with held-out examples.
    package var clients: Int
    /// Held-out examples of all of them.
    package var examples: Int
    /// Root mean squared error over all examples, in the unit of the data.
    package var rmse: Double
    /// Errors of single clients that 50 and 90 % of them do not exceed, linear between neighbours.
    package var p50: Double
    package var p90: Double
    /// Mean error of the tenth of the clients that are served worst, at least one client.
    package var worstDecile: Double

    private enum CodingKeys: String, CodingKey {
        case clients, examples, rmse, p50, p90
        case worstDecile = "worst_decile"
    }

    /// The figures of `scores`, of which those without an error do not count; nil of none. `scale` is one unit that is
    /// learnt in the unit of the data.
    init?(_ scores: [ClientScore?], scale: Double) {
        let found = scores.compactMap { score in
            score.flatMap { score in score.squaredError.map { (error: $0, examples: score.examples) } }
        }
        guard !found.isEmpty else { return nil }
        clients = found.count
        examples = found.reduce(0) { $0 + $1.examples }
        let sum = found.reduce(0) { $0 + $1.error * Double($1.examples) }
        rmse = scale * (sum / Double(examples)).squareRoot()
        let sorted = found.map { scale * $0.error.squareRoot() }.sorted()
        func quantile(_ share: Double) -> Double {
            let place = share * Double(sorted.count - 1)
            let below = Int(place)
            let above = min(below + 1, sorted.count - 1)
            return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
        }
        (p50, p90) = (quantile(0.5), quantile(0.9))
        let worst = sorted.suffix((sorted.count + 9) / 10)
        worstDecile = worst.reduce(0, +) / Double(worst.count)
    }
}
