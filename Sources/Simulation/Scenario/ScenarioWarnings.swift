internal import Configuration
internal import Federation
internal import Learning
internal import Privacy

/// What a scenario may do but should be thought about, one line each.
enum ScenarioWarnings {
    static func of(_ scenario: Scenario, _ plan: TaskPlan) -> [String] {
        var warnings = plan.warnings
        guard plan.privacy != nil else { return warnings }
        if learnsFromData(scenario.data) {
            warnings.append(
                "normalization or imputation is fitted on the clients' data and published with the model, which no"
                    + " epsilon covers; give fixed values, such as normalize: { range: [0, 16] }")
        }
        if plan.model.forest != nil, case .object(let model) = scenario.task.model.json,
            model["quantiles"] != nil
        {
            warnings.append(
                "the edges of the trees are quantiles of the clients' data and published with the model, which no epsilon"
                    + " covers; give edges that are public")
        }
        return warnings
    }

    /// Whether a data section asks for preprocessing that is fitted on the training rows.
    private static func learnsFromData(_ value: JSONValue, key: String = "") -> Bool {
        switch value {
        case .object(let members):
            members.contains { learnsFromData($0.value, key: key.hasPrefix("normalize") ? key : $0.key) }
        case .string(let word):
            (key.hasPrefix("normalize") && ["standardize", "min_max"].contains(word))
                || (key == "on_missing" && ["mean", "median"].contains(word))
        default: false
        }
    }
}
