package import Compute
package import Datasets
package import Federation
package import Operations

/// What a trainer is given for one round.
package struct TrainingJob {
    package let plan: TaskPlan
    /// SHA-256 of the task's text: equal tasks have equal plans.
    package let task: String
    package let round: Int
    /// The agent's place in the roster and the task's seed: they key data order and drop-out masks, exactly as
    /// a simulated client's.
    package let client: Int
    package let seed: UInt64
    /// The global model of the round.
    package let model: ParameterVector
    /// How the published model's inputs are prepared; nil: each agent fits its own.
    package let preprocessing: Preprocessing?
    /// When local work must be over, whatever came of it; nil: whenever it is done.
    package var mustEnd: ContinuousClock.Instant?
    /// The file of the parameters that nobody trains; nil where the model has none.
    package let frozenFile: String?
    /// What the client has beside the model; its memory is left as the next round is to find it.
    package var context = ClientContext()

    package init(
        plan: TaskPlan, task: String, round: Int, client: Int, seed: UInt64, model: ParameterVector,
        preprocessing: Preprocessing?, mustEnd: ContinuousClock.Instant? = nil, frozenFile: String? = nil
    ) {
        self.plan = plan
        self.task = task
        self.round = round
        self.client = client
        self.seed = seed
        self.model = model
        self.preprocessing = preprocessing
        self.mustEnd = mustEnd
        self.frozenFile = frozenFile
    }
}

/// Why local training gave no update: nothing of the data is in the text.
package struct TrainerFailure: ExitCoded, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    package var exitCode: ExitCode { .invalidInput }
}

/// A task that does not say what columns and classes mean: each site would number its own.
package struct TaskWithoutSchema: ExitCoded, Equatable, CustomStringConvertible {
    package let description =
        "the server's task has no schema: it does not say what columns and classes mean, and sites could differ unseen"

    package init() {}

    package var exitCode: ExitCode { .invalidInput }
}

/// Trains on the agent's private data.
package protocol RoundTrainer: AnyObject {
    /// Whether the trainer reads the file of frozen parameters itself, so that the agent need not hold them in memory.
    var readsFrozenFile: Bool { get }
    /// Throws what keeps this agent from ever serving the job's task: its data have other columns or classes, or its
    /// program cannot do what the task wants. Asked once a task, before any of its rounds, and at no time that a
    /// round's report depends on.
    func examine(_ job: TrainingJob) throws
    /// Trains and calls `body` with the change of the model, in the order of its layout, and the number of
    /// examples behind it. The change is valid during the call only.
    func withUpdate<Result>(
        _ job: TrainingJob, _ body: (UnsafeBufferPointer<Float>, Int) throws -> Result
    ) throws -> Result
    /// What the agent's data say of the model of the round, before training. Throws where the trainer cannot tell.
    func metrics(_ job: TrainingJob) throws -> ClientMetrics
    /// Gives back what is kept between rounds; the next round loads it again.
    func rest()
}

extension RoundTrainer {
    package var readsFrozenFile: Bool { false }
}
