internal import Configuration
internal import Encoding
internal import Federation
internal import Glibc
internal import Learning
internal import Ledger
package import Messages
package import Operations
internal import SecureAggregation
internal import Transport

/// Serves rounds: drives the same session as a simulated client's, and answers its actions with policy, trainer,
/// ledger, outbox and server.
///
/// The order is the guarantee: begun durably → charged durably → data touched, trained, noised → kept durably → sent
/// when the frame of time is over. A process that is killed between any two of them never sends two different
/// reports for one round, and nothing that depends on the data, a failure included, is ever free. A masked report
/// is not kept: its masks are in memory only, so that a process that ends has dropped out of the round; its round
/// is charged once its members are known.
package final class RoundRunner {
    package typealias Milestone = RoundMilestone
    package typealias Outcome = RoundOutcome

    private let state: StateDirectory
    private let gate: PolicyGate
    /// Whom rounds are served for.
    package var server: RoundServer
    private let approvals: ApprovalBook
    private let journal: SentJournal
    private let ledgers: AgentLedgers
    private let outbox: Outbox
    private var memory: RoundMemory
    private let trainer: any RoundTrainer
    private var link: ServerLink { server.link }
    private let stop: StopSignal
    private let log: Logger
    /// Called after each durable step.
    package var reached: (Milestone) throws -> Void = { _ in }
    /// Rounds begun so far.
    package private(set) var progress: RoundProgress
    private var work: RoundWork?
    private var body: [UInt8] = []
    /// The masked round that the agent is in, with its report once that is charged.
    private var exchange: MaskedExchange?
    private var report: RingVector?
    /// When the frame of time began that the report leaves at the end of.
    private var frameBegan = ContinuousClock.now
    private var leaveTimes = LeaveTimes()
    private var suitability = Suitability()
    private var models: ModelFolder
    private var tasks: TaskCache
    private let frozen: FrozenModels
    private var outcome = Outcome.notDelivered
    /// Rounds that this process joined; those of processes before are in `progress`, on disk.
    private var participation = ParticipationRecord()
    private var givingUp = FailureReport.Reason.other

    /// Opens the state of an agent. Throws a ``Failure`` or ``LedgerError`` when it is damaged; nothing may be
    /// served then. `frozenLimit`: bytes of the largest file of frozen parameters that is fetched.
    package init(
        state: StateDirectory, gate: PolicyGate, masking: MaskingSettings, trainer: any RoundTrainer,
        link: ServerLink, stop: StopSignal, log: Logger, frozenLimit: Int = FrozenRules.defaultLimit
    ) throws {
        self.state = state
        self.gate = gate
        server = RoundServer(link: link, masking: masking)
        approvals = ApprovalBook(state.path, gate.policy)
        journal = SentJournal(state.path)
        self.trainer = trainer
        self.stop = stop
        self.log = log
        ledgers = try AgentLedgers(state: state)
        outbox = Outbox(folder: state.file("outbox"))
        memory = RoundMemory(state)
        models = ModelFolder(state.file("models"))
        frozen = FrozenModels(folder: state.file(FrozenModels.folderName), log: log)
        tasks = TaskCache(frozenLimit: frozenLimit)
        progress = try RoundProgress(path: state.file("progress.json"))
        if progress.version != nil { try progress.bind(ledgers.bindings) }
    }

    /// Sends what an earlier process finished and did not get rid of, of the server's runs: the same bytes. Throws
    /// ``ClientError`` or a storage ``Failure``.
    package func sendLeftovers() throws {
        for entry in try outbox.entries() where try server.takesPaths(of: entry.run, in: state) {
            log.info("sending the report that was finished before", Self.fields(entry.run, entry.round))
            if try deliver(entry, mayBeThere: true) == .delivered {
                log.info("round done", Self.fields(entry.run, entry.round))
            }
        }
    }

    /// Serves one assignment to its end: delivered, turned away or given up. Throws only what must end the
    /// agent: ``ClientError`` and storage ``Failure``s.
    @discardableResult package func serve(_ message: RoundOffer) throws -> Outcome {
        frameBegan = .now
        outcome = .notDelivered
        server.takePaths(of: message)
        var session = ClientSession(run: message.run, lastRound: progress.lastRound(of: message.run))
        let assignment = RoundAssignment(
            run: message.run, round: message.round, modelDigest: message.model.sha256)
        var actions = session.handle(.assigned(assignment))[...]
        givingUp = .busy
        defer {
            work = nil
            body = []
            exchange = nil
            report = nil
        }
        while let action = actions.popFirst() {
            if let event = try answer(action, message) { actions += session.handle(event) }
        }
        return outcome
    }

    /// Whether this agent's data and trainer fit the task of a job, known or looked at now.
    func verdict(on job: TrainingJob) -> Suitability.Verdict {
        suitability.verdict(job.task, at: time(nil)) { try trainer.examine(job) }
    }

    /// Fetches the frozen parameters of a task's model where they are not here yet, ahead of its first round. Throws
    /// ``ClientError``, ``TrainerFailure`` or a storage ``Failure``.
    func fetchFrozen(for task: OfferedTask) throws {
        _ = try frozen.part(of: task.plan.model, loads: false, from: link)
    }

    /// The run of the server that was begun last; nil where there is none. Throws a storage ``Failure``.
    func lastRun() throws -> String? {
        guard let run = progress.run, server.isOneOfSeveral else { return progress.run }
        return try RunHome.read(run, in: state)?.server == server.name ? run : nil
    }

    /// What the agent serves of a server in turn needs these files of frozen parameters, by their SHA-256.
    func keepFrozen(_ digests: Set<String>, of server: String) { frozen.wanted[server] = digests }

    /// Gives back what is kept in memory between rounds.
    func rest() {
        frozen.rest()
        trainer.rest()
    }

    /// The event that answers an action; nil for those that only tell.
    private func answer(_ action: ClientAction, _ message: RoundOffer) throws -> ClientEvent? {
        switch action {
        case .requirePermission: return try judge(message)
        case .requireReport: return try train(message)
        case .requireCharge: return try charge(message)
        case .requireStorage: return try store(message)
        case .requireDelivery where exchange != nil: return try deliverMasked()
        case .requireDelivery:
            let entry = OutboxEntry(run: message.run, round: message.round, body: body)
            try holdBack()
            return try deliver(entry)
        case .giveUp(let assignment, let reason):
            // Of data that do not fit the owner has been told, once.
            if outcome != .unsuitable {
                log.warning(
                    "giving the round up",
                    [
                        "run": .text(assignment.run), "round": .integer(assignment.round),
                        "reason": .text(reason),
                    ])
            }
            if !stop.isRequested {
                link.giveUp(
                    run: assignment.run, round: assignment.round, reason: givingUp, detail: reason)
            }
            return nil
        case .concluded(let assignment, let delivered):
            if delivered {
                outcome = .delivered
                log.info("round done", Self.fields(assignment.run, assignment.round))
            }
            return nil
        }
    }

    // MARK: Steps

    private func judge(_ message: RoundOffer) throws -> ClientEvent {
        do {
            if let denial = try denial(message) { return denial }
        } catch let failure as Failure where failure.exitCode == .storage {
            throw failure
        } catch let error as ClientError {
            // These hold for every request to come, not only for this round's.
            switch error {
            case .cancelled, .tls, .authentication: throw error
            default: return deny(.other, "the model could not be downloaded", detail: error.description)
            }
        } catch let refusal as PrivacyRefusal {
            return deny(.budget, "the task affords no round", detail: refusal.description)
        } catch let error as LedgerError {
            // Nothing may be served on a ledger that is not sound, this round or another.
            if case .unsound = error { throw error }
            return deny(.policy, "the agent's ledger refuses", detail: error.description)
        } catch {
            return deny(.other, "the plan is not one that the agent can follow", detail: Self.text(of: error))
        }
        try RunHome(
            server: server.name, hasRunPaths: message.hasRunPaths == true,
            task: work?.task.configuration.name ?? "", digest: message.taskSHA256
        ).keep(message.run, in: state)
        try progress.begin(
            run: message.run, round: message.round, now: time(nil), ledgers: ledgers.bindings,
            serverLedger: message.ledger)
        try reached(.begun)
        log.info("training", Self.fields(message.run, message.round))
        return .permitted
    }

    /// Resolves the assignment and holds it against the policy; nil where it may be served.
    private func denial(_ message: RoundOffer) throws -> ClientEvent? {
        let today = progress.roundsWithinDay(before: time(nil))
        let task = try tasks.task(message)
        if let why = try approvals.obstacle(to: task.digest) {
            outcome = .forbidden
            return deny(.policy, "the agent's owner has not approved this task", detail: why)
        }
        let early = gate.judge(task: task.configuration, roundsToday: today)
        guard early.isEmpty else { return deny(early) }
        let own = OwnParticipation(count: ledgers.bindings[message.run]?.rounds ?? 0)
        if let why = try own.refusal(under: task.configuration) ?? gate.refusal(of: message, after: progress)
            ?? server.refusal(of: message.run, in: state)
        {
            return deny(why.reason, why.text, detail: why.text)
        }
        var work = try resolve(message, task)
        let charged = try ledgers.lastRound(of: message.run, task: work.plan, taskDigest: task.digest)
        if let why = own.refusal(of: message.round, after: charged, under: work.plan) {
            return deny(why.reason, why.text)
        }
        let spending = try gate.spending(ledgers, after: work.plan)
        let violations = gate.judge(work, spending: spending, roundsToday: today)
        guard violations.isEmpty else { return deny(violations) }
        if let unsuitable = examine(work) { return unsuitable }
        let part = try frozen.part(of: work.plan.model, loads: !trainer.readsFrozenFile, from: link)
        if let part { work.take(part) }
        self.work = work
        return nil
    }

    /// Whether this agent's data and trainer fit the task, before its first round: what is found then shows, as
    /// not taking part does, and nothing that is found later.
    private func examine(_ work: RoundWork) -> ClientEvent? {
        switch verdict(on: work.job()) {
        case .suitable: return nil
        case .tooManyTasks:
            return deny(.policy, "the server offered too many different tasks today")
        case .unsuitable(let error, let isNews):
            outcome = .unsuitable
            if isNews {
                log.error(
                    "this agent cannot serve the task: mend its data or its trainer",
                    ["task": .text(work.task.configuration.name), "why": .text(Self.text(of: error))])
            }
            return deny(.schema, "the agent's data or trainer do not fit the task")
        }
    }

    private func resolve(_ message: RoundOffer, _ task: AssignedTask) throws -> RoundWork {
        let target = try models.target(
            digest: message.model.sha256, count: message.model.bytes, tag: message.model.entityTag)
        let bytes =
            try link.packed(message.model, on: task.configuration.download)
            ?? link.download(message.model, into: target)
        var work = try RoundWork(message, task: task, model: bytes, cache: &tasks)
        let state = try memory.serverState(message, work.plan, from: link)
        work.context = try memory.context(run: message.run, work.plan, serverState: state)
        return work
    }

    /// Charges the round before anything private is touched; of a masked round once its members are known, who can
    /// stand in for this agent from then on.
    private func charge(_ message: RoundOffer) throws -> ClientEvent {
        guard let work else { return .failed("no work") }
        if work.plan.masksReports {
            do {
                let member = try server.masking.join(work, participation: &participation)
                let exchange = MaskedExchange(member, message: message, link: link, stop: stop)
                try exchange.join()
                self.exchange = exchange
            } catch {
                return try failure(of: error)
            }
        }
        try ledgers.charge(
            run: message.run, round: message.round, task: work.plan, taskDigest: work.task.digest)
        try progress.bind(ledgers.bindings)
        ledgers.areBound()
        try reached(.charged)
        return .charged
    }

    private func train(_ message: RoundOffer) throws -> ClientEvent {
        guard let work else { return .failed("no work") }
        let reportAfter = work.plan.configuration.reportAfter
        // What came before depends on the network, and in a masked round on others.
        if reportAfter == nil || exchange != nil { frameBegan = .now }
        let limit = LeaveTimes.limitOfWork(reportAfter: reportAfter)
        let local = LocalWork(
            trainer: trainer, mustEnd: limit.map { frameBegan + .seconds($0) },
            maximalWeight: gate.maximalWeight)
        let hidden: (any Error)?
        do {
            if let exchange {
                let (made, failure) = try work.vector(of: local, members: exchange.members)
                (report, hidden) = (made.vector, failure)
            } else {
                (body, hidden) = try work.report(of: local)
            }
        } catch {
            return try failure(of: error)
        }
        if stop.isRequested { return .failed("the agent was stopped") }
        if hidden == nil { try memory.make(message, work.context, underWay: outbox) }
        if let hidden {
            log.error(
                "local work failed; a report of noise alone takes its place, and only this log tells",
                ["round": .integer(message.round), "why": .text(Self.text(of: hidden))])
        }
        try reached(.encoded)
        return .encoded
    }

    /// Waits until the report's frame of time is over, where there is one.
    private func holdBack() throws {
        guard let work else { return }
        try leaveTimes.hold(since: frameBegan, work, stop)
    }

    private func store(_ message: RoundOffer) throws -> ClientEvent {
        if exchange == nil { try outbox.put(OutboxEntry(run: message.run, round: message.round, body: body)) }
        try reached(.stored)
        return .stored
    }

    @discardableResult
    private func deliver(_ entry: OutboxEntry, mayBeThere: Bool = false) throws -> ClientEvent {
        let outcome = try link.deliver(entry, mayBeThere: mayBeThere)
        try reached(.delivered)
        try note(
            entry.run, entry.round, (entry.body.count, entry.digest()), isAccepted: outcome == .accepted)
        try memory.end(
            run: entry.run, round: entry.round, isAccepted: outcome == .accepted,
            servesOthers: server.servesOthers)
        try outbox.remove(run: entry.run, round: entry.round)
        guard case .turnedAway(let reason) = outcome else { return .delivered }
        log.warning(
            "the server turned the report away",
            ["run": .text(entry.run), "round": .integer(entry.round), "reason": .text(reason)])
        return .turnedAway(reason)
    }

    // MARK: Masked rounds

    private func deliverMasked() throws -> ClientEvent {
        guard let exchange, let report, let message = work?.message else { return .failed("no work") }
        do {
            let outcome = Result { try exchange.deliver(report, before: holdBack) }
            // Once it has left it is noted, whatever becomes of the round.
            if let sent = exchange.sent { try note(message.run, message.round, sent, isAccepted: true) }
            try outcome.get()
            try memory.end(
                run: message.run, round: message.round, isAccepted: true, servesOthers: server.servesOthers)
            try reached(.delivered)
            return .delivered
        } catch let ended as MaskedExchange.Ended {
            log.warning("the masked round ended without this agent", ["reason": .text(ended.reason)])
            return .turnedAway(ended.reason)
        } catch {
            return try failure(of: error)
        }
    }

    private func failure(of error: any Error) throws -> ClientEvent {
        let isOpen = work.map { !$0.plan.hidesFailures } ?? false
        let trouble = try RoundTrouble(error, isOpen: isOpen, log: log)
        givingUp = trouble.reason
        return .failed(trouble.text)
    }

    /// Notes for the owner what has left.
    private func note(
        _ run: String, _ round: Int, _ sent: (bytes: Int, sha256: String), isAccepted: Bool
    ) throws {
        try journal.note(
            SentReport(
                run: run, round: round, server: server.name, time: time(nil), bytes: sent.bytes,
                sha256: sent.sha256, isAccepted: isAccepted))
    }

    // MARK: Reasons

    /// The keys go to the server, the figures only to the log: they tell of other runs.
    private func deny(_ violations: [PolicyViolation]) -> ClientEvent {
        let isBudget = violations.allSatisfy { $0.key.hasPrefix("maximal_epsilon") }
        return deny(
            isBudget ? .budget : .policy,
            "outside the agent's policy: \(violations.map(\.key).joined(separator: ", "))",
            detail: violations.map(\.description).joined(separator: "; "))
    }

    private func deny(
        _ reason: FailureReport.Reason, _ text: String, detail: String? = nil
    ) -> ClientEvent {
        givingUp = reason
        if let detail { log.warning("refusing the round", ["why": .text(detail)]) }
        return .denied(text)
    }

    /// For the agent's own log only: paths and values of the data may stand in it.
    private static func text(of error: any Error) -> String { Failure(wrapping: error).message }

    private static func fields(_ run: String, _ round: Int) -> KeyValuePairs<String, Logger.Value> {
        ["run": .text(run), "round": .integer(round)]
    }
}
