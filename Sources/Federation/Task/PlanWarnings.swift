internal import Privacy

/// What a plan allows but whoever runs it should think about.
struct PlanWarnings {
    let plan: TaskPlan

    /// What is allowed but should be thought about.
    var all: [String] {
        var warnings: [String] = []
        if let example = plan.example, example.hasDefaultRecords {
            warnings.append(
                "privacy.example.records is not given: every client trains as planned for \(example.records) records"
                    + " (\(ExamplePlan.defaultBatches) batches), whatever it has; name the number that is typical and public"
            )
        }
        guard let privacy = plan.privacy else {
            return warnings
                + [
                    plan.example == nil
                        ? "privacy mode \"none\": nothing is private"
                        : "privacy mode \"none\": single records are protected, clients are not"
                ]
        }
        let configuration = privacy.configuration
        let delta = configuration.targetDelta
        let one = 1 / Double(plan.population)
        if delta >= one {
            warnings.append(
                "target_delta \(delta) is not below 1/population = \(one): such a delta allows to publish a"
                    + " whole client now and then")
        }
        if let affordable = plan.rules.affordableRounds, affordable < plan.rules.rounds {
            warnings.append("target_epsilon affords \(affordable) of \(plan.rules.rounds) rounds")
        }
        if configuration.sampling == .none, configuration.adjacency == .addOrRemoveOne,
            plan.configuration.cohortSize < plan.population
        {
            warnings.append(
                "with sampling \"none\" and a cohort below the roster, add-or-remove-one holds for a client that is"
                    + " invited and contributes nothing; adjacency: \"zero-out\" says so plainly")
        }
        return warnings
    }
}
