internal import Federation
internal import Glibc
internal import Messages
internal import Transport

/// When reports leave where the server may not see how long local work took: at instants that the work's duration
/// does not choose, or chooses among few.
///
/// Where the task has `report_after`, that is the instant. Else it is the next on a grid of 0.1 s · 2^k, and never an
/// earlier one than before in the same task: time is hidden to a factor of two, and a failure leaves with the
/// slowest work so far. Whatever this process has not done yet it cannot imitate: a failure before the first success
/// may leave earlier than a success would.
struct LeaveTimes: Sendable {
    /// The grid's first instant, in seconds.
    private static let grain = 0.1
    /// Share of a round's time after which nothing is held back: what is left is for sending.
    private static let lastShare = 0.9
    /// Share of `report_after` that local work may last; the rest is for noise and storage.
    private static let workShare = 0.8
    /// Tasks whose slowest work is remembered.
    private static let tasksKept = 1000

    /// Slowest grid step of each task, by its digest.
    private var slowest: [String: Int] = [:]

    /// Seconds from the beginning of the frame after which local work is abandoned; nil: never.
    static func limitOfWork(reportAfter: Double?) -> Double? { reportAfter.map { $0 * workShare } }

    /// The instant at which a report leaves, in seconds from the beginning of its frame.
    /// - Parameters:
    ///   - elapsed: seconds until the report was ready and kept.
    ///   - task: digest of the task.
    ///   - reportAfter: `report_after` of the task. Work that outlasted it leaves at the next of its doublings.
    ///   - deadline: seconds until the round's deadline. Close to it the grid ends.
    /// - Returns: the instant, never before `elapsed`.
    mutating func leaving(
        after elapsed: Double, task: String, reportAfter: Double?, deadline: Double
    ) -> Double {
        if let reportAfter {
            var instant = reportAfter
            while instant < elapsed { instant *= 2 }
            return instant
        }
        let step = max(slowest[task] ?? 0, Self.step(elapsed))
        if slowest.count >= Self.tasksKept, slowest[task] == nil { slowest = [:] }
        slowest[task] = step
        let instant = Self.grain * exp2(Double(step))
        let last = deadline * Self.lastShare
        return instant > last && elapsed <= last ? last : max(instant, elapsed)
    }

    /// Waits until the frame of time of a report is over, where it has one; it began at `began`. Throws
    /// `ClientError.cancelled` where a stop is asked for meanwhile.
    mutating func hold(since began: ContinuousClock.Instant, _ work: RoundWork, _ stop: StopSignal) throws {
        let reportAfter = work.plan.configuration.reportAfter
        guard work.plan.hidesTime || reportAfter != nil else { return }
        let leaves = leaving(
            after: began.duration(to: .now).inSeconds, task: work.task.digest, reportAfter: reportAfter,
            deadline: work.message.deadlineSeconds)
        while true {
            let rest = leaves - began.duration(to: .now).inSeconds
            guard rest > 0 else { return }
            if stop.wait(seconds: max(0.001, rest)) { throw ClientError.cancelled }
        }
    }

    /// The first step of the grid that is not before `elapsed`.
    private static func step(_ elapsed: Double) -> Int {
        var (step, instant) = (0, grain)
        while instant < elapsed, step < 40 {
            instant *= 2
            step += 1
        }
        return step
    }
}

extension Duration {
    /// The duration in seconds.
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
