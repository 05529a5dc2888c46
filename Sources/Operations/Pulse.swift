internal import Glibc
internal import Synchronization

/// What a working loop promises to a watchdog: to come round again within some time.
///
/// The loop renews its promise at each turn; the watchdog is fed only while the promise is kept, so that a loop which
/// hangs is seen to hang although other threads are well. Time in which the machine is suspended does not count.
package final class Pulse: Sendable {
    private let due: Atomic<UInt64>

    /// A pulse that is first due after `seconds`.
    package init(within seconds: Double = 60) {
        due = Atomic(Self.now + Self.nanoseconds(seconds))
    }

    /// Promises the next turn within `seconds`.
    package func promise(within seconds: Double) {
        due.store(Self.now &+ Self.nanoseconds(seconds), ordering: .relaxed)
    }

    /// Promises the next turn within `seconds`, unless there is longer time already.
    package func extend(within seconds: Double) {
        due.max(Self.now &+ Self.nanoseconds(seconds), ordering: .relaxed)
    }

    /// Whether the promise is kept so far.
    package var isAlive: Bool { Self.now <= due.load(ordering: .relaxed) }

    private static func nanoseconds(_ seconds: Double) -> UInt64 { UInt64(min(max(0, seconds), 1e9) * 1e9) }

    /// Of the clock that systemd's watchdog reads.
    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// Feeds a watchdog for as long as a pulse, or more than one, is alive.
package struct WatchdogFeeder: Sendable {
    private let notifier: ServiceNotifier
    private let isAlive: @Sendable () -> Bool
    /// Seconds to wait between two calls of ``feed()``: a third of what the manager allows.
    package let interval: Double

    /// Nil when nobody watches.
    package init?(_ notifier: ServiceNotifier, _ pulse: Pulse) { self.init(notifier) { pulse.isAlive } }

    /// The same for whatever `isAlive` watches over. Nil when nobody watches.
    package init?(_ notifier: ServiceNotifier, isAlive: @escaping @Sendable () -> Bool) {
        guard let seconds = notifier.watchdogSeconds, notifier.isListening else { return nil }
        self.notifier = notifier
        self.isAlive = isAlive
        interval = seconds / 3
    }

    /// Feeds it once. Returns false when what is watched over is not alive, and feeds nothing.
    @discardableResult
    package func feed() -> Bool {
        guard isAlive() else { return false }
        notifier.send(.alive)
        return true
    }
}
