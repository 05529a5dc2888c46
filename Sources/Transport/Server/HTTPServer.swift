internal import Operations
internal import Synchronization

/// An HTTPS server on one address: event loops on threads of their own, all accepting from one listening socket.
///
/// One socket with exclusive wake-ups rather than one per loop (`SO_REUSEPORT`): no connection waits in the queue
/// of a busy loop while another is idle, port 0 needs no second bind, and connections are handed to the loop
/// that has fewest, which matters when they live for hours.
package final class HTTPServer: Sendable {
    private let shared: ServerShared
    private let threads: [WorkerThread]
    private let isShutDown = Atomic<Bool>(false)

    /// The port it listens on.
    package let port: UInt16

    /// Listens and serves at once.
    /// - Parameters:
    ///   - configuration: where to listen, with how many loops and which limits.
    ///   - tls: certificates; its files are looked at every second and loaded anew when they change.
    ///   - handler: answers requests, on the loops.
    ///   - observe: told of everything, on the loops.
    /// - Throws: `SocketError` when the address cannot be listened on.
    package init(
        _ configuration: HTTPServerConfiguration, tls: TLSContextSource, handler: any HTTPHandler,
        observe: @escaping @Sendable (TransportEvent) -> Void = { _ in }
    ) throws(SocketError) {
        precondition(configuration.loops > 0, "a server needs a loop")
        _ = NetworkProcess.ignoresBrokenPipes
        var mailboxes: [Mailbox] = []
        for _ in 0..<configuration.loops { mailboxes.append(try Mailbox()) }
        let (listener, port) = try Socket.listen(on: configuration.listen)
        self.port = port
        let shared = ServerShared(
            configuration: configuration, tls: tls, handler: handler, observe: observe, mailboxes: mailboxes,
            listener: listener)
        self.shared = shared
        var threads: [WorkerThread] = []
        for (index, mailbox) in mailboxes.enumerated() {
            let thread = try Self.thread(named: "http-\(port)-\(index)") {
                do {
                    try EventLoop(shared: shared, mailbox: mailbox, isFirst: index == 0).run()
                } catch {
                    shared.observe(.acceptPaused(reason: "\(error)"))
                }
            }
            threads.append(thread)
        }
        self.threads = threads
    }

    private static func thread(
        named name: String, _ body: @escaping @Sendable () -> Void
    ) throws(SocketError) -> WorkerThread {
        do throws(ThreadError) {
            return try WorkerThread(name: name, body)
        } catch {
            throw SocketError(doing: "start a thread", code: error.code)
        }
    }

    /// Connections open now.
    package var connectionCount: Int { shared.connectionCount }

    /// Request-body bytes that handlers hold now.
    package var bodyBytesInFlight: Int { shared.reservedBodyBytes }

    /// Stops accepting, closes idle connections, lets requests in the works end within `milliseconds`, closes the
    /// rest, and returns when all threads have ended. Not to be called from a
    /// handler; a second call does nothing.
    package func shutdown(withinMilliseconds milliseconds: UInt64) {
        guard !isShutDown.exchange(true, ordering: .relaxed) else { return }
        let deadline = MonotonicClock.milliseconds() + milliseconds
        for mailbox in shared.mailboxes { mailbox.post(.drain(until: deadline)) }
        for thread in threads { thread.join() }
        Socket.close(shared.listener)
    }
}
