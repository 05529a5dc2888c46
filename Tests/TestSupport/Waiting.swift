import Glibc

/// Waits until a condition holds that must come true, so that a slow machine only makes a test slower.
/// - Parameters:
///   - seconds: after which the wait is given up.
///   - milliseconds: between two looks.
///   - condition: what is waited for; looked at once at least, and a last time at the deadline.
/// - Returns: whether it came true.
/// - Throws: what the condition throws.
package func eventually(
    within seconds: Double = 10, every milliseconds: UInt32 = 5, _ condition: () throws -> Bool
) rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    repeat {
        if try condition() { return true }
        usleep(milliseconds * 1000)
    } while ContinuousClock.now < deadline
    return try condition()
}

/// Watches that a condition goes on to hold, for what must not happen and leaves no other trace: a slow machine only
/// makes the watch weaker, never the test fail.
/// - Parameters:
///   - seconds: how long; the watch ends at once where the condition breaks.
///   - condition: what must hold all the time.
/// - Returns: whether it held.
package func stays(for seconds: Double, _ condition: () -> Bool) -> Bool {
    !eventually(within: seconds) { !condition() }
}
