internal import Datasets
internal import Encoding
internal import SecureAggregation
internal import Configuration
internal import Federation
internal import Learning
internal import Operations
internal import Privacy

/// `scenario.resolved.json`: the scenario with every override, default and computed value that fixes the result.
/// Two runs with the same text give the same model; the number of workers is not part of it.
enum ResolvedScenario {
    static func text(_ scenario: Scenario, _ setup: SimulationSetup) -> String {
        guard case .object(var root) = scenario.document.root else { return "{}" }
        var task = object(root["task"])
        task["name"] = .string(scenario.task.name)
        if scenario.task.statistics == nil { trainingKeys(scenario, setup, &task) }
        if let asynchronous = scenario.task.asynchronous {
            task[AsynchronousAggregation.key] = asynchronous.json
        } else {
            task["cohort_size"] = .integer(scenario.task.cohortSize)
            task["over_selection"] = .number(scenario.task.overSelection)
            task["min_reports"] = .integer(setup.plan.rules.minimumReports)
        }
        task["privacy"] = privacy(scenario.task.privacy, setup.plan.privacy)
        root["task"] = .object(task)
        var simulation = object(root["simulation"])
        simulation["seed"] = .integer(Int(scenario.seed))
        simulation["clients"] = .integer(setup.partition.clientCount)
        simulation["partition"] = scenario.partition
        simulation["attack"] = scenario.attack?.json
        simulation["privacy_attack"] = scenario.privacyAttack?.json
        simulation["workers"] = nil
        root["simulation"] = .object(simulation)
        root["resolved"] = .object([
            "version": .string(ProductVersion.current),
            "noise_source": .string(setup.plan.privacy == nil ? "none" : setup.noise.name),
            "parameters": .integer(setup.plan.dimension),
            "ring_bits": .integer(setup.plan.codec.bits),
            "grid_scale": .number(setup.plan.codec.scale),
            "bytes_per_report": .integer(setup.plan.reportBytes),
        ])
        root["server"] = nil
        root["sweep"] = nil
        return JSONValue.object(root).text(indented: true) + "\n"
    }

    /// What only a task that trains a model has.
    private static func trainingKeys(
        _ scenario: Scenario, _ setup: SimulationSetup, _ task: inout [String: JSONValue]
    ) {
        task["model"] = scenario.task.model.json
        task["training"] = setup.plan.training.json
        task["strategy"] = scenario.task.strategy.json
        task["compression"] = scenario.task.compressionJSON
        if let robust = scenario.task.robust { task["robust"] = robust.json }
        task["rounds"] = .integer(scenario.task.rounds)
    }

    private static func privacy(_ configuration: PrivacyConfiguration, _ plan: PrivacyPlan?) -> JSONValue {
        guard let plan else { return .object(["mode": .string("none")]) }
        var members: [String: JSONValue] = [
            "mode": .string(configuration.mode.rawValue),
            "mechanism": .string(configuration.mechanism),
            "clipping_norm": .number(configuration.clippingNorm),
            "noise_multiplier": .number(plan.noiseMultiplier),
            "sampling": .string(configuration.sampling.rawValue),
            "adjacency": .string(configuration.adjacency.rawValue),
            "target_delta": .number(configuration.targetDelta),
            "accountant": .string(configuration.accountant.rawValue),
        ]
        if configuration.clipsPerLayer { members["per_layer_clipping"] = .bool(true) }
        if let tree = plan.tree {
            members["rounds_per_tree"] = .integer(tree.leaves)
            if tree.estimator != .prefix { members["tree_estimator"] = .string(tree.estimator.rawValue) }
        }
        if let matrix = plan.matrix {
            members["matrix"] = .object([
                "strategy": .string(matrix.name), "bands": .integer(matrix.strategy.bands),
                "min_separation": .integer(matrix.pattern.separation),
                "max_participations": .integer(matrix.pattern.participations),
            ])
        }
        if let target = configuration.targetEpsilon { members["target_epsilon"] = .number(target) }
        return .object(members)
    }

    private static func object(_ value: JSONValue?) -> [String: JSONValue] {
        if case .object(let members)? = value { members } else { [:] }
    }
}
