package import Configuration
package import Learning

/// FedSGD (McMahan et al. 2017): each client sends one full-batch gradient step, so that a round is one step of
/// large-batch SGD.
package struct FedSGD: Strategy {
    package static let name = "fedsgd"
    package let localWork = LocalWork.gradient
    private let step: ServerStep

    package init(_ section: Section) throws { step = try ServerStep(section) }

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions {
        var options = options
        options.localEpochs = 1
        return options
    }

    package var remembers: Bool { step.remembers }

    package func apply(
        meanUpdate: UnsafeBufferPointer<Float>, memory: UnsafeMutableBufferPointer<Float>,
        to parameters: UnsafeMutableBufferPointer<Float>
    ) {
        step.apply(meanUpdate, memory, to: parameters)
    }

    package var settings: [String: JSONValue] { step.settings }
}
