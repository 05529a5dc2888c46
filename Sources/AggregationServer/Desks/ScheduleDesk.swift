internal import Federation
internal import Operations

/// Rounds by the clock, where amplification by sampling is claimed: when a model is shown and when the next round
/// opens follow from the plan, whoever took part, was slow, gave up or was never drawn.
final class ScheduleDesk {
    /// A round opens within this part of a quantum, the time that its predecessor's books take, or waits for the next.
    private static let openingShare = 2.0

    private let context: DeskContext
    private let schedule: RoundSchedule?
    /// When the next round opens at the earliest; nil before the first round, and without a schedule.
    private var nextOpening: Instant?

    /// A desk without rounds so far. Nil for rounds that open and publish as soon as they can.
    init(_ context: DeskContext, schedule: RoundSchedule?) {
        self.context = context
        self.schedule = schedule
    }

    /// Whether rounds go by the clock.
    var isInForce: Bool { schedule != nil }

    /// When the last round's time is over, before which a run does not end; nil: whenever it can.
    var endOfLastRound: Instant? { nextOpening }

    /// The next round follows one that was to be shown at `publication`, seconds since 1970.
    func follow(_ publication: Double?) {
        nextOpening = bounded(publication).map { Instant(seconds: $0) }
    }

    /// An instant of a file, seconds since 1970, as far as it can be true: a clock that was set back makes nobody wait
    /// for longer than a round takes.
    func bounded(_ publication: Double?) -> Double? {
        guard let publication, let schedule else { return nil }
        return min(publication, context.now + schedule.publicationSeconds)
    }

    /// When the model of a round is shown that has just been made: at its instant, or whole quanta later if that has
    /// passed; nil: at once.
    func showing(_ file: RoundFile) -> Instant? {
        guard let schedule, let publication = file.publication else { return nil }
        let planned = Instant(seconds: publication)
        let shown = schedule.instant(planned, notBefore: context.instant)
        if planned < shown {
            context.log.warning(
                "the model is late; it is shown at a later instant of the schedule",
                [
                    "round": .integer(file.round), "seconds": .number(shown.seconds - planned.seconds),
                ])
        }
        return shown
    }

    /// The instant at which the next round opens, if that has just come: the end of the round before, or whole quanta
    /// later where the server was away. Nil while it has not.
    func opening() -> Instant? {
        let instant = context.instant
        guard let schedule, let due = nextOpening else { return instant }
        let late = instant.seconds - due.seconds
        guard late >= 0 else { return nil }
        let missed = (late / schedule.quantum).rounded(.down) * schedule.quantum
        return late - missed <= schedule.quantum / Self.openingShare ? due.advanced(bySeconds: missed) : nil
    }

    /// Seconds until a round may open, which is not before `nextAttempt`, seconds since 1970; nil where the clock has no
    /// say.
    func secondsToOpening(nextAttempt: Double?) -> Double? {
        guard let schedule, let due = nextOpening else { return nil }
        let soonest = schedule.instant(due, notBefore: context.instant)
        return max(soonest.seconds, nextAttempt ?? 0) - context.now
    }

    /// Seconds that a round took; on a schedule, where it ended at `scheduled`, seconds since 1970, what that says, free
    /// of the rounding of times since 1970.
    func seconds(of file: RoundFile, until scheduled: Double?) -> Double {
        guard let scheduled else { return context.now - file.opened }
        return ((scheduled - file.opened) * 1e4).rounded() / 1e4
    }

    /// Rounds go on by the clock although nobody is here: each spends of the budget.
    func warnOfAbsence() {
        context.log.warning(
            "no agent is here; rounds open by their schedule all the same. Pause the run to stop them")
    }
}
