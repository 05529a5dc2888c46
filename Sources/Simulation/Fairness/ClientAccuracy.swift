/// How evenly a model serves the clients: the accuracies on their own held-out examples in a few figures.
///
/// From exact values of simulated clients: a deployment could not know them and must not release them.
package struct ClientAccuracy: Codable, Equatable, Sendable {
    /// Clients that were measured: those with held-out examples.
    package var clients: Int
    /// Held-out examples of all of them.
    package var examples: Int
    /// Mean over clients, each counting once, 0 to 1.
    package var mean: Double
    /// Accuracies that 10, 25, 50, 75 and 90 % of the clients do not exceed, linear between neighbours.
    package var p10: Double
    package var p25: Double
    package var p50: Double
    package var p75: Double
    package var p90: Double
    /// Mean of the tenth of the clients that are served worst, at least one client.
    package var worstDecile: Double
    /// Accuracy of the client that is served worst.
    package var lowest: Double

    private enum CodingKeys: String, CodingKey {
        case clients, examples, mean, p10, p25, p50, p75, p90, lowest
        case worstDecile = "worst_decile"
    }

    /// The figures of `accuracies`, one a client and each 0 to 1; nil of none.
    package init?(_ accuracies: [Double], examples: Int) {
        let sorted = accuracies.sorted()
        guard let lowest = sorted.first else { return nil }
        func quantile(_ share: Double) -> Double {
            let place = share * Double(sorted.count - 1)
            let below = Int(place)
            let above = min(below + 1, sorted.count - 1)
            return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
        }
        func mean(_ values: ArraySlice<Double>) -> Double { values.reduce(0, +) / Double(values.count) }
        self.examples = examples
        self.lowest = lowest
        clients = sorted.count
        self.mean = mean(sorted[...])
        (p10, p25, p50, p75, p90) = (
            quantile(0.1), quantile(0.25), quantile(0.5), quantile(0.75), quantile(0.9)
        )
        worstDecile = mean(sorted.prefix((sorted.count + 9) / 10))
    }
}
