/// How soon the agent may ask again, whatever the server answers: no answer, sequence of answers or missing header
/// makes it ask in a hurry.
struct Pacing: Sendable {
    /// Seconds between check-ins that bring nothing: the least, and what they grow to, doubling.
    private static let idle = 1.0...15.0
    /// Least pause after the end of the run, in seconds, whatever the server asks for.
    private static let afterTheEnd = 60.0
    /// Pauses while the agent's data do not fit the task, in seconds: the first and the longest, doubling.
    private static let unsuitable = 60.0...600.0

    private var nextIdle = idle.lowerBound
    private var nextUnsuitable = unsuitable.lowerBound

    /// A round was delivered: the next may follow at once.
    mutating func delivered() {
        nextIdle = Self.idle.lowerBound
        nextUnsuitable = Self.unsuitable.lowerBound
    }

    /// A round was not delivered, or a check-in answered with nothing and no time to wait, `elapsed` seconds after it
    /// was asked for. Returns the seconds to wait.
    mutating func nothing(elapsed: Double) -> Double {
        defer { nextIdle = min(2 * nextIdle, Self.idle.upperBound) }
        return max(0, nextIdle - elapsed)
    }

    /// The server has nothing now and asks for `seconds`, `elapsed` seconds after it was asked. Returns the seconds to
    /// wait.
    mutating func later(_ seconds: Double, isFinished: Bool, elapsed: Double) -> Double {
        if isFinished { return max(seconds, Self.afterTheEnd) }
        guard max(seconds, elapsed) < Self.idle.lowerBound else {
            nextIdle = Self.idle.lowerBound
            return seconds
        }
        return max(seconds, nothing(elapsed: elapsed))
    }

    /// The agent's data do not fit. Returns the seconds until they are looked at again.
    mutating func unsuitable() -> Double {
        defer { nextUnsuitable = min(2 * nextUnsuitable, Self.unsuitable.upperBound) }
        return nextUnsuitable
    }
}
