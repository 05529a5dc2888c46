internal import Compute
internal import Configuration
internal import Cryptography
internal import Federation
internal import Learning
internal import Ledger
internal import Messages
internal import Notation
internal import Operations
internal import Privacy

/// A run at the start of the process: a new one, or where the state directory says it stands.
struct RunOpening {
    /// Where it stands, as `run.json` says.
    let run: RunState
    /// The newest model.
    let model: StoredModel
    /// How the next model comes from it.
    let serverUpdate: ServerUpdate
    /// The file of the parameters that nobody trains; nil where there are none.
    let frozen: StoredFrozenModel?

    /// Reads the run of `state`, or begins one at `now`, seconds since 1970. Throws a `Failure` where the folder holds
    /// something else.
    init(_ setup: ServerSetup, _ state: StateDirectory, now: Double) throws {
        let plan = setup.plan
        if let run = try state.run() {
            guard run.taskSHA256 == setup.taskDigest, run.seed == setup.configuration.seed,
                run.population == setup.configuration.population, run.startSHA256 == setup.startDigest,
                run.run == setup.configuration.run ?? run.run
            else {
                throw Failure(
                    .invalidInput,
                    "\(state.path) holds a run of another task, checkpoint, seed or population; name another "
                        + "state_directory")
            }
            frozen = try state.frozenModel(of: plan.model)
            let newest = try Self.model(run, state, plan)
            serverUpdate = try ServerUpdate(
                clippingNorm: state.optimizerState(
                    run.modelRound, names: plan.stateNames,
                    count: plan.dimension, digest: run.optimizerStateSHA256
                ).clippingNorm, published: run.published, plan: plan)
            model = try Self.published(newest, serverUpdate, run.optimizerStateSHA256, state)
                .packing(on: plan.configuration.download)
            try state.mendLatest(run.modelRound, digest: run.modelSHA256, next: run.round + 1)
            self.run = run
            return
        }
        try state.requireNew()
        frozen = try state.frozenModel(of: plan.model)
        serverUpdate = try ServerUpdate(plan: plan)
        let stateHash = try RunningHash()
        let digest = try Self.writeInitialModel(setup, state, serverUpdate, stateHash)
        try state.writeLatest(0)
        let initial = try StoredModel(0, digest: digest, in: state, layout: plan.model.layout)
        var run = RunState(
            run: try setup.configuration.run
                ?? Hexadecimal.text(of: SecureRandom.bytes(count: AgentProtocol.runBytes)),
            taskSHA256: setup.taskDigest, seed: setup.configuration.seed,
            population: setup.configuration.population, created: now, modelSHA256: digest)
        (run.ledger, run.optimizerStateSHA256) = (.nothing, try stateHash.text())
        run.startSHA256 = setup.startDigest
        model = try Self.published(initial, serverUpdate, run.optimizerStateSHA256, state)
        try state.write(run)
        self.run = run
    }

    /// The model with what agents are given beside it.
    private static func published(
        _ model: StoredModel, _ update: ServerUpdate, _ stateDigest: String?, _ state: StateDirectory
    ) throws -> StoredModel {
        guard update.publishesState else { return model }
        guard let stateDigest else { throw StateDirectory.missing(state.runPath) }
        return try model.publishing(stateDigest: stateDigest, from: state)
    }

    /// The newest model, its file read once. Throws a storage `Failure` where it is not the one that was published.
    private static func model(_ run: RunState, _ state: StateDirectory, _ plan: TaskPlan) throws
        -> StoredModel
    {
        let path = state.modelPath(run.modelRound)
        do {
            let model = try StoredModel(
                run.modelRound, digest: run.modelSHA256, in: state, layout: plan.model.layout)
            try model.verify(path: path)
            return model
        } catch let error as ConfigurationError {
            throw Failure(.storage, "\(path): damaged (\(error.problem)); restore it from a backup")
        }
    }

    /// Stores the model that the seed gives, and returns its digest.
    private static func writeInitialModel(
        _ setup: ServerSetup, _ state: StateDirectory, _ serverUpdate: ServerUpdate, _ stateHash: RunningHash
    ) throws -> String {
        let initial = setup.plan.model.initialParameters(seed: setup.configuration.seed).values
        return try state.writeModel(
            0, head: setup.modelHead(round: 0), count: initial.count, clippingNorm: serverUpdate.clippingNorm,
            stateNames: [], stateHash: stateHash
        ) { start, parameters, _ in
            _ = parameters.update(fromContentsOf: initial[start..<start + parameters.count])
        }
    }
}
