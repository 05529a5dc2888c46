internal import Federation

/// From the closing of a round to its model: what each step waits for, and the steps in the engine's order.
///
/// The host calls ``mustWait(for:)`` and then ``carryOut(_:)`` with each step that the engine asks for; ``forget()`` ends
/// a round, however it ended.
final class CompletionDesk {
    private let context: DeskContext
    private let rounds: RoundDesk
    private let masked: MaskedDesk
    private let schedule: ScheduleDesk
    private let release: ReleaseDesk
    private var completion: RoundCompletion<ReleaseDesk>
    /// When the open round's model is shown, once it is on disk; nil: as soon as it can be.
    private var shownAt: Instant?

    /// A desk without an open round.
    init(
        _ context: DeskContext, rounds: RoundDesk, masked: MaskedDesk, schedule: ScheduleDesk,
        release: ReleaseDesk
    ) {
        self.context = context
        self.rounds = rounds
        self.masked = masked
        self.schedule = schedule
        self.release = release
        completion = RoundCompletion(context.plan)
    }

    /// Forgets what was made of a round; what is durable stays so.
    func forget() {
        completion.reset()
        shownAt = nil
    }

    /// Whether a step has to wait for members of a masked round, or for its instant. What can be done before is done: the
    /// survivors are durable before any member sees them, and a model is made before it is shown. Throws where a write
    /// failed, or a `LedgerError`.
    func mustWait(for step: RoundAction) throws -> Bool {
        if case .requireSum(let number, let survivors) = step, masked.isOpen {
            if masked.takesReports {
                try release.close(number, survivors)
                masked.closeReports()
            }
            if masked.outcome == nil { return true }
        }
        if case .requirePublication(let number) = step {
            shownAt = try completion.prepare(number, over: release).shownAt
        }
        return instant(of: step).map { context.instant < $0 } ?? false
    }

    /// When a step may be taken, where that follows a schedule; nil: at once.
    func instant(of step: RoundAction) -> Instant? {
        switch step {
        case .requirePublication: shownAt
        // A run ends where its last round ends, also one that was abandoned early.
        case .finished: schedule.endOfLastRound
        case .requireSum, .requireCharge, .requireNoise, .requireSettlement, .abandoned: nil
        }
    }

    /// Carries a step out and returns the engine's news of it; nil for the ends of a round and of the run, which are the
    /// host's. Throws where a write failed, or a `LedgerError`.
    func carryOut(_ step: RoundAction) throws -> RoundEvent? {
        try completion.carryOut(step, charged: rounds.charged, over: release)
    }
}
