package import Configuration
internal import Privacy
internal import SecureAggregation

/// What `sordino check` says of a plan, rehearsed or deployed: ε at the end, noise, bytes a round.
package enum PlanFigures {
    /// The figures by name; a budget that nothing bounds is null. Throws what the accountants throw.
    package static func json(_ plan: TaskPlan) throws -> [String: JSONValue] {
        let rounds = min(plan.rules.rounds, plan.rules.affordableRounds ?? plan.rules.rounds)
        let configuration = plan.configuration
        let spent = try plan.privacy?.spent(rounds: rounds)
        let server = try plan.privacy?.spentAgainstServer(rounds: rounds)
        var members: [String: JSONValue] = [
            "task": .string(configuration.name),
            "parameters": .integer(plan.dimension),
            "clients": .integer(plan.population),
            "rounds": .integer(rounds),
            "min_reports": .integer(plan.rules.minimumReports),
            "bytes_up_per_round": .integer(plan.reportBytes * configuration.cohortSize),
            "bytes_down_per_round": .integer(plan.modelBytes * configuration.cohortSize),
            "bytes_per_report": .integer(plan.reportBytes),
            "ring_bits": .integer(plan.codec.bits),
            "grid_scale": .number(plan.codec.scale),
            "privacy_mode": .string(configuration.privacy.mode.rawValue),
            "epsilon": number(spent?.epsilon),
            "epsilon_server": number(server?.epsilon),
        ]
        guard let privacy = plan.privacy, let spent else { return members }
        members["delta"] = .number(spent.delta)
        members["accountant"] = .string(spent.accountant.rawValue)
        members["adjacency"] = .string(spent.adjacency.rawValue)
        members["noise_multiplier"] = .number(privacy.noiseMultiplier)
        members["noise_standard_deviation_on_grid"] = .number(privacy.mechanism.variance.squareRoot())
        members["sensitivity_on_grid"] = .number(privacy.rounding.sensitivity.l2)
        if let tree = privacy.tree {
            members["rounds_per_tree"] = .integer(tree.leaves)
            members["participations"] = .integer(tree.trees(steps: rounds))
        }
        members["wrap_probability_per_coordinate"] = .string(plan.masksReports ? "below 4e-8" : "below 1e-32")
        return members
    }

    /// The figures for reading, one a line.
    package static func lines(_ members: [String: JSONValue]) -> [String] {
        members.keys.sorted().map { key in
            let value = members[key] ?? .null
            let shown = value == .null ? (key.hasPrefix("epsilon") ? "unbounded" : "-") : plain(value)
            return key + String(repeating: " ", count: max(1, 36 - key.count)) + shown
        }
    }

    /// What is allowed but should be thought about.
    package static func warnings(_ plan: TaskPlan) -> [String] {
        guard let privacy = plan.privacy else { return ["privacy mode \"none\": nothing is private"] }
        var warnings: [String] = []
        let configuration = privacy.configuration
        let delta = configuration.targetDelta
        let population = Double(plan.population)
        if delta >= 1 / population {
            warnings.append(
                "target_delta \(delta) is not below 1/population = \(1 / population): such a delta allows to publish a"
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

    private static func number(_ value: Double?) -> JSONValue {
        value.flatMap { $0.isFinite ? .number($0) : nil } ?? .null
    }

    private static func plain(_ value: JSONValue) -> String {
        if case .string(let text) = value { text } else { value.text() }
    }
}
