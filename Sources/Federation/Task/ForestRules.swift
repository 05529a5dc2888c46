internal import Compute
internal import Configuration
internal import Learning

/// What a forest goes with.
enum ForestRules {
    /// Throws ``ConfigurationError`` for a task that would grow a network, train a forest by steps, or change sums that are
    /// not a change of the model.
    static func check(_ configuration: TaskConfiguration, _ model: Model) throws {
        let strategy = configuration.strategy
        let grows = strategy.client.localWork == .histograms
        guard let forest = model.forest else {
            guard !grows, !model.nodes.contains(where: { $0.kind == TreesLayer.kind }) else {
                throw ConfigurationError(
                    path: model.spec.path,
                    problem:
                        "must be { preset: \"trees\" } and nothing else, with no frozen or local part, for strategy "
                        + "\"trees\" to grow it")
            }
            return
        }
        guard grows else {
            throw ConfigurationError(
                path: "task.strategy.name",
                problem:
                    "is \"\(strategy.name)\", which trains by steps; a model of trees grows by strategy \"trees\""
            )
        }
        let wanted = forest.objective.lossName
        if let loss = configuration.training.loss, type(of: loss).name != wanted {
            throw ConfigurationError(
                path: "task.training.loss",
                problem: "is \"\(type(of: loss).name)\"; this forest is grown for \"\(wanted)\"")
        }
        if configuration.rounds > forest.rounds {
            throw ConfigurationError(
                path: "task.rounds",
                problem:
                    "is \(configuration.rounds), but \(forest.trees) trees of depth \(forest.depth) are whole after "
                    + "\(forest.rounds) rounds, one a level")
        }
        if configuration.robust != nil {
            throw refusal("task.robust", "weighs changes of the model, but of a forest clients send sums")
        }
        if configuration.compression != nil {
            throw refusal("task.compression", "leaves out parts of sums that a forest needs whole")
        }
        if configuration.download != nil {
            throw refusal(
                "task.compression.download", "rounds what is published, and a forest holds names of columns")
        }
        if configuration.asynchronous != nil {
            throw refusal(
                "task.asynchronous",
                "sums updates of several models, and one level of a forest is grown from sums of one")
        }
        if configuration.privacy.example != nil {
            throw refusal("task.privacy.example", "trains in private steps, which a forest has none of")
        }
        if configuration.privacy.clipsPerLayer {
            throw refusal(
                "task.privacy.per_layer_clipping",
                "is of a model's tensors, but of a forest clients send sums")
        }
    }

    /// Coordinates of an update: of a forest, sums; of a network, a change of each parameter.
    static func updateCount(_ configuration: TaskConfiguration, _ model: Model) -> Int {
        guard configuration.strategy.client.localWork == .histograms, let forest = model.forest else {
            return model.layout.count
        }
        return TreeHistograms.reportCount(forest, inTwoParts: configuration.privacy.mode == .none)
    }

    private static func refusal(_ path: String, _ problem: String) -> ConfigurationError {
        ConfigurationError(path: path, problem: problem + "; remove one of the two")
    }
}
