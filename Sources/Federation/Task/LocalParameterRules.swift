internal import Compute
internal import Configuration
internal import Learning

/// What parameters that stay at the clients go with.
enum LocalParameterRules {
    /// Throws ``ConfigurationError`` for a task that would leave local parameters untrained, measured by nobody who has
    /// them, or trained twice.
    static func check(_ configuration: TaskConfiguration, _ model: Model) throws {
        let strategy = configuration.strategy
        let keepsModel = strategy.client.personalTraining(configuration.training) != nil
        guard model.localLayout.count > 0 else {
            guard !strategy.client.needsLocalParameters else {
                throw ConfigurationError(
                    path: "task.strategy.name",
                    problem:
                        "\"\(strategy.name)\" trains local and shared parameters in turn: name the local ones "
                        + "in task.model.local, such as [\"2.*\"]")
            }
            return
        }
        let path = "\(model.spec.path).local"
        if strategy.client.localWork == .gradient {
            throw ConfigurationError(
                path: path,
                problem:
                    "goes with strategies that train at the client; \"\(strategy.name)\" sends one gradient")
        }
        if keepsModel {
            throw ConfigurationError(
                path: path,
                problem:
                    "cannot stand beside strategy \"\(strategy.name)\", which keeps a whole model at each "
                    + "client: remove one of the two")
        }
        if strategy.client.needsLocalParameters, configuration.privacy.example != nil {
            throw ConfigurationError(
                path: "task.privacy.example",
                problem:
                    "trains all parameters in every private step, strategy \"\(strategy.name)\" in turn: use "
                    + "\"fedavg\"")
        }
        if configuration.holdout == .server {
            throw ConfigurationError(
                path: "task.evaluation.holdout",
                problem:
                    "\"server\" cannot measure a model whose local parameters stay at the clients: say \"none\", "
                    + "or \"federated\" in a private mode")
        }
    }
}
