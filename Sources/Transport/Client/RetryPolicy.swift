internal import HTTPWire

/// When and how often to try again: exponential back-off with full jitter (Brooker, "Exponential Backoff And
/// Jitter", 2015), so that clients that failed together do not return together.
package struct RetryPolicy: Sendable, Equatable {
    /// Attempts in all, the first included.
    package var attempts: Int
    /// Upper bound of the first delay, in milliseconds; doubles with each attempt.
    package var base: UInt64
    /// Largest bound of a delay, in milliseconds.
    package var maximum: UInt64
    /// Longest `Retry-After` that is obeyed, in milliseconds; a longer one is cut to it.
    package var maximumRetryAfter: UInt64

    /// Statuses that say "later" rather than "no".
    package static let retriedStatuses: Set<Int> = [408, 425, 429, 500, 502, 503, 504]

    /// Six attempts from 0.5 s to 60 s, and `Retry-After` up to an hour.
    package init(
        attempts: Int = 6, base: UInt64 = 500, maximum: UInt64 = 60_000, maximumRetryAfter: UInt64 = 3_600_000
    ) {
        self.attempts = attempts
        self.base = base
        self.maximum = maximum
        self.maximumRetryAfter = maximumRetryAfter
    }

    /// One attempt only.
    package static let never = RetryPolicy(attempts: 1)

    /// The wait after a failed attempt.
    /// - Parameters:
    ///   - attempt: which attempt failed, from 1.
    ///   - retryAfter: milliseconds that the server asked for, if it did.
    ///   - random: uniform in [0, 1).
    /// - Returns: milliseconds; with `retryAfter` never less than that, plus up to `base` of jitter.
    package func delay(after attempt: Int, retryAfter: UInt64?, random: Double) -> UInt64 {
        if let retryAfter { return min(retryAfter, maximumRetryAfter) + UInt64(random * Double(base)) }
        let doublings = UInt64(min(max(0, attempt - 1), 40))
        let (scaled, overflow) = base.multipliedReportingOverflow(by: 1 << doublings)
        return UInt64(random * Double(overflow ? maximum : min(scaled, maximum)))
    }

    /// Milliseconds that a `Retry-After` asks for, in whole seconds or as a date against `now` (seconds since
    /// 1970); nil when it says neither.
    package static func retryAfter(_ value: String?, now: Int64) -> UInt64? {
        guard let value else { return nil }
        if let seconds = HTTPCharacters.decimal(Array(value.utf8)), seconds < 1 << 40 {
            return UInt64(seconds) * 1000
        }
        return HTTPDate.parse(value).map { UInt64(max(0, $0 - now)) * 1000 }
    }
}
