internal import HTTPWire

/// One client's connection on its loop: handshake, then requests one at a time. This file holds its life,
/// `Connection+Requests` how they are read and answered.
final class Connection {
    /// The loop that owns this connection.
    unowned let loop: EventLoop
    /// What is going on.
    var phase = ConnectionPhase.handshake
    /// The way to the peer.
    var socket: ConnectionSocket
    /// Who the peer is.
    var peer: ConnectionPeer
    /// Reads one request after another.
    var reader: RequestReader
    /// The request in the works, if any.
    var exchange: Exchange?
    /// What waits to be sent.
    var output = ResponseOutput()
    /// How long the peer or handler may take.
    var deadline = ConnectionDeadline()
    /// Requests so far.
    var requestCount: UInt64 = 0
    private let startedAt = MonotonicClock.microseconds()

    /// What the loops share.
    var shared: ServerShared { loop.shared }
    /// How long to wait for whom.
    var timeouts: ServerTimeouts { loop.shared.configuration.timeouts }

    /// A connection on an accepted socket, which it closes.
    init(loop: EventLoop, socket: ConnectionSocket, address: String) {
        self.loop = loop
        self.socket = socket
        peer = ConnectionPeer(address: address)
        reader = RequestReader(limits: loop.shared.configuration.limits)
    }

    /// Begins the handshake.
    func start() {
        setDeadline(loop.now + timeouts.handshake)
        ready(.read)
    }

    /// The socket is ready for something, or there is more to do.
    func ready(_ readiness: EventQueue.Readiness) {
        switch phase {
        case .handshake: continueHandshake()
        case .head, .body, .answer: readInput()
        case .send: flush()
        case .stream:
            if !output.isEmpty { flush() }
            if case .stream = phase, readiness != .write { readInput() }
        case .linger: if socket.discardInput(into: loop.readBuffer) { close() }
        case .closed: break
        }
        updateInterest()
    }

    private func continueHandshake() {
        let session = socket.session
        switch session.handshake() {
        case .done:
            let duration = MonotonicClock.microseconds() - startedAt
            guard peer.admit(by: session, after: duration, to: shared) else {
                session.shutdown()
                return close()
            }
            expectHead()
            readInput()
        case .wantsRead: socket.watch(for: [.read, .peerClosed])
        case .wantsWrite: socket.watch(for: [.write, .peerClosed])
        case .closed:
            shared.observe(.handshakeFailed(address: peer.address, reason: "closed by the client"))
            close()
        case .failed(let fault):
            shared.observe(.handshakeFailed(address: peer.address, reason: fault.serverText))
            // The alert that tells the client why must not be lost to a reset.
            beginLinger(afterFailure: true)
        }
    }

    /// Waits for the next request.
    func expectHead() {
        phase = .head
        exchange = nil
        setDeadline(loop.now + timeouts.idle)
    }

    // MARK: Interest and deadlines

    /// Watches the socket for what the phase needs.
    func updateInterest() {
        if let interest = phase.interest(hasOutput: !output.isEmpty) { socket.watch(for: interest) }
    }

    /// Sets when the phase has taken too long, unless it is set anew before.
    func setDeadline(_ time: UInt64) { deadline.set(time, of: socket.key, in: loop) }

    /// An entry of the wheel fired.
    func timerFired(_ tick: UInt64) {
        guard deadline.isOver(atTick: tick, of: socket.key, in: loop) else { return }
        timedOut()
        updateInterest()
    }

    private func timedOut() {
        let hasMoved = deadline.windowBytes >= timeouts.minimumBytes
        switch phase.overdue(isIdle: reader.isIdle, hasOutput: !output.isEmpty, hasMoved: hasMoved) {
        case .giveUp(let observed):
            shared.observe(.timedOut(address: peer.address, phase: observed))
            close()
        case .refuse(let observed, let response):
            shared.observe(.timedOut(address: peer.address, phase: observed))
            refuse(response)
        case .answerInstead(let response):
            shared.observe(.timedOut(address: peer.address, phase: "answer"))
            exchange?.keepsAlive = false
            if let exchange, exchange.takeAnswer() { respond(exchange.number, response) }
        case .goOn: beginWindow()
        case .close: close()
        case .nothing: break
        }
    }

    /// Begins a window in which enough bytes must move.
    func beginWindow() { deadline.beginWindow(until: loop.now + timeouts.window, of: socket.key, in: loop) }

    // MARK: End

    /// The server is draining: go now if idle, else after the answer.
    func drain() {
        switch phase {
        case .handshake: close()
        case .head where reader.isIdle:
            socket.session.shutdown()
            close()
        case .stream(let stream, false):
            stream.disconnect()
            close()
        default: exchange?.keepsAlive = false
        }
    }

    /// Ends the request in the works without an answer: its sink, responder and reservation.
    private func abandonExchange() {
        phase.abandon()
        exchange?.disconnect()
        exchange?.release(to: shared)
    }

    /// Closes the socket and forgets the connection.
    func close() {
        if case .closed = phase { return }
        abandonExchange()
        phase = .closed
        exchange = nil
        output = ResponseOutput()
        peer.dismiss(from: shared)
        socket.close()
        loop.release(socket.key)
    }

    /// Says that nothing more will be sent, and waits for the peer to close.
    func beginLinger(afterFailure: Bool = false) {
        phase = .linger
        if !afterFailure { socket.session.shutdown() }
        socket.endOutput()
        setDeadline(loop.now + timeouts.linger)
    }
}
