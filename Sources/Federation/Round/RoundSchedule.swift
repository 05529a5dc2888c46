/// When the models of a plan that claims amplification by sampling are shown.
///
/// Amplification holds for who sees the models and does not know the cohort. When a model comes must therefore tell
/// nothing of the cohort: neither how slow its members were, nor how many dropped out, nor that there were none. Every
/// round takes the same time, which follows from the plan alone.
package struct RoundSchedule: Equatable, Sendable {
    /// Seconds from a round's opening until its model is shown and the next round opens.
    package let publicationSeconds: Double
    /// Seconds by which whatever is late moves on, as a whole number of times: how late it would have been does not show.
    package let quantum: Double

    /// Seconds that summing, noise and storing have at least.
    private static let leastQuantum = 1.0

    /// The reports' time; of masked rounds a half of it more, for signing and unmasking; a quarter of it, and at least a
    /// second, for summing, noise and storing.
    package init(reportDeadline: Double, masksReports: Bool) {
        quantum = max(reportDeadline / 4, Self.leastQuantum)
        publicationSeconds = reportDeadline * (masksReports ? 1.5 : 1) + quantum
    }

    /// The first instant, of `planned` and those that lie whole quanta after it, that is not before `now`.
    package func instant(_ planned: Instant, notBefore now: Instant) -> Instant {
        guard planned < now else { return planned }
        let missed = ((now.seconds - planned.seconds) / quantum).rounded(.up)
        return planned.advanced(bySeconds: missed * quantum)
    }
}
