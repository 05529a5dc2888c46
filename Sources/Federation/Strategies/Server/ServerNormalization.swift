package import Configuration

/// FedNova's server (Wang et al. 2020, section 4): `model += learningRate × τ × meanUpdate`, where updates are
/// normalised (``NormalizedTraining``) and τ is the mean over clients, weighted as they are, of what each divided by.
/// Where all take as many steps that is federated averaging.
package struct ServerNormalization: ServerRule {
    private let learningRate: Double

    package init(_ section: Section) throws {
        learningRate = try section.positive("server_learning_rate") ?? 1
    }

    package var settings: [String: JSONValue] { ["server_learning_rate": .number(learningRate)] }

    package func factor(_ means: RoundMeans) -> Double { learningRate * Double(means.scalars[0]) }

    package func update(_ pass: ServerPass) { pass.addScaledMean() }
}
