internal import Federation
internal import Operations

/// The model of a round whose noisy sum exists: on disk, and shown to nobody before its instant.
struct PreparedModel {
    let model: StoredModel
    let movement: ModelMovement
    /// When it is shown; nil: as soon as it can be.
    let shownAt: Instant?
    /// SHA-256 of what the strategy remembers with it.
    let memoryDigest: String
}

/// Rounds by the clock, where amplification by sampling is claimed: when a model is shown and when the next round
/// opens follow from the plan, whoever took part, was slow, gave up or was never drawn.
extension RoundOwner {
    /// Whether an action has to wait for its instant; a model is made before it.
    func waitsForSchedule(_ action: RoundAction) throws -> Bool {
        if case .requirePublication(let number) = action { _ = try prepare(number) }
        return scheduledStep.map { instant < $0 } ?? false
    }

    /// When the first step that is due may be taken, where that follows a schedule.
    var scheduledStep: Instant? {
        switch pending.first {
        case .requirePublication?: prepared?.shownAt
        // A run ends where its last round ends, also one that was abandoned early.
        case .finished?: plan.rules.schedule == nil ? nil : nextOpening
        case .requireSum?, .requireCharge?, .requireNoise?, .requireSettlement?, .abandoned?, nil: nil
        }
    }

    /// When the model of a round is shown that has just been made: at its instant, or whole quanta later if that has
    /// passed; nil: at once.
    func showing(_ file: RoundFile) -> Instant? {
        guard let schedule = plan.rules.schedule, let publication = file.publication else { return nil }
        let planned = Instant(seconds: publication)
        let shown = schedule.instant(planned, notBefore: instant)
        if planned < shown {
            log.warning(
                "the model is late; it is shown at a later instant of the schedule",
                [
                    "round": .integer(file.round), "seconds": .number(shown.seconds - planned.seconds),
                ])
        }
        return shown
    }

    /// The instant at which the next round opens, if that has just come: the end of the round before, or whole quanta
    /// later where the server was away. Nil while it has not.
    func scheduledOpening(_ schedule: RoundSchedule) -> Instant? {
        guard let due = nextOpening else { return instant }
        let late = instant.seconds - due.seconds
        guard late >= 0 else { return nil }
        let missed = (late / schedule.quantum).rounded(.down) * schedule.quantum
        return late - missed <= schedule.quantum / Self.openingShare ? due.advanced(bySeconds: missed) : nil
    }

    /// A round opens within this part of a quantum, the time that its predecessor's books take, or waits for the next.
    private static let openingShare = 2.0

    /// Seconds until a round may open by the schedule; nil where none does.
    var secondsToOpening: Double? {
        guard let schedule = plan.rules.schedule, engine.phase == .idle, !isFinished, let due = nextOpening
        else { return nil }
        let soonest = schedule.instant(due, notBefore: instant)
        return max(soonest.seconds, stall?.nextAttempt ?? 0) - now
    }

    /// Rounds go on by the clock although nobody is here: each spends of the budget.
    func warnOfAbsence() {
        log.warning(
            "no agent is here; rounds open by their schedule all the same. Pause the run to stop them")
    }
}
