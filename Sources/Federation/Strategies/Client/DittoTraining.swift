package import Configuration
package import Learning

/// Ditto (Li et al. 2021, algorithm 1): beside its part in federated averaging, which is as without it, each client
/// keeps a whole model of its own and trains it with `lambda/2 · ‖v − w‖²` added to the loss, w the round's published
/// model. It starts as the published model of the client's first round, and never leaves the client.
package struct DittoTraining: ClientRule {
    private let lambda: Double
    private let personalEpochs: Int?

    package init(_ section: Section) throws {
        lambda = try section.nonNegative("lambda") ?? 0.1
        personalEpochs = try section.integer("personal_epochs", in: 1...1_000_000)
    }

    package var settings: [String: JSONValue] {
        var settings: [String: JSONValue] = ["lambda": .number(lambda)]
        if let personalEpochs { settings["personal_epochs"] = .integer(personalEpochs) }
        return settings
    }

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions { options }

    package func personalTraining(_ options: TrainingOptions) -> TrainingOptions? {
        var options = options
        options.proximalMu = lambda
        options.localEpochs = personalEpochs ?? options.localEpochs
        return options
    }
}
