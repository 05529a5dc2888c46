internal import Configuration

extension TaskConfiguration {
    /// Throws ``ConfigurationError`` where the strategy does not go with the training or the privacy that are configured.
    func checkStrategy() throws {
        let rule = strategy.client
        try rule.check(training)
        guard let companion = rule.companion else { return }
        if robust != nil, companion.sendsControlVariate || !companion.scalars.isEmpty {
            throw ConfigurationError(
                path: "task.robust",
                problem:
                    "weighs changes of the model, but strategy \"\(strategy.name)\" has clients send more than that; "
                    + "remove one of the two")
        }
        let what =
            "strategy \"\(strategy.name)\" has clients send or keep more than a change that is clipped and noised"
        if privacy.mode != .none {
            throw ConfigurationError(
                path: "task.privacy.mode",
                problem: "is \"\(privacy.mode.rawValue)\", but \(what): it goes with mode \"none\" only")
        }
        if privacy.example != nil {
            throw ConfigurationError(
                path: "task.privacy.example",
                problem: "does not cover all that leaves a client: \(what); remove one of the two")
        }
    }
}
