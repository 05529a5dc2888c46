internal import Compute
internal import Configuration
internal import Datasets
internal import Federation
internal import Foundation
internal import Learning

/// Loads what a scenario names and resolves its plan.
enum ScenarioLoader {
    /// Data, partition, model and plan of a scenario. Throws for the first thing that is not right; nothing is
    /// written.
    static func load(
        _ scenario: Scenario, _ settings: ScenarioRun.Settings
    ) throws -> (setup: SimulationSetup, dataset: Dataset) {
        let source = try DataSource(scenario.data, path: "simulation.data", folder: scenario.document.folder)
        // Read before the data, which may take a while to load: a mistake in it shows at once.
        _ = try PartitionerCatalog.partitioner(Section(scenario.partition, path: "simulation.partition"))
        let schema = try scenario.task.schema.map { try Preprocessing($0, path: "task.schema") }
        try schema?.checkCompleteness(path: "task.schema")
        let dataset = try source.load(seed: scenario.seed, preprocessing: schema)
        let partition = try PartitionerCatalog.partition(
            dataset.partitionSubject, section: Section(scenario.partition, path: "simulation.partition"),
            clients: scenario.clients, seed: scenario.seed)
        let model = try Model(scenario.task.model, inputShape: dataset.train.featureShape)
        let loss =
            scenario.task.training.loss ?? LossCatalog.standard(for: model, targets: dataset.train.targets)
        try LossCatalog.check(loss, model: model, targets: dataset.train.targets)
        let plan = try TaskPlan(scenario.task, model: model, population: partition.clientCount)
        if settings.masks, scenario.task.privacy.mode != .distributed {
            throw ConfigurationError(
                path: "task.privacy.mode", problem: "--secagg real goes with mode \"distributed\"")
        }
        var setup = SimulationSetup(
            plan: plan, training: dataset.train, holdout: dataset.test, partition: partition,
            seed: scenario.seed,
            faults: scenario.faults, workers: workers(scenario, settings),
            noise: settings.secureNoise ? .secure : .seeded(scenario.seed))
        setup.masks = settings.masks
        return (setup, dataset)
    }

    /// What a published model says of itself.
    static func description(
        _ scenario: Scenario, _ setup: SimulationSetup, _ dataset: Dataset
    ) -> ModelFile.Description {
        let loss =
            setup.plan.training.loss
            ?? LossCatalog.standard(for: setup.plan.model, targets: dataset.train.targets)
        return ModelFile.Description(
            model: scenario.task.model.json, inputShape: setup.plan.model.inputShape,
            loss: ModelFile.json(of: loss), data: dataset.preprocessing.json, label: dataset.labelName)
    }

    private static func workers(_ scenario: Scenario, _ settings: ScenarioRun.Settings) -> Int {
        if let workers = settings.workers { return workers }
        return scenario.workers > 0 ? scenario.workers : ProcessInfo.processInfo.activeProcessorCount
    }
}
