internal import Compute
internal import Configuration
internal import Federation

/// What a task of statistics does not go with, of all that only a scenario has.
enum StatisticsRules {
    /// Throws ``ConfigurationError`` for what needs a trained model, and for data that are not what the task declares.
    static func check(_ scenario: Scenario, _ plan: TaskPlan, _ examples: Examples) throws {
        guard let statistics = plan.configuration.statistics else { return }
        let trained = [
            ("attack", scenario.attack != nil), ("privacy_attack", scenario.privacyAttack != nil),
            ("baselines", namesBaselines(scenario)), ("client_holdout", scenario.clientHoldout > 0),
            ("fine_tune_epochs", scenario.fineTuneEpochs != nil),
        ]
        if let (key, _) = trained.first(where: { $0.1 }) {
            throw ConfigurationError(
                path: "simulation.\(key)",
                problem:
                    "is about a trained model, which a task of kind \"statistics\" has none of; remove it")
        }
        try statistics.check(examples)
    }

    /// Whether baselines are asked for by name, not by default.
    private static func namesBaselines(_ scenario: Scenario) -> Bool {
        guard case .object(let root) = scenario.document.root,
            case .object(let simulation)? = root["simulation"], simulation["baselines"] != nil
        else { return false }
        return !scenario.baselines.isEmpty
    }
}
