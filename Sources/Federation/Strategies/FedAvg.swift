package import Configuration
package import Learning

/// Federated averaging (McMahan et al. 2017): clients train locally, the server adds the mean update.
package struct FedAvg: Strategy {
    package static let name = "fedavg"
    private let step: ServerStep

    package init(_ section: Section) throws { step = try ServerStep(section) }

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions { options }

    package var remembers: Bool { step.remembers }

    package func apply(
        meanUpdate: UnsafeBufferPointer<Float>, memory: UnsafeMutableBufferPointer<Float>,
        to parameters: UnsafeMutableBufferPointer<Float>
    ) {
        step.apply(meanUpdate, memory, to: parameters)
    }

    package var settings: [String: JSONValue] { step.settings }
}
