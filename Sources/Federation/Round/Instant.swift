/// A point on the clock of whoever runs the round: real for the server, virtual for the simulator.
package struct Instant: Comparable, Hashable, Sendable {
    /// Nanoseconds since the clock's own start.
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The instant `seconds` after the clock's start; of times beyond 146 years, which only a damaged file can tell, the
    /// last or first of these.
    package init(seconds: Double) { nanoseconds = Self.nanoseconds(seconds) }

    private static func nanoseconds(_ seconds: Double) -> Int64 {
        let limit = Double(Int64.max / 2)
        return Int64(max(-limit, min(limit, seconds * 1e9)))
    }

    package var seconds: Double { Double(nanoseconds) / 1e9 }

    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The instant `seconds` later.
    package func advanced(bySeconds seconds: Double) -> Instant {
        let (sum, overflows) = nanoseconds.addingReportingOverflow(Self.nanoseconds(seconds))
        return Instant(nanoseconds: overflows ? (seconds < 0 ? .min : .max) : sum)
    }
}
