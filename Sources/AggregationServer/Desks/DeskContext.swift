internal import Federation
internal import Operations

/// Whom desks tell that something has changed which others see: the host of their run.
protocol DeskObserver: AnyObject {
    /// Event loops have to know: the rounds, their members or the agents are others than before.
    func boardChanged()
    /// Dashboards have to show it.
    func statusChanged()
}

/// What the desks of one run share and none of them owns: what the run is about, its clock, and the ways to tell
/// operators. For the run's own thread only.
final class DeskContext {
    /// Seconds between two log lines of one complaint.
    private static let complaintSeconds = 30.0

    /// The configuration, and what follows from it.
    let setup: ServerSetup
    /// The task as it is carried out.
    let plan: TaskPlan
    /// What event loops may know without asking.
    let board: RoundBoard
    /// What operators measure.
    let metrics: ServerMetrics
    /// What operators read.
    let log: Logger
    /// The agents, whom other runs of this server may ask too.
    let agents: SharedAgents
    /// What concerns the whole server.
    let condition: ServerCondition
    /// Tells those who want to be called; nil where nobody does.
    var notices: NoticeSender?
    /// Nil until the host is there to be told.
    weak var observer: (any DeskObserver)?
    private let clock: () -> Double
    /// When each complaint about storage was logged last.
    private var complaints: [String: Double] = [:]

    /// `clock` says the time, seconds since 1970, and never goes back.
    init(
        _ setup: ServerSetup, board: RoundBoard, metrics: ServerMetrics, log: Logger,
        agents: SharedAgents = SharedAgents(areShared: false),
        condition: ServerCondition = ServerCondition(), clock: @escaping () -> Double
    ) {
        self.setup = setup
        plan = setup.plan
        self.board = board
        self.metrics = metrics
        self.log = log
        self.agents = agents
        self.condition = condition
        self.clock = clock
    }

    /// Seconds since 1970.
    var now: Double { clock() }
    /// The same for the engine.
    var instant: Instant { Instant(seconds: now) }

    /// See ``DeskObserver/boardChanged()``.
    func boardChanged() { observer?.boardChanged() }
    /// See ``DeskObserver/statusChanged()``.
    func statusChanged() { observer?.statusChanged() }

    // MARK: Agents of several runs

    /// Names of agents that rounds of other runs have.
    var takenElsewhere: Set<String> {
        guard agents.areShared else { return [] }
        return agents.reservations.takenByOthers(than: board.read { $0.run }, at: now)
    }

    /// A round of this run has these agents until `until`, seconds since 1970. Nothing is kept where the sampling of cohorts
    /// is claimed: who is in them is nobody's business, other runs' included.
    func reserve(_ names: [String], run: String, round: Int, until: Double?) {
        guard agents.areShared, plan.configuration.privacy.sampling == .none, let until else { return }
        agents.reservations.take(names, run: run, round: round, until: until)
    }

    /// An agent was given work of this run.
    func noteAssignment(_ name: String, run: String) { agents.noteAssignment(name, run: run) }

    /// A write failed: nothing is lost, everybody is told, and the step is tried again until the disk is mended. `what`
    /// follows "cannot"; the same complaint is logged every half minute at most.
    func storageFailed(_ what: String, _ error: any Error) {
        let now = now
        if now - (complaints[what] ?? -.infinity) >= Self.complaintSeconds {
            complaints[what] = now
            log.error("cannot \(what); will try again", ["error": .text("\(error)")])
            notifyOfStorage(what, error)
        }
        metrics.storageFailures.increment()
        board.change { $0.isHealthy = false }
    }
}
