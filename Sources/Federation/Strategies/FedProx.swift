package import Configuration
package import Learning

/// FedProx (Li et al. 2020): local training adds `mu/2 · ‖w − w_global‖²`, which holds clients near the global
/// model when their data differ.
package struct FedProx: Strategy {
    package static let name = "fedprox"
    private let mu: Double
    private let step: ServerStep

    package init(_ section: Section) throws {
        mu = try section.nonNegative("mu") ?? 0.01
        step = try ServerStep(section)
    }

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions {
        var options = options
        options.proximalMu = mu
        return options
    }

    package var remembers: Bool { step.remembers }

    package func apply(
        meanUpdate: UnsafeBufferPointer<Float>, memory: UnsafeMutableBufferPointer<Float>,
        to parameters: UnsafeMutableBufferPointer<Float>
    ) {
        step.apply(meanUpdate, memory, to: parameters)
    }

    package var settings: [String: JSONValue] {
        step.settings.merging(["mu": .number(mu)]) { $1 }
    }
}
