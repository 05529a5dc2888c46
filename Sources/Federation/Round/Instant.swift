/// A point on the clock of whoever runs the round: real for the server, virtual for the simulator.
package struct Instant: Comparable, Hashable, Sendable {
    /// Nanoseconds since the clock's own start.
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The instant `seconds` after the clock's start.
    package init(seconds: Double) { nanoseconds = Int64(seconds * 1e9) }

    package var seconds: Double { Double(nanoseconds) / 1e9 }

    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The instant `seconds` later.
    package func advanced(bySeconds seconds: Double) -> Instant {
        Instant(nanoseconds: nanoseconds + Int64(seconds * 1e9))
    }
}
