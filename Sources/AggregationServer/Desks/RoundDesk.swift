internal import Custody
internal import Federation
internal import Operations

/// The open round: the engine that decides about it, the steps that it asks for, and the round's file as far as it has
/// come. Whoever brings the engine news gets its answer here; the steps that follow are carried out by the host.
final class RoundDesk {
    /// A round that has just been opened.
    struct Opening {
        /// Its file, which is durable.
        let file: RoundFile
        /// What the engine wants of it, to be noted with ``RoundDesk/note(_:)`` once agents may learn of the round.
        let then: [RoundAction]
    }

    private let context: DeskContext
    private var engine: RoundEngine
    private var generator: CohortGenerator<SecureNoise>
    /// Steps that are due, the first first.
    private var steps: [RoundAction] = []
    /// The last round whose collection was logged as closed.
    private var closedRound = 0

    /// File of the open round as it is to be written next; nil between rounds.
    private(set) var file: RoundFile?

    /// A desk before the first round. Throws where the system has no randomness.
    init(_ context: DeskContext) throws {
        self.context = context
        engine = RoundEngine(rules: Self.rules(context.plan))
        generator = try CohortGenerator<SecureNoise>()
    }

    /// Begins after `round`, of which `charged` were charged, as `books` say besides; they do not have the last
    /// `abandoned` rounds yet. `participants` are those of the present participation window.
    func restart(
        after books: BookDesk, round: Int, charged: Int, abandoned: Int = 0, participants: Set<Int> = []
    ) {
        engine = RoundEngine(
            rules: Self.rules(context.plan), round: round, published: books.run.published, charged: charged,
            participants: participants, abandonedInARow: books.abandonedInARow + abandoned,
            isFinished: books.isFinished)
    }

    /// A deployed run may heal while it waits: it never ends because rounds were abandoned.
    private static func rules(_ plan: TaskPlan) -> RoundEngine.Rules {
        var rules = plan.rules
        rules.stalls = true
        return rules
    }

    // MARK: Questions, which change nothing

    /// Where the open round stands.
    var phase: RoundEngine.Phase { engine.phase }
    /// Number of the open round, or of the last one.
    var number: Int { engine.round }
    /// Rounds published so far.
    var published: Int { engine.published }
    /// Rounds charged so far.
    var charged: Int { engine.charged }
    /// Rounds abandoned since the last that was published.
    var abandonedInARow: Int { engine.abandonedInARow }
    /// Whether so many rounds in a row were abandoned that the next attempt has to wait.
    var isStalled: Bool { engine.isStalled }
    /// Invited agents that gave the open round up.
    var gaveUpCount: Int { engine.gaveUpCount }
    /// When the last report of the open round is taken.
    var deadline: Instant { engine.currentDeadline }

    /// Whether the client is invited to the open round and has neither reported nor given up.
    func awaits(_ client: Int) -> Bool { engine.standing(of: client) == .invited }

    /// Whether the client may be drawn for the coming round.
    func mayTakePart(_ client: Int) -> Bool { engine.mayTakePart(client) }

    /// Why the client's report of a round would not count at `now`; nil where it would.
    func refusal(of client: Int, round: Int, at now: Instant) -> ReportRefusal? {
        engine.refusal(client: client, round: round, at: now)
    }

    // MARK: Opening

    /// Draws a cohort of these candidates. `keep` makes the round's file and writes it: only a cohort that is durable
    /// exists, and where `keep` throws, nothing has changed and its error is thrown. Nil where no round was opened; what
    /// the engine wants instead is noted.
    func open(
        _ candidates: Candidates, at opening: Instant, keep: (Invitation) throws -> RoundFile
    ) throws -> Opening? {
        // The draw works on copies.
        var (attempt, drawing) = (engine, generator)
        let verdict = attempt.open(candidates, at: opening, using: &drawing)
        guard !drawing.hasFailed else {
            context.log.error("no randomness for a cohort; no round is opened")
            return nil
        }
        switch verdict {
        case .declined(let then):
            engine = attempt
            note(then)
            return nil
        case .invited(let invitation, let then):
            let file = try keep(invitation)
            (engine, generator) = (attempt, drawing)
            return Opening(file: file, then: then)
        }
    }

    /// Takes a round that was opened before a restart up again; its steps are noted.
    func resume(_ resumed: ResumedRound) { note(engine.resume(resumed)) }

    // MARK: News

    /// A client offers its report. Returns why it does not count; nil where it does and is to be in the sum.
    func offer(_ client: Int, round: Int, at now: Instant) -> ReportRefusal? {
        switch engine.offer(client: client, round: round, at: now) {
        case .refused(let reason): return reason
        case .accepted(let then):
            note(then)
            return nil
        }
    }

    /// A client gives a round up, or dropped out. Returns why that changes nothing; nil where it does.
    func giveUp(_ client: Int, round: Int, at now: Instant) -> ReportRefusal? {
        switch engine.giveUp(client: client, round: round, at: now) {
        case .refused(let reason): return reason
        case .noted(let then):
            note(then)
            return nil
        }
    }

    /// Something that the open round needs has failed: it is to release nothing.
    func fail(_ what: String) { note(engine.handle(.failed(what))) }

    /// The run is to end after the open round.
    func stop(_ reason: FinishReason) { note(engine.handle(.stop(reason))) }

    /// Time has passed: collection ends at its deadline. Says so, and how long after its opening that was found out.
    func tick() {
        note(engine.tick(at: context.instant))
        guard let file, engine.phase != .collecting, closedRound < file.round else { return }
        closedRound = file.round
        context.log.info(
            "collection closed",
            [
                "round": .integer(file.round), "reports": .integer(engine.acceptedCount),
                "invited": .integer(engine.invitedCount), "gave_up": .integer(engine.gaveUpCount),
                "seconds": .number(context.now - file.opened),
            ])
    }

    // MARK: Steps

    /// The step that is due; nil where none is.
    var nextStep: RoundAction? { steps.first }

    /// Notes what the engine wants.
    func note(_ actions: [RoundAction]) { steps += actions }

    /// The step that was due is done; `event` is the engine's news of it, where it waits for one.
    func finishStep(_ event: RoundEvent?) {
        steps.removeFirst()
        if let event { note(engine.handle(event)) }
    }

    /// No step that is due will be done: the round is to release nothing.
    func dropSteps(because reason: String) {
        steps = []
        fail(reason)
    }

    // MARK: The file

    /// A round whose file is durable is the open one now.
    func begin(_ file: RoundFile) { self.file = file }

    /// The open round's file is another now; does not write it.
    func keep(_ file: RoundFile) { self.file = file }

    /// No round is open any more.
    func end() { file = nil }

    /// A report with this digest is in the sum.
    func noteReport(of client: Int, digest: String) { file?.reports[String(client)] = digest }

    /// An agent gave the round up for this reason.
    func noteFailure(_ word: String) { file?.failures[word, default: 0] += 1 }

    /// Bytes came from agents and went to them.
    func noteBytes(up: Int = 0, down: Int = 0) {
        file?.bytesUp += up
        file?.bytesDown += down
    }
}
