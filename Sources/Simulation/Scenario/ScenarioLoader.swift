internal import Compute
internal import Configuration
internal import Datasets
internal import Federation
internal import Foundation
internal import Learning

/// Loads what a scenario names and resolves its plan.
enum ScenarioLoader {
    /// A scenario with its data, partition, model and plan. Throws for the first thing that is not right; nothing is
    /// written.
    static func load(
        _ document: ConfigurationDocument, _ settings: ScenarioRun.Settings, from shelf: DatasetShelf? = nil
    ) throws -> (scenario: Scenario, setup: SimulationSetup, dataset: Dataset) {
        let (scenario, dataset) = try withEdges(read(document, from: shelf))
        let partition = try PartitionerCatalog.partition(
            dataset.partitionSubject, section: Section(scenario.partition, path: "simulation.partition"),
            clients: scenario.clients, seed: scenario.seed)
        let (training, held) = try divide(partition, scenario, dataset)
        let model = try StartingModel(
            Model(scenario.task.model, inputShape: dataset.train.featureShape), seed: scenario.seed,
            folder: scenario.document.folder
        ).model
        let loss =
            scenario.task.training.loss ?? LossCatalog.standard(for: model, targets: dataset.train.targets)
        try model.check(dataset.train)
        try LossCatalog.check(loss, model: model, targets: dataset.train.targets)
        let plan = try TaskPlan(scenario.task, model: model, population: training.clientCount)
        try checkForest(scenario, plan)
        try StatisticsRules.check(scenario, plan, dataset.train)
        if settings.masks, scenario.task.privacy.mode != .distributed {
            throw ConfigurationError(
                path: "task.privacy.mode", problem: "--secagg real goes with mode \"distributed\"")
        }
        var setup = SimulationSetup(
            plan: plan, training: dataset.train, holdout: holdout(scenario, dataset), partition: training,
            seed: scenario.seed,
            faults: scenario.faults, workers: workers(scenario, settings),
            noise: settings.secureNoise ? .secure : .seeded(scenario.seed))
        setup.masks = settings.masks
        setup.clientHoldout = held
        setup.attack = scenario.attack
        try scenario.attack?.attack.check(dataset.train)
        if scenario.attack != nil, plan.report.trained.count != plan.dimension {
            throw ConfigurationError(
                path: "simulation.attack",
                problem:
                    "changes updates of the model, but strategy \"\(scenario.task.strategy.name)\" has clients send more "
                    + "than that; remove one of the two")
        }
        // What has no meaning shows before a round is played.
        if let attack = scenario.privacyAttack { _ = try PrivacyAttacks(attack, setup) }
        setup.targetScale = dataset.preprocessing.targetScale?.scale ?? 1
        return (scenario, setup, dataset)
    }

    /// What clients train on, and what they keep from it; nil: nothing.
    private static func divide(
        _ partition: Partition, _ scenario: Scenario, _ dataset: Dataset
    ) throws -> (training: Partition, held: Partition?) {
        guard scenario.clientHoldout > 0 else { return (partition, nil) }
        let (training, held) = try ClientHoldout.divide(
            partition, share: scenario.clientHoldout, seed: scenario.seed)
        return (training, held)
    }

    /// A scenario and its data, which say how many outputs a preset has that does not.
    private static func read(
        _ document: ConfigurationDocument, from shelf: DatasetShelf?
    ) throws -> (Scenario, Dataset) {
        guard case .object(var members) = document.root, let task = members["task"],
            ModelOutputs.areMissing(in: task)
        else {
            let scenario = try Scenario(document)
            return (scenario, try data(scenario, from: shelf))
        }
        func scenario(_ task: JSONValue) throws -> Scenario {
            members["task"] = task
            return try Scenario(ConfigurationDocument(root: .object(members), file: document.file))
        }
        let dataset = try data(scenario(ModelOutputs.standIn(in: task)), from: shelf)
        return (try scenario(ModelOutputs.completing(task, for: dataset.train.targets)), dataset)
    }

