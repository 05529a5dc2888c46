internal import Datasets
internal import Compute
internal import Federation
internal import Learning

/// The runs that a report compares a federation with.
enum Baselines {
    /// Epochs of central training: as many passes as the federation's clients make over their data, within reason.
    private static let epochRange = 10...100

    static func run(_ scenario: Scenario, _ setup: SimulationSetup) throws -> [SimulationSummary.Baseline] {
        guard let holdout = setup.holdout, setup.plan.configuration.statistics == nil else { return [] }
        return try scenario.baselines.compactMap { baseline in
            switch baseline {
            case .central where setup.plan.model.forest != nil: return try pooledForest(scenario, setup)
            case .central: return try central(setup, holdout)
            case .withoutPrivacy:
                return setup.plan.privacy == nil ? nil : try withoutPrivacy(scenario, setup)
            }
        }
    }

    private static func central(
        _ setup: SimulationSetup, _ holdout: Examples
    ) throws -> SimulationSummary.Baseline {
        let plan = setup.plan
        let passes = plan.configuration.rounds * plan.training.localEpochs * plan.configuration.cohortSize
        let epochs = min(
            max(passes / setup.partition.clientCount, epochRange.lowerBound), epochRange.upperBound)
        let model = try plan.model.pooled(seed: setup.seed)
        let trainer = CentralTrainer(
            model: model, options: plan.configuration.training,
            central: CentralTrainingOptions(epochs: epochs),
            seed: setup.seed)
        let parameters: ParameterVector
        do {
            parameters = try trainer.train(on: trainingExamples(setup)).parameters
        } catch is TrainingError {
            // A baseline that diverges is a poor baseline; the run that it stands beside keeps its results.
            return .init(name: Scenario.Baseline.central.rawValue, accuracy: nil, loss: nil)
        }
        let metrics = try HoldoutEvaluator(
            model: model, options: plan.training, holdout: holdout, workers: setup.workers
        ).evaluate(
            parameters)
        return .init(
            name: Scenario.Baseline.central.rawValue, accuracy: metrics.accuracy, loss: metrics.loss,
            rmse: metrics.inUnit(scale: setup.targetScale).rootMeanSquaredError)
    }

    /// What clients train on, in one place; without what they keep from it.
    private static func trainingExamples(_ setup: SimulationSetup) -> Examples {
        guard setup.clientHoldout != nil else { return setup.training }
        let rows = (0..<setup.partition.clientCount).flatMap { setup.partition[$0] }.sorted()
        return setup.training.subset(rows)
    }

    /// The forest that grows where all rows are one client's.
    private static func pooledForest(
        _ scenario: Scenario, _ setup: SimulationSetup
    ) throws -> SimulationSummary.Baseline {
        var task = scenario.task
        (task.cohortSize, task.overSelection, task.minimumReports) = (1, 1, nil)
        let rows = (0..<setup.partition.clientCount).flatMap { setup.partition[$0] }.sorted()
        var pooled = setup
        (pooled.partition, pooled.clientHoldout) = (Partition(clients: [rows]), nil)
        pooled.faults = try FleetModel(nil)
        return try open(.central, task, pooled, population: 1)
    }

    private static func withoutPrivacy(
        _ scenario: Scenario, _ setup: SimulationSetup
    ) throws -> SimulationSummary.Baseline {
        try open(.withoutPrivacy, scenario.task, setup, population: setup.plan.population)
    }

    /// The last model of a federation without privacy.
    private static func open(
        _ baseline: Scenario.Baseline, _ task: TaskConfiguration, _ setup: SimulationSetup, population: Int
    ) throws -> SimulationSummary.Baseline {
        var task = task
        task.privacy.mode = .none
        task.privacy.example = nil
        // Clients' metrics ride in vectors that privacy bounds; here the server looks for itself.
        task.holdout = task.model.keepsLocalParameters ? .none : .server
        task.targetAccuracy = nil
        task.evaluateEvery = task.rounds
        var open = setup
        // Plain averaging is summed in a ring that no mask covers.
        open.masks = false
        open.plan = try TaskPlan(task, model: setup.plan.model, population: population)
        let simulator = try Simulator(open, journal: try SilentJournal())
        _ = try simulator.run()
        let last = simulator.progress.records.last
        return .init(
            name: baseline.rawValue, accuracy: last?.accuracy, loss: last?.loss,
            rmse: last?.rmse)
    }
}
