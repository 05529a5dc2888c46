package import Configuration
internal import Compute
internal import Datasets
internal import Federation
internal import Learning
internal import Privacy

/// The audit of `privacy.example`: one client trains through all rounds by itself, with canary records among its own.
///
/// A canary is what a record's gradient is at worst, so that the cut of single gradients is not tried; batches, noise, grid and
/// the number of steps are those of any training.
package struct RecordAudit {
    /// Name of the task.
    package let taskName: String
    /// Rounds of the audited run.
    package var rounds: Int { setup.plan.rules.rounds }
    private let setup: SimulationSetup
    private let claim: ExamplePlan
    private let example: ExamplePlan
    private let settings: AuditRun.Settings
    private let canaries: Int

    /// Reads, checks and loads a scenario. Throws ``ConfigurationError`` for what cannot be audited.
    package init(_ document: ConfigurationDocument, _ settings: AuditRun.Settings) throws {
        let setup = try ScenarioLoader.load(document, settings.run).setup
        try self.init(setup, claimed: setup.plan, settings)
    }

    /// The audit of a setup that trains otherwise than is claimed: what its own tests plant.
    init(_ setup: SimulationSetup, claimed plan: TaskPlan, _ settings: AuditRun.Settings) throws {
        guard let example = setup.plan.example, let claim = plan.example else {
            throw ConfigurationError(
                path: "task.privacy.example",
                problem: "is missing, so that nothing is promised to single records")
        }
        guard setup.plan.model.trainedCount == setup.plan.dimension, setup.plan.clientMemory.isEmpty,
            !setup.partition[0].isEmpty
        else {
            throw ConfigurationError(
                path: "task.model",
                problem: "cannot be audited for records: a client trains more than is shared")
        }
        let count = settings.canaries ?? min(1000, max(20, setup.plan.dimension / 4))
        guard settings.significance > 0, settings.significance < 1 else {
            throw ConfigurationError(path: "--significance", problem: "must lie between 0 and 1")
        }
        taskName = plan.configuration.name
        (self.setup, self.example, self.claim) = (setup, example, claim)
        (self.settings, canaries) = (settings, count)
    }

    /// Trains the first client with canaries. Nil where the observer wanted to stop. Throws what training throws.
    package func perform(_ observer: any SimulationObserver) throws -> AuditOutcome? {
        let configuration = setup.plan.configuration.privacy
        let isIn = CanaryFleet.coins(canaries, seed: setup.seed)
        guard let scores = try scores(isIn: isIn, { observer.wantsToStop }) else { return nil }
        let delta = configuration.targetDelta
        let claimed = try claim.epsilon(rounds: rounds, delta: delta)
        var outcome = AuditOutcome(
            task: taskName, unit: "record", mode: configuration.mode.rawValue, mechanism: "gaussian",
            adjacency: claim.event(rounds: rounds).adjacency.rawValue, delta: delta,
            significance: settings.significance, canaries: canaries, rounds: rounds, isMasked: false,
            noiseSource: setup.noise.name, claimed: claimed, forms: [], estimate: nil, notes: [Self.scope])
        outcome.forms = try AuditRun.forms(
            scores, claimed: claimed, delta: delta, significance: settings.significance / 3)
        outcome.take(scores)
        return outcome
    }

    private static let scope =
        "records: gradients of canaries are made up, so that the clipping of single gradients is not tried"

    /// Trains, and scores every canary. `ended` is told of each round and says whether to stop; nil then.
    private func scores(isIn: [Bool], _ ended: () -> Bool) throws -> CanaryScores? {
        let plan = setup.plan
        let trainer = LocalTrainer(model: plan.model, options: plan.training, privately: true)
        let directions = CanaryDirections(count: plan.dimension, seed: setup.seed)
        var model = plan.model.initialParameters(seed: setup.seed).values
        var scores = [Double](repeating: 0, count: isIn.count)
        for round in 1...plan.rules.rounds {
            let canaries = RecordCanaries(
                ExamplePrivatizer(example, source: try setup.noise.source(client: Self.stream, round: round)),
                isIn: isIn, directions: directions, clippingNorm: example.configuration.clippingNorm)
            try setup.partition[0].withUnsafeBufferPointer { indices in
                let delta = try model.withUnsafeBufferPointer {
                    try trainer.privateDelta(
                        from: $0, on: setup.training, indices: indices,
                        stream: TrainingStream(seed: setup.seed, client: 0, round: round),
                        plan: example.training, privatizer: canaries
                    ).delta
                }
                for place in model.indices { model[place] += delta[place] }
            }
            for (canary, score) in canaries.scores.enumerated() { scores[canary] += score }
            if ended() { return nil }
        }
        return CanaryScores(scores: scores, isIn: isIn)
    }

    /// Far above every client's number, where per-example streams are.
    private static let stream = 1 << 31
}
