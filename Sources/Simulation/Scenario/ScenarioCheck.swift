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
        let settings = ScenarioRun.Settings(
            out: "", workers: nil, secureNoise: false, resumes: false, command: "")
        let (scenario, setup, dataset) = try ScenarioLoader.load(document, settings)
        var members = try setup.plan.description()
        members["examples"] = .integer(dataset.train.count)
        members["memory_bytes"] = .integer(Self.memory(setup))
        json = .object(members)
        warnings = dataset.warnings + ScenarioWarnings.of(scenario, setup.plan)
        lines = TaskPlan.lines(members)
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
}
