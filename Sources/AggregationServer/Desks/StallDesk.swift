internal import Federation
internal import Foundation
internal import Operations

/// Pauses between the attempts of a stalled run: they double, up to a longest.
package struct StallPauses: Equatable, Sendable {
    /// Seconds before the first attempt.
    package var first = 1.0
    /// Seconds that no pause is longer than.
    package var longest = 300.0
    /// Share of a pause by which it may be shorter, at random, so that many servers do not come at one time.
    package var jitter = 0.1

    /// The pauses of a deployed server.
    package init() {}

    /// Seconds before attempt `number`, 0 for the first, when the run has stalled.
    func seconds(before number: Int) -> Double {
        min(longest, first * pow(2, Double(min(number, 60)))) * (1 - .random(in: 0...jitter))
    }
}

/// A run whose rounds are abandoned one after the other stalls: it says why, and tries again after growing pauses, for
/// as long as it takes. What is wrong with a run that does publish is known here, too.
final class StallDesk {
    /// Where a stalled run stands.
    private struct Stall {
        /// Seconds since 1970.
        let since: Double
        var nextAttempt: Double
        /// Attempts made since it stalled, or since an operator asked for one.
        var attempts: Int
    }

    private let context: DeskContext
    /// Nil for a run that is not stalled.
    private var stall: Stall?
    /// What is wrong with the newest model that was evaluated, if anything.
    private var divergence: String?

    /// A run that is not stalled, as far as is known.
    init(_ context: DeskContext) { self.context = context }

    /// Whether the run waits between attempts.
    var isStalled: Bool { stall != nil }
    /// Since when it does, seconds since 1970.
    var since: Double? { stall?.since }
    /// When it tries again, seconds since 1970.
    var nextAttempt: Double? { stall?.nextAttempt }

    /// What an operator has to know of a run with these rounds that publishes nothing, or nothing good; nil where all is
    /// well.
    func trouble(_ history: [RoundFile]) -> String? { AbandonedRounds(since: history).text ?? divergence }

    /// After a restart: a run that was stalled still is, and tries again at once.
    func takeUp(_ history: [RoundFile]) {
        context.log.warning("the run is still stalled", ["why": .text(trouble(history) ?? "")])
        let now = context.now
        stall = Stall(since: now, nextAttempt: now, attempts: 0)
        context.metrics.stalled.set(1)
    }

    /// Stalls, waits longer or goes on, after a concluded round, the last of `history`; `isStalled` is the engine's word.
    func conclude(_ file: RoundFile, isStalled: Bool, history: [RoundFile]) {
        guard isStalled else {
            if stall != nil, file.state == .published {
                context.log.info("the run goes on", ["round": .integer(file.round)])
            }
            stall = nil
            context.metrics.stalled.set(0)
            return
        }
        let attempts = stall?.attempts ?? 0
        let pause = context.setup.configuration.stallPauses.seconds(before: attempts)
        let why = Logger.Value.text(trouble(history) ?? "")
        if stall == nil {
            context.log.error("the run is stalled; it tries again after growing pauses", ["why": why])
            context.notifyOfStall(
                round: file.round, abandoned: history.reversed().prefix { $0.state == .abandoned }.count)
        } else {
            context.log.warning(
                "the run is still stalled", ["why": why, "seconds_to_next_attempt": .number(pause)])
        }
        let now = context.now
        stall = Stall(since: stall?.since ?? now, nextAttempt: now + pause, attempts: attempts + 1)
        context.metrics.stalled.set(1)
    }

    /// An operator's word: the next attempt is made at once, and pauses begin anew.
    func tryAtOnce() {
        stall?.nextAttempt = context.now
        stall?.attempts = 0
    }

    /// Says that training has diverged, as soon as a published model shows it.
    func note(_ result: EvaluationResult) {
        let limit = context.setup.divergedLoss
        guard !result.loss.isFinite || result.loss > limit else {
            divergence = nil
            return
        }
        let shown = result.loss.isFinite ? String(format: "%.4g", result.loss) : "not finite"
        let line =
            "the hold-out loss of round \(result.round) is \(shown): training has diverged; "
            + "lower task.training.learning_rate"
        divergence = line
        context.log.warning("\(line)")
    }
}
