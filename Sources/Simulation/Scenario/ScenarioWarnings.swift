internal import Configuration
internal import Federation
internal import Privacy

/// What a scenario may do but should be thought about, one line each.
enum ScenarioWarnings {
    static func of(_ scenario: Scenario, _ plan: TaskPlan) -> [String] {
        guard let privacy = plan.privacy else { return ["privacy mode \"none\": nothing is private"] }
        var warnings: [String] = []
        let delta = privacy.configuration.targetDelta
        let population = Double(plan.population)
        if delta >= 1 / population {
            warnings.append(
                "target_delta \(delta) is not below 1/population = \(1 / population): such a delta allows to publish a"
                    + " whole client now and then")
        }
        if let affordable = plan.rules.affordableRounds, affordable < plan.rules.rounds {
            warnings.append("target_epsilon affords \(affordable) of \(plan.rules.rounds) rounds")
        }
        let configuration = privacy.configuration
        if configuration.sampling == .none, configuration.adjacency == .addOrRemoveOne,
            plan.configuration.cohortSize < plan.population
        {
            warnings.append(
                "with sampling \"none\" and a cohort below the roster, add-or-remove-one holds for a client that is"
                    + " invited and contributes nothing; adjacency: \"zero-out\" says so plainly")
        }
        if learnsFromData(scenario.data) {
            warnings.append(
                "normalization or imputation is fitted on the clients' data and published with the model, which no"
                    + " epsilon covers; give fixed values, such as normalize: { range: [0, 16] }")
        }
        return warnings
    }

    /// Whether a data section asks for preprocessing that is fitted on the training rows.
    private static func learnsFromData(_ value: JSONValue, key: String = "") -> Bool {
        switch value {
        case .object(let members):
            members.contains { learnsFromData($0.value, key: key == "normalize" ? key : $0.key) }
        case .string(let word):
            (key == "normalize" && ["standardize", "min_max"].contains(word))
                || (key == "on_missing" && ["mean", "median"].contains(word))
        default: false
        }
    }
}
