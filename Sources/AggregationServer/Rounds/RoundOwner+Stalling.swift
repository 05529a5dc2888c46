internal import Federation
internal import Foundation
internal import Learning
internal import Operations

/// Pauses between the attempts of a stalled run: they double, up to a longest.
package struct StallPauses: Equatable, Sendable {
    /// Seconds.
    package var first = 1.0
    package var longest = 300.0
    /// Share of a pause by which it may be shorter, at random, so that many servers do not come at one time.
    package var jitter = 0.1

    package init() {}

    /// Seconds before attempt `number`, 0 for the first, when the run has stalled.
    func seconds(before number: Int) -> Double {
        min(longest, first * pow(2, Double(min(number, 60)))) * (1 - .random(in: 0...jitter))
    }
}

/// Where a stalled run stands.
struct Stall: Sendable {
    /// Seconds since 1970.
    let since: Double
    var nextAttempt: Double
    /// Attempts made since it stalled, or since an operator asked for one.
    var attempts: Int
}

/// A run whose rounds are abandoned one after the other stalls: it says why, and tries again after growing pauses, for
/// as long as it takes.
extension RoundOwner {
    /// A run that an earlier version ended for that reason is taken up again.
    func takeUpEnded() throws {
        guard run.finished == FinishReason.abandonedTooOften.rawValue else { return }
        var changed = run
        changed.finished = nil
        try keep(changed)
        run = changed
        log.warning(
            "this run had ended because too many rounds were abandoned in a row; it goes on. Stop it to end it"
        )
    }

    /// After a restart: a run that was stalled still is, and tries again at once.
    func takeUpStall() {
        guard engine.isStalled, !isFinished else { return }
        log.warning("the run is still stalled", ["why": .text(trouble ?? "")])
        stall = Stall(since: now, nextAttempt: now, attempts: 0)
        metrics.stalled.set(1)
    }

    /// Stalls, waits longer or goes on, after a concluded round.
    func considerStalling(_ file: RoundFile) {
        guard engine.isStalled else {
            if stall != nil, file.state == .published {
                log.info("the run goes on", ["round": .integer(file.round)])
            }
            stall = nil
            metrics.stalled.set(0)
            return
        }
        let attempts = stall?.attempts ?? 0
        let pause = setup.configuration.stallPauses.seconds(before: attempts)
        if stall == nil {
            log.error(
                "the run is stalled; it tries again after growing pauses", ["why": .text(trouble ?? "")])
        } else {
            log.warning(
                "the run is still stalled",
                ["why": .text(trouble ?? ""), "seconds_to_next_attempt": .number(pause)])
        }
        stall = Stall(since: stall?.since ?? now, nextAttempt: now + pause, attempts: attempts + 1)
        metrics.stalled.set(1)
    }

    /// An operator's word: the next attempt is made at once, and pauses begin anew.
    func tryAtOnce() {
        stall?.nextAttempt = now
        stall?.attempts = 0
    }

    /// What an operator has to know of a run that publishes nothing, or nothing good; nil where all is well.
    var trouble: String? { AbandonedRounds(since: history).text ?? divergence }

    /// Says that training has diverged, as soon as a published model shows it.
    func warnOfDivergence(_ result: EvaluationResult) {
        let limit = setup.divergedLoss
        guard !result.loss.isFinite || result.loss > limit else {
            divergence = nil
            return
        }
        let shown = result.loss.isFinite ? String(format: "%.4g", result.loss) : "not finite"
        let line =
            "the hold-out loss of round \(result.round) is \(shown): training has diverged; "
            + "lower task.training.learning_rate"
        divergence = line
        log.warning("\(line)")
    }
}
