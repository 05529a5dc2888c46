internal import Glibc
package import Operations
internal import Synchronization
package import Transport

/// Tells the agent to stop, from any thread, and wakes it from its pauses.
package final class StopSignal: Sendable {
    private let requested = Atomic(false)
    private let ends: (read: Int32, write: Int32)

    /// A signal that is not given yet. Throws a ``Failure`` when the system has no descriptors left.
    package init() throws(Failure) {
        var pair: [Int32] = [-1, -1]
        guard pipe(&pair) == 0 else { throw Failure(.internalFault, "cannot make a pipe") }
        for end in pair { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        ends = (pair[0], pair[1])
    }

    deinit {
        close(ends.read)
        close(ends.write)
    }

    /// Whether a stop was asked for, here or by SIGINT or SIGTERM.
    package var isRequested: Bool { requested.load(ordering: .acquiring) || Signals.interruptionRequested }

    /// Asks for a stop.
    package func request() {
        guard !requested.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var byte: UInt8 = 1
        _ = write(ends.write, &byte, 1)
    }

    /// Waits until a stop is asked for, at most `seconds`. Returns whether it was.
    @discardableResult
    package func wait(seconds: Double) -> Bool {
        guard !isRequested else { return true }
        var watched = [
            pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0),
            pollfd(fd: Signals.wakeDescriptor, events: Int16(POLLIN), revents: 0),
        ]
        // A signal that interrupts the call shortens the pause: nothing depends on its length.
        poll(&watched, 2, Int32(min(max(0, seconds) * 1000, 1e9)))
        return isRequested
    }

    /// Lets SIGINT and SIGTERM interrupt what clients wait for, on a thread of its own.
    ///
    /// Should the agent not end within `seconds` after that, because it is training, the process ends at once
    /// with status 7: it may be killed at any instant without loss.
    package func interrupt(_ cancellations: [CancellationSignal], withinSeconds seconds: Double) throws {
        _ = try WorkerThread(name: "signals") { [self] in
            while !wait(seconds: 3600) {}
            for cancellation in cancellations { cancellation.signal() }
            usleep(useconds_t(seconds * 1e6))
            _exit(ExitCode.interrupted.rawValue)
        }
    }
}
