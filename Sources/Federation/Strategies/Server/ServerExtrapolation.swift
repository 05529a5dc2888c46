package import Configuration

/// FedExP (Jhunjhunwala et al. 2023, equation 6): `model += η × meanUpdate` with
/// `η = max(1, mean ‖Δᵢ‖² / (2 (‖mean Δᵢ‖² + ε)))`, the longer a step the less clients agree. Means are weighted as
/// federated averaging weighs them.
package struct ServerExtrapolation: ServerRule {
    private let epsilon: Double

    package init(_ section: Section) throws { epsilon = try section.positive("epsilon") ?? 1e-3 }

    package var settings: [String: JSONValue] { ["epsilon": .number(epsilon)] }

    package func factor(_ means: RoundMeans) -> Double {
        max(1, Double(means.scalars[0]) / (2 * (means.meanSquareNorm() + epsilon)))
    }

    package func update(_ pass: ServerPass) { pass.addScaledMean() }
}
