internal import Compute
package import Configuration
internal import Encoding
internal import Learning
internal import Privacy
internal import SecureAggregation

/// A resolved plan in the words of `sordino check`: the same figures for a scenario and for a server.
extension TaskPlan {
    /// Rounds that the plan will publish: as configured, or as many as the budget affords.
    package var plannedRounds: Int { min(rules.rounds, rules.affordableRounds ?? rules.rounds) }

    /// Everything that follows from the task and its population. Throws where no accountant knows an event.
    package func description() throws -> [String: JSONValue] {
        let spent = try privacy?.spent(rounds: plannedRounds)
        let server = try privacy?.spentAgainstServer(rounds: plannedRounds)
        let others = try privacy?.spentAgainstMembers(rounds: plannedRounds)
        var members: [String: JSONValue] = [
            "task": .string(configuration.name),
            "parameters": .integer(dimension),
            "clients": .integer(population),
            "rounds": .integer(plannedRounds),
            "min_reports": .integer(rules.minimumReports),
            "bytes_up_per_round": .integer(reportBytes * configuration.cohortSize),
            "bytes_down_per_round": .integer(downloadBytes(published: 1) * configuration.cohortSize),
            "bytes_per_report": .integer(reportBytes),
            "ring_bits": .integer(codec.bits),
            "grid_scale": .number(codec.scale),
            "privacy_mode": .string(configuration.privacy.mode.rawValue),
            "epsilon": Self.finite(spent?.epsilon),
            "epsilon_server": Self.finite(server?.epsilon),
            "epsilon_members": Self.finite(others?.epsilon),
        ]
        if model.localLayout.count > 0 {
            members["local_parameters_per_client"] = .integer(model.localLayout.count)
        }
        if let frozenFile = model.spec.frozenFile {
            members["frozen_parameters"] = .integer(model.frozenLayout.count)
            members["bytes_down_once_per_client"] = .integer(frozenFile.bytes)
        }
        if let asynchronous = configuration.asynchronous { members["asynchronous"] = asynchronous.json }
        if let schedule = rules.schedule {
            members["seconds_per_round"] = .number(schedule.publicationSeconds)
        }
        if let privacy, let spent {
            members["delta"] = .number(spent.delta)
            members["accountant"] = .string(spent.accountant.rawValue)
            members["adjacency"] = .string(spent.adjacency.rawValue)
            members["noise_multiplier"] = .number(privacy.noiseMultiplier)
            members["noise_standard_deviation_on_grid"] = .number(privacy.mechanism.variance.squareRoot())
            members["sensitivity_on_grid"] = .number(privacy.rounding.sensitivity.l2)
            if let tree = privacy.tree {
                members["rounds_per_tree"] = .integer(tree.leaves)
                members["tree_estimator"] = .string(tree.estimator.rawValue)
                members["participations"] = .integer(tree.trees(steps: plannedRounds))
            }
            members.merge(NoiseChoices.figures(of: self)) { first, _ in first }
            members["wrap_probability_per_coordinate"] = .string(
                masksReports ? "below 4e-8" : "below 1e-32")
        }
        if let example {
            let delta = configuration.privacy.targetDelta
            members["delta"] = .number(delta)
            members["epsilon_example"] = Self.finite(try example.epsilon(rounds: plannedRounds, delta: delta))
            members["example_records"] = .integer(example.records)
            members["example_sampling_probability"] = .number(example.probability)
            members["example_steps_per_round"] = .integer(example.steps)
        }
        if masksReports { members.merge(MaskedSizes(self).description) { first, _ in first } }
        return members
    }

    /// What is allowed but should be thought about.
    package var warnings: [String] { PlanWarnings(plan: self).all }

    /// A description for reading, one line a figure.
    package static func lines(_ description: [String: JSONValue]) -> [String] {
        description.keys.sorted().map { key in
            let shown: String =
                switch description[key] ?? .null {
                case .null: key.hasPrefix("epsilon") ? "unbounded" : "-"
                case .string(let text): text
                case let value: value.text()
                }
            return key + String(repeating: " ", count: max(1, 36 - key.count)) + shown
        }
    }

    private static func finite(_ value: Double?) -> JSONValue {
        value.flatMap { $0.isFinite ? .number($0) : nil } ?? .null
    }
}
