internal import Federation
internal import Messages
internal import Operations

/// Opens rounds: when enough agents are here, those who are have waited long enough for more, or the clock says so.
final class OpeningDesk {
    /// Room for the small files of a round: its own, the run's, the ledger's lines.
    private static let bookBytes = 1 << 20

    private let context: DeskContext
    private let state: StateDirectory
    private let rounds: RoundDesk
    private let books: BookDesk
    private let roster: RosterDesk
    private let presence: PresenceDesk
    private let schedule: ScheduleDesk
    private let stalls: StallDesk
    private let modelBytes: () -> Int
    /// Since when enough agents for a round have been here; nil while there are too few.
    private var enoughSince: Double?
    /// Whether another run went before this one when it was asked last.
    private var waitsForItsTurn = false
    /// Seconds until a run asks again whether it is its turn.
    private static let turnSeconds = 0.02

    /// A desk that has opened nothing. `modelBytes` says how long the newest model's file is.
    init(
        _ context: DeskContext, state: StateDirectory, rounds: RoundDesk, books: BookDesk,
        roster: RosterDesk, presence: PresenceDesk, schedule: ScheduleDesk, stalls: StallDesk,
        modelBytes: @escaping () -> Int
    ) {
        self.context = context
        self.state = state
        self.rounds = rounds
        self.books = books
        self.roster = roster
        self.presence = presence
        self.schedule = schedule
        self.stalls = stalls
        self.modelBytes = modelBytes
    }

    /// Seconds until this desk has to be asked again; nil where nothing here waits for the clock.
    var secondsToNextWork: Double? {
        let now = context.now
        var waits: [Double] = []
        if rounds.phase == .idle, !books.isFinished {
            let next = schedule.secondsToOpening(nextAttempt: stalls.nextAttempt)
            if let next { waits.append(next) }
        }
        if let attempt = stalls.nextAttempt, attempt > now { waits.append(attempt - now) }
        if waitsForItsTurn, !books.run.isPaused { waits.append(Self.turnSeconds) }
        if enoughSince != nil { waits.append(max(0.02, context.setup.configuration.gatherSeconds / 4)) }
        return waits.min()
    }

    /// Opens a round if it is time for one, and nothing of the round before is left to do. Nil where none was opened.
    func consider() -> RoundDesk.Opening? {
        let (rules, now) = (context.plan.rules, context.now)
        if rounds.published >= rules.rounds || rounds.charged >= rules.affordableRounds ?? .max {
            // Nobody is needed for the engine to say that it is done.
            return open(.present([]), at: context.instant)
        }
        if let attempt = stalls.nextAttempt, now < attempt { return nil }
        let present = presence.present
        context.metrics.agentsPresent.set(Double(present.count))
        let roster = Candidates.roster(count: context.setup.configuration.population)
        if schedule.isInForce, books.run.round > 0 {
            // Who is here tells who is not: once the run has begun, its rounds open by the clock.
            guard let opening = schedule.opening(), hasRoom() else { return nil }
            if present.isEmpty { schedule.warnOfAbsence() }
            return open(roster, at: opening)
        }
        waitsForItsTurn = false
        guard rounds.isBuffered || hasGathered(present) else {
            if context.agents.areShared { context.agents.shares.forgetWish(books.run.run, at: context.now) }
            return nil
        }
        guard hasRoom(), isItsTurn(present.count) else { return nil }
        defer {
            if rounds.phase == .idle, context.agents.areShared {
                context.agents.shares.giveBack(books.run.run)
            }
        }
        return open(schedule.isInForce ? roster : .present(present), at: context.instant)
    }

    /// Whether no other run goes before this one for the agents that are here.
    private func isItsTurn(_ present: Int) -> Bool {
        guard context.agents.areShared, !rounds.isBuffered, !schedule.isInForce else { return true }
        let wish = RunShares.Wish(
            needed: max(1, context.plan.rules.minimumReports), wanted: wanted, present: present)
        waitsForItsTurn = !context.agents.shares.mayOpen(books.run.run, wish, at: context.now)
        return !waitsForItsTurn
    }

    /// Agents that a round takes. A Poisson draw without privacy claims nothing: it is made among those who are here.
    private var wanted: Int {
        if case .fixedSize(let size) = context.plan.rules.sampling { return size }
        return context.setup.configuration.task.cohortSize
    }

    /// Whether enough agents are here, and all that are wanted are, or have been waited for.
    private func hasGathered(_ present: [Int]) -> Bool {
        let (plan, configuration, now) = (context.plan, context.setup.configuration, context.now)
        guard present.count >= max(1, plan.rules.minimumReports) else {
            enoughSince = nil
            return false
        }
        let since = enoughSince ?? now
        enoughSince = since
        if schedule.isInForce { return true }
        return present.count >= wanted || now - since >= configuration.gatherSeconds
    }

    private func open(_ candidates: Candidates, at instant: Instant) -> RoundDesk.Opening? {
        let number = rounds.number + 1
        do {
            let opening = try rounds.open(candidates, at: instant) { invitation in
                var file = RoundFile(
                    run: books.run.run, round: invitation.round, state: .open,
                    opened: invitation.opened.seconds, deadline: invitation.deadline.seconds,
                    publication: invitation.publication?.seconds, invited: invitation.clients)
                file.registered = roster.count
                file.beginnings = rounds.beginnings
                try state.write(file)
                return file
            }
            if let file = opening?.file {
                enoughSince = nil
                context.reserve(
                    file.invited.compactMap(roster.name(of:)), run: file.run, round: file.round,
                    until: file.deadline)
            }
            return opening
        } catch {
            context.storageFailed("open round \(number)", error)
            enoughSince = context.now
            return nil
        }
    }

    /// Whether there is room for all that a round writes: rounds that cannot be carried out would only be abandoned,
    /// one after the other, until the run ends.
    private func hasRoom() -> Bool {
        let plan = context.plan
        let report = UpdateHeader.byteCount + plan.reportBytes
        let cohort = Int(Double(plan.configuration.cohortSize) * plan.configuration.overSelection) + 1
        // The noisy sum, the model, what the strategy remembers, and the model once more as the latest where the file
        // system has no links.
        let needed = report * (cohort + 1) + modelBytes() * 4 + Self.bookBytes
        guard let free = state.freeBytes, free < needed else { return true }
        context.storageFailed(
            "open a round",
            Failure(
                .storage, "\(state.path): \(free) bytes are free where a round needs \(needed); make room"))
        return false
    }
}