    /// The same with edges from the training rows, where a forest is to be cut at quantiles.
    private static func withEdges(_ read: (scenario: Scenario, dataset: Dataset)) throws -> (
        Scenario, Dataset
    ) {
        let document = read.scenario.document
        guard case .object(var members) = document.root, let task = members["task"],
            let bins = ForestEdges.bins(in: task)
        else { return read }
        members["task"] = ForestEdges.completing(task, bins: bins, for: read.dataset.train)
        return (
            try Scenario(ConfigurationDocument(root: .object(members), file: document.file)), read.dataset
        )
    }

    /// What a forest does not go with, of all that only a scenario has.
    private static func checkForest(_ scenario: Scenario, _ plan: TaskPlan) throws {
        guard plan.model.forest != nil else { return }
        if scenario.attack != nil {
            throw ConfigurationError(
                path: "simulation.attack",
                problem:
                    "changes updates of a network, but of a forest clients send sums; remove one of the two")
        }
        if scenario.fineTuneEpochs != nil {
            throw ConfigurationError(
                path: "simulation.fine_tune_epochs",
                problem: "trains each client's model by steps, which a forest has none of; remove it")
        }
    }

    /// A scenario read as far as that goes without its data. Throws for the first thing that is not right.
    static func scenario(_ document: ConfigurationDocument) throws -> Scenario {
        guard case .object(var members) = document.root, let task = members["task"],
            ModelOutputs.areMissing(in: task)
        else { return try Scenario(document) }
        members["task"] = ModelOutputs.standIn(in: task)
        return try Scenario(ConfigurationDocument(root: .object(members), file: document.file))
    }

    /// What the server measures models on. A fold that is held out is that also where the data have a test part of their
    /// own, of which it then is the validating part.
    private static func holdout(_ scenario: Scenario, _ dataset: Dataset) -> Examples? {
        guard case .object(let data) = scenario.data, case .object(let split)? = data["split"],
            split["folds"] != nil, split["validation"] == nil
        else { return dataset.test }
        return dataset.validation ?? dataset.test
    }

    private static func data(_ scenario: Scenario, from shelf: DatasetShelf?) throws -> Dataset {
        guard let shelf else { return try data(scenario) }
        return try shelf.dataset(DatasetShelf.key(of: scenario)) { try data(scenario) }
    }

    private static func data(_ scenario: Scenario) throws -> Dataset {
        let source = try DataSource(scenario.data, path: "simulation.data", folder: scenario.document.folder)
        // Read before the data, which may take a while to load: a mistake in it shows at once.
        _ = try PartitionerCatalog.partitioner(Section(scenario.partition, path: "simulation.partition"))
        let schema = try scenario.task.schema.map { try Preprocessing($0, path: "task.schema") }
        try schema?.checkCompleteness(path: "task.schema")
        return try source.load(
            seed: scenario.seed, preprocessing: schema, requiresLabel: scenario.task.training.needsTargets)
    }

    /// What a published model says of itself.
    static func description(
        _ scenario: Scenario, _ setup: SimulationSetup, _ dataset: Dataset
    ) -> ModelFile.Description {
        let loss =
            setup.plan.training.loss
            ?? LossCatalog.standard(for: setup.plan.model, targets: dataset.train.targets)
        return ModelFile.Description(
            model: setup.plan.model.spec.json, inputShape: setup.plan.model.inputShape,
            loss: ModelFile.json(of: loss), data: dataset.preprocessing.json, label: dataset.labelName)
    }

    private static func workers(_ scenario: Scenario, _ settings: ScenarioRun.Settings) -> Int {
        if let workers = settings.workers { return workers }
        return scenario.workers > 0 ? scenario.workers : ProcessInfo.processInfo.activeProcessorCount
    }
}
