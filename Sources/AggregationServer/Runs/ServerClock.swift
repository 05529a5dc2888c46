internal import Foundation

/// Wall-clock time at the start, and from then on the monotonic clock: it neither jumps nor runs back.
struct ServerClock {
    private let start = Date().timeIntervalSince1970
    private let began = ContinuousClock.now

    /// Seconds since 1970.
    var now: Double {
        let (seconds, attoseconds) = (ContinuousClock.now - began).components
        return start + Double(seconds) + Double(attoseconds) * 1e-18
    }
}
