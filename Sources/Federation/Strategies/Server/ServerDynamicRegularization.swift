package import Configuration

/// FedDyn's server (Acar et al. 2021, algorithm 1): `h = h − alpha × |P|/m × meanUpdate`, where P are the clients of the
/// round and m those of the federation, then `model = model + meanUpdate − h / alpha`.
package struct ServerDynamicRegularization: ServerRule {
    private let alpha: Float

    package init(_ section: Section) throws { alpha = Float(try DynamicTraining.alpha(section)) }

    package var settings: [String: JSONValue] { ["alpha": .number(Double(alpha))] }
    /// h over −alpha: what it adds to the model.
    package let stateNames = ["drift"]

    package func update(_ pass: ServerPass) {
        let (model, drift) = (pass.parameters, pass.state[0])
        let participation = Float(pass.participation)
        for index in model.indices {
            drift[index] += participation * pass.meanUpdate[index]
            model[index] += pass.meanUpdate[index] + drift[index]
        }
    }
}
