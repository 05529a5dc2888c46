package import Configuration
package import Learning

/// FedRep (Collins et al. 2021, algorithm 1): each client first trains its local parameters, the head, for
/// `head_epochs` passes with the shared ones held, then the shared ones for `local_epochs` passes with the head held.
package struct AlternatingTraining: ClientRule {
    private let headEpochs: Int

    package init(_ section: Section) throws {
        headEpochs = try section.integer("head_epochs", in: 1...1_000_000) ?? 1
    }

    package var settings: [String: JSONValue] { ["head_epochs": .integer(headEpochs)] }
    package var needsLocalParameters: Bool { true }

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions {
        var options = options
        options.headEpochs = headEpochs
        return options
    }
}
