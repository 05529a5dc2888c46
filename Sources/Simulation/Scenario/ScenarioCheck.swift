package import Configuration
internal import Compute
internal import Datasets
internal import Federation
internal import Learning
internal import Operations
internal import Privacy
internal import SecureAggregation

/// What `sordino check` says of a scenario: the resolved plan, ε at the end, bytes a round, memory.
package struct ScenarioCheck {
    /// The plan as JSON.
    package let json: JSONValue
    /// The plan for reading.
    package let lines: [String]
    /// What is allowed but should be thought about.
    package let warnings: [String]

    /// Loads the scenario's data and resolves its plan. Throws what a run would throw before its first round.
    package init(_ document: ConfigurationDocument) throws {
        let scenario = try Scenario(document)
        let settings = ScenarioRun.Settings(
            out: "", workers: nil, secureNoise: false, resumes: false, command: "")
        let (setup, dataset) = try ScenarioLoader.load(scenario, settings)
        let plan = setup.plan
        let spent = try plan.privacy?.spent(rounds: Self.plannedRounds(plan))
        let server = try plan.privacy?.spentAgainstServer(rounds: Self.plannedRounds(plan))
        var members: [String: JSONValue] = [
            "task": .string(scenario.task.name),
            "parameters": .integer(plan.dimension),
            "clients": .integer(plan.population),
            "examples": .integer(dataset.train.count),
            "rounds": .integer(Self.plannedRounds(plan)),
            "min_reports": .integer(plan.rules.minimumReports),
            "bytes_up_per_round": .integer(plan.reportBytes * scenario.task.cohortSize),
            "bytes_down_per_round": .integer(plan.modelBytes * scenario.task.cohortSize),
            "bytes_per_report": .integer(plan.reportBytes),
            "ring_bits": .integer(plan.codec.bits),
            "grid_scale": .number(plan.codec.scale),
            "memory_bytes": .integer(Self.memory(setup)),
            "privacy_mode": .string(scenario.task.privacy.mode.rawValue),
            "epsilon": Self.number(spent?.epsilon),
            "epsilon_server": Self.number(server?.epsilon),
        ]
        if let privacy = plan.privacy, let spent {
            members["delta"] = .number(spent.delta)
            members["accountant"] = .string(spent.accountant.rawValue)
            members["adjacency"] = .string(spent.adjacency.rawValue)
            members["noise_multiplier"] = .number(privacy.noiseMultiplier)
            members["noise_standard_deviation_on_grid"] = .number(privacy.mechanism.variance.squareRoot())
            members["sensitivity_on_grid"] = .number(privacy.rounding.sensitivity.l2)
            if let tree = privacy.tree {
                members["rounds_per_tree"] = .integer(tree.leaves)
                members["participations"] = .integer(tree.trees(steps: Self.plannedRounds(plan)))
            }
            members["wrap_probability_per_coordinate"] = .string(
                plan.masksReports ? "below 4e-8" : "below 1e-32")
        }
        json = .object(members)
        warnings = ScenarioWarnings.of(scenario, plan)
        lines = members.keys.sorted().map { key in
            let value = members[key] ?? .null
            let shown = value == .null ? (key.hasPrefix("epsilon") ? "unbounded" : "-") : Self.plain(value)
            return key + String(repeating: " ", count: max(1, 36 - key.count)) + shown
        }
    }

    private static func plannedRounds(_ plan: TaskPlan) -> Int {
        min(plan.rules.rounds, plan.rules.affordableRounds ?? plan.rules.rounds)
    }

    /// Examples, models and workers' arenas; libraries and the program itself come on top.
    private static func memory(_ setup: SimulationSetup) -> Int {
        let bytesPerValue =
            if case .bytes = setup.training.features { 1 } else { 4 }
        let examples = (setup.training.count + (setup.holdout?.count ?? 0)) * setup.training.featureCount
        let perWorker = setup.plan.dimension * 32
        return examples * bytesPerValue + setup.plan.dimension * 24 + setup.workers * perWorker
            + setup.partition.rowCount * 4 + setup.partition.clientCount * 8
    }

    private static func number(_ value: Double?) -> JSONValue {
        value.flatMap { $0.isFinite ? .number($0) : nil } ?? .null
    }

    private static func plain(_ value: JSONValue) -> String {
        if case .string(let text) = value { text } else { value.text() }
    }
}
