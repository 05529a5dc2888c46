internal import Federation
internal import Learning
internal import Privacy

/// `GET /api/dashboard`: everything that the page shows, of one moment, in one answer.
struct DashboardView: Encodable, Sendable {
    /// Rounds and agents that one answer holds at most: the newest, and those seen last.
    static let mostRounds = 500
    static let mostAgents = 200

    /// The moment by the server's clock, seconds since 1970.
    var at: Double
    var plan: PlanView
    var status: StatusView
    /// In order; the open one last.
    var rounds: [RoundView]
    /// Those seen last, the latest first.
    var agents: [AgentView]
    /// Nil where the ledger cannot be read.
    var ledger: LedgerView?
    var models: [ModelView]
    /// The newest first.
    var events: [RecentEvents.Event]
}

/// What the run is to do, as it was resolved at its start.
struct PlanView: Encodable, Sendable {
    var task: String
    /// Parameters of the model.
    var parameters: Int
    var strategy: String
    var localEpochs: Int
    var rounds: Int
    var cohortSize: Int
    var minimumReports: Int
    /// Agents that the plan counts on.
    var population: Int
    /// Seconds that agents have from the opening of a round.
    var reportDeadline: Double
    var evaluateEvery: Int
    /// `server`, `federated` or `none`.
    var holdout: String
    /// Whether the server sees sums of updates only.
    var masked: Bool
    var privacyMode: String
    var mechanism: String?
    var sampling: String?
    var adjacency: String?
    var noiseMultiplier: Double?
    var clippingNorm: Double?
    /// The budget against whoever sees the released models; nil: none was set.
    var targetEpsilon: Double?
    var delta: Double?

    init(_ plan: TaskPlan) {
        let (task, privacy) = (plan.configuration, plan.privacy)
        self.task = task.name
        parameters = plan.dimension
        strategy = task.strategy.name
        localEpochs = plan.training.localEpochs
        rounds = plan.rules.rounds
        cohortSize = task.cohortSize
        minimumReports = plan.rules.minimumReports
        population = plan.population
        reportDeadline = task.reportDeadline
        evaluateEvery = task.evaluateEvery
        holdout = task.holdout.rawValue
        masked = plan.masksReports
        privacyMode = task.privacy.mode.rawValue
        mechanism = privacy?.mechanismName
        sampling = privacy?.configuration.sampling.rawValue
        adjacency = privacy?.configuration.adjacency.rawValue
        noiseMultiplier = privacy?.noiseMultiplier
        clippingNorm = privacy?.configuration.clippingNorm
        targetEpsilon = privacy?.configuration.targetEpsilon
        delta = privacy?.configuration.targetDelta
    }
}
