internal import COpenSSL
internal import Glibc

/// Lets any thread interrupt waits of a client's thread. Once signalled it stays so.
package final class CancellationSignal: Sendable {
    private let descriptor: Int32

    /// A signal that is not given yet.
    package init() throws(SocketError) {
        descriptor = transport_event_descriptor()
        guard descriptor >= 0 else { throw SocketError(doing: "make an event descriptor") }
    }

    deinit { close(descriptor) }

    /// Ends every wait, now and later, with `ClientError.cancelled`. Safe in a signal handler.
    package func signal() { transport_event_signal(descriptor) }

    /// Waits for a socket.
    /// - Parameters:
    ///   - socket: what to wait for, or -1 only to sleep.
    ///   - events: what to wait for on it, as `poll` names it.
    ///   - deadline: monotonic milliseconds.
    /// - Returns: what the socket is ready for, or nil at the deadline.
    /// - Throws: `ClientError.cancelled` once the signal was given.
    func wait(_ socket: Int32, for events: Int32, until deadline: UInt64) throws(ClientError) -> Int32? {
        while true {
            let now = MonotonicClock.milliseconds()
            let pause = deadline > now ? min(deadline - now, 1 << 30) : 0
            var polled = (
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: socket, events: Int16(events), revents: 0)
            )
            let count = withUnsafeMutablePointer(to: &polled) { pointer in
                pointer.withMemoryRebound(to: pollfd.self, capacity: 2) { poll($0, 2, Int32(pause)) }
            }
            if polled.0.revents != 0 { throw .cancelled }
            if count > 0 { return Int32(polled.1.revents) }
            if count == 0, now >= deadline || pause == 0 { return nil }
        }
    }

    /// Sleeps.
    func sleep(milliseconds: UInt64) throws(ClientError) {
        _ = try wait(-1, for: 0, until: MonotonicClock.milliseconds() + milliseconds)
    }
}
