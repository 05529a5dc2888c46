package import Configuration
package import Learning

/// FedProx (Li et al. 2020): local training adds `mu/2 · ‖w − w_global‖²`, which holds clients near the global
/// model when their data differ.
package struct ProximalTraining: ClientRule {
    private let mu: Double

    package init(_ section: Section) throws { mu = try section.nonNegative("mu") ?? 0.01 }

    package var settings: [String: JSONValue] { ["mu": .number(mu)] }

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions {
        var options = options
        options.proximalMu = mu
        return options
    }
}
