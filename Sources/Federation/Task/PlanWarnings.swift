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
        if let statistics = plan.configuration.statistics, let example = plan.example {
            let room = Int(StatisticsScales(plan, statistics).room(scale: example.scale))
            warnings.append(
                "a client's sums have room for \(room) records: of more, the rest is not counted; fewer slots or questions"
                    + " make more room")
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
        return warnings + ofNoiseOverRounds(privacy)
    }

    /// Bytes of former rounds' noise that nobody has to be told of.
    private static let ordinaryNoise = 1 << 30

    private func ofNoiseOverRounds(_ privacy: PrivacyPlan) -> [String] {
        guard let pattern = privacy.matrix?.pattern ?? plan.rules.pattern else { return [] }
        var warnings: [String] = []
        let wanted = Double(plan.configuration.cohortSize) * Double(plan.plannedRounds)
        let room = Double(pattern.participations) * Double(plan.population)
        // A client that fails has used its participation up.
        if wanted > 0.9 * room {
            warnings.append(
                "\(plan.configuration.cohortSize) clients in each of \(plan.plannedRounds) rounds use up"
                    + " \(Int((100 * wanted / room).rounded())) % of the participations that the noise covers"
                    + " (\(pattern.participations) each of \(plan.population)): with clients that fail, the last rounds"
                    + " may find too few; raise max_participations or lower cohort_size")
        }
        if let bytes = privacy.matrix?.keptBytes(dimension: plan.report.count), bytes > Self.ordinaryNoise {
            warnings.append(
                "the noise of former rounds takes \(bytes >> 20) MiB of memory: fewer bands, or strategy \"buffers\","
                    + " take less")
        }
        return warnings
    }
}
