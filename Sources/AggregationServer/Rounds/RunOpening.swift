internal import Compute
internal import Cryptography
internal import Federation
internal import Learning
internal import Messages
internal import Operations

/// A run at the start of the process: a new one, or where the state directory says it stands.
struct RunOpening {
    let run: RunState
    /// The newest model.
    let model: StoredModel
    let movement: ModelMovement

    init(_ setup: ServerSetup, _ state: StateDirectory, now: Double) throws {
        let plan = setup.plan
        if let run = try state.run() {
            guard run.taskSHA256 == setup.taskDigest, run.seed == setup.configuration.seed,
                run.population == setup.configuration.population
            else {
                throw Failure(
                    .invalidInput,
                    "\(state.path) holds a run of another task, seed or population; name another state_directory"
                )
            }
            model = try StoredModel(
                run.modelRound, digest: run.modelSHA256, in: state, layout: plan.model.layout)
            try model.verify(path: state.modelPath(run.modelRound))
            movement = try ModelMovement(
                clippingNorm: state.memory(run.modelRound, count: plan.dimension).clippingNorm, plan: plan)
            self.run = run
            return
        }
        movement = try ModelMovement(plan: plan)
        let digest = try Self.writeInitialModel(setup, state, movement)
        try state.writeLatest(0)
        model = try StoredModel(0, digest: digest, in: state, layout: plan.model.layout)
        run = RunState(
            run: RunIdentity.text(try SecureRandom.bytes(count: AgentProtocol.runBytes)),
            taskSHA256: setup.taskDigest, seed: setup.configuration.seed,
            population: setup.configuration.population, created: now, modelSHA256: digest)
        try state.write(run)
    }

    /// Stores the model that the seed gives, and returns its digest.
    private static func writeInitialModel(
        _ setup: ServerSetup, _ state: StateDirectory, _ movement: ModelMovement
    ) throws -> String {
        let initial = setup.plan.model.initialParameters(seed: setup.configuration.seed).values
        return try state.writeModel(
            0, head: setup.modelHead(round: 0), count: initial.count, clippingNorm: movement.clippingNorm,
            remembers: false
        ) { start, parameters, _ in
            _ = parameters.update(fromContentsOf: initial[start..<start + parameters.count])
        }
    }
}
