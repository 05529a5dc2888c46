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
    /// The engine in its place where steps are asynchronous.
    private var buffered: BufferedEngine?
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
        buffered = Self.stepRules(context.plan).map { BufferedEngine(rules: $0) }
        generator = try CohortGenerator<SecureNoise>()
    }

    /// Begins after `round`, of which `charged` were charged, as `books` say besides; they do not have the last
    /// `abandoned` rounds yet. `participants` are those of the present participation window, `attendance`
    /// of what the pattern of matrix noise counts.
    func restart(
        after books: BookDesk, round: Int, charged: Int, abandoned: Int = 0, participants: Set<Int> = [],
        attendance: Attendance = Attendance()
    ) {
        if let buffered {
            // Nobody knows who was in rounds that were passed over: everybody may have been.
            return restart(
                BufferedEngine.Memory(
                    round: round + 1, published: books.run.published, charged: charged,
                    abandonedInARow: books.abandonedInARow + abandoned, wave: 0, inFlight: [],
                    participations: buffered.participations, served: []),
                unknown: max(0, charged - buffered.charged), isFinished: books.isFinished)
        }
        engine = RoundEngine(
            rules: Self.rules(context.plan), round: round, published: books.run.published, charged: charged,
            participants: participants, attendance: attendance,
            abandonedInARow: books.abandonedInARow + abandoned, isFinished: books.isFinished)
    }

    /// A deployed run may heal while it waits: it never ends because rounds were abandoned.
    private static func rules(_ plan: TaskPlan) -> RoundEngine.Rules {
        var rules = plan.rules
        rules.stalls = true
        return rules
    }

    // MARK: Questions, which change nothing

    /// Where the open round stands.
    var phase: RoundEngine.Phase {
        guard let buffered else { return engine.phase }
        return buffered.phase == .collecting && file == nil ? .idle : buffered.phase
    }
    /// Number of the open round, or of the last one.
    var number: Int { buffered.map { file?.round ?? $0.round - 1 } ?? engine.round }
    /// Rounds published so far.
    var published: Int { buffered?.published ?? engine.published }
    /// Rounds charged so far.
    var charged: Int { buffered?.charged ?? engine.charged }
    /// Rounds abandoned since the last that was published.
    var abandonedInARow: Int { buffered?.abandonedInARow ?? engine.abandonedInARow }
    /// Whether so many rounds in a row were abandoned that the next attempt has to wait.
    var isStalled: Bool { buffered == nil && engine.isStalled }
    /// Invited agents that gave the open round up.
    var gaveUpCount: Int { engine.gaveUpCount }
    /// When the last report of the open round is taken.
    var deadline: Instant {
        guard let buffered else { return engine.currentDeadline }
        return buffered.inFlight.values.map(\.deadline).min()
            ?? context.instant.advanced(bySeconds: buffered.rules.deadlineSeconds)
    }

    /// Whether the client is invited to the open round and has neither reported nor given up.
    func awaits(_ client: Int) -> Bool {
        guard let buffered else { return engine.standing(of: client) == .invited }
        return buffered.inFlight[client]?.round == file?.round
    }

    /// Whether the client may be drawn for the coming round.
    func mayTakePart(_ client: Int) -> Bool { engine.mayTakePart(client) }

    /// Why the client's report of a round would not count at `now`; nil where it would.
    func refusal(of client: Int, round: Int, at now: Instant) -> ReportRefusal? {
        if let buffered { return buffered.refusal(client: client, round: round) }
        return engine.refusal(client: client, round: round, at: now)
    }

    // MARK: Opening

    /// Draws a cohort of these candidates. `keep` makes the round's file and writes it: only a cohort that is durable
    /// exists, and where `keep` throws, nothing has changed and its error is thrown. Nil where no round was opened; what
    /// the engine wants instead is noted.
    func open(
        _ candidates: Candidates, at opening: Instant, keep: (Invitation) throws -> RoundFile
    ) throws -> Opening? {
        if let buffered { return try openStep(buffered, at: opening, keep: keep) }
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
        if buffered != nil { return offerLate(client, round: round) }
        switch engine.offer(client: client, round: round, at: now) {
        case .refused(let reason): return reason
        case .accepted(let then):
            note(then)
            return nil
        }
    }

    /// A client gives a round up, or dropped out. Returns why that changes nothing; nil where it does.
    func giveUp(_ client: Int, round: Int, at now: Instant) -> ReportRefusal? {
        if buffered != nil { return buffered?.giveUp(client: client, round: round) }
        switch engine.giveUp(client: client, round: round, at: now) {
        case .refused(let reason): return reason
        case .noted(let then):
            note(then)
            return nil
        }
    }

    /// Something that the open round needs has failed: it is to release nothing.
    func fail(_ what: String) { note(handle(.failed(what))) }

    /// The run is to end after the open round.
    func stop(_ reason: FinishReason) { note(handle(.stop(reason))) }

    private func handle(_ event: RoundEvent) -> [RoundAction] {
        buffered != nil ? buffered?.handle(event) ?? [] : engine.handle(event)
    }

    /// Time has passed: collection ends at its deadline. Says so, and how long after its opening that was found out.
    func tick() {
        guard buffered == nil else { return expire() }
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
        if let event { note(handle(event)) }
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

    // MARK: Asynchronous steps

    /// A deployed run may heal while it waits.
    private static func stepRules(_ plan: TaskPlan) -> BufferedEngine.Rules? {
        var rules = BufferedEngine.Rules(plan)
        rules?.abandonLimit = .max
        return rules
    }

    /// Whether steps are asynchronous.
    var isBuffered: Bool { buffered != nil }

    /// The open step's reports, ascending by client; nil where rounds have cohorts.
    var entries: [BufferedEngine.Entry]? { buffered?.buffer.values.sorted { $0.client < $1.client } }

    /// Who trains, and the round that the report will be of.
    var inFlight: [(client: Int, round: Int)] {
        buffered?.inFlight.values.map { ($0.client, $0.round) } ?? []
    }

    /// Until when a client is waited for that trains, seconds since 1970; nil where rounds have cohorts.
    func deadline(of client: Int) -> Double? { buffered?.inFlight[client]?.deadline.seconds }

    /// Those who train, as a step's file has them; nil where rounds have cohorts.
    var beginnings: [String: RoundFile.Beginning]? {
        guard let buffered else { return nil }
        return Dictionary(
            uniqueKeysWithValues: buffered.inFlight.values.map {
                (String($0.client), .init(round: $0.round, version: $0.version, at: $0.at.seconds))
            })
    }

    /// Goes on as files say. `unknown`: charged steps of which nobody knows who was in them.
    func restart(_ memory: BufferedEngine.Memory, unknown: Int, isFinished: Bool) {
        guard var rules = Self.stepRules(context.plan) else { return }
        rules.maximalParticipations = rules.maximalParticipations.map { max(0, $0 - unknown) }
        buffered = BufferedEngine(rules: rules, memory)
        if isFinished { _ = buffered?.handle(.stop(.stopped)) }
    }

    private func openStep(
        _ buffered: BufferedEngine, at opening: Instant, keep: (Invitation) throws -> RoundFile
    ) throws -> Opening? {
        var attempt = buffered
        let ending = attempt.finishIfDone()
        guard ending.isEmpty else {
            self.buffered = attempt
            note(ending)
            return nil
        }
        let invitation = Invitation(
            clients: attempt.inFlight.keys.sorted(), round: attempt.round, opened: opening,
            deadline: opening.advanced(bySeconds: attempt.rules.deadlineSeconds), publication: nil)
        return Opening(file: try keep(invitation), then: [])
    }

    /// An agent asks for work: whether it may begin with the newest model. `keep` writes the step's file, so that its report
    /// will be known for what it is; where that throws, nothing has changed. Whatever the agent was at before is lost.
    func begin(_ client: Int, keep: (RoundFile) throws -> Void) throws -> Bool {
        guard var attempt = buffered, var file, attempt.phase == .collecting else { return false }
        attempt.withdraw(client)
        guard let assignment = attempt.begin(client, at: context.instant) else { return false }
        if !file.invited.contains(client) { file.invited = (file.invited + [client]).sorted() }
        file.beginnings?[String(client)] = .init(
            round: assignment.round, version: assignment.version, at: assignment.at.seconds)
        try keep(file)
        (buffered, self.file) = (attempt, file)
        return true
    }

    private func offerLate(_ client: Int, round: Int) -> ReportRefusal? {
        switch buffered?.offer(client: client, round: round) {
        case .accepted(let then): note(then)
        case .refused(let reason): return reason
        case .dropped: return .tooStale
        case nil: return .notInvited
        }
        return nil
    }

    /// Takes a step up again whose buffer was closed before a restart.
    func resumeStep(closedWith survivors: [Int]) { note(buffered?.resume(closedWith: survivors) ?? []) }

    private func expire() {
        guard buffered?.phase == .collecting, let late = buffered?.expire(at: context.instant), !late.isEmpty
        else { return }
        context.log.info("agents are waited for no longer", ["agents": .integer(late.count)])
        context.boardChanged()
    }
}
