internal import HTTPWire

/// One client's connection on its loop: handshake, then requests one at a time. This file holds its life,
/// `Connection+Input` reading and dispatch, `Connection+Output` answering.
final class Connection {
    /// What is going on. At most one request is in the works.
    enum Phase {
        case handshake
        /// Waiting for, or in the middle of, a head.
        case head
        /// Reading a body into the sink.
        case body(any BodySink)
        /// The handler has the request.
        case answer
        /// A complete response is being sent.
        case send
        /// A response of unknown length is being sent; `finished` when its end is queued.
        case stream(ResponseStream, finished: Bool)
        /// Everything was said; what the peer still sends is thrown away until it closes, so that the kernel
        /// does not answer it with a reset that destroys the response on its way.
        case linger
        case closed
    }

    /// What is known of the request in the works.
    struct Exchange {
        let number: UInt64
        let claim: AnswerClaim
        /// Kept while the body is read, since a sink need not keep it to answer.
        var responder: Responder?
        let method: HTTPMethod
        let path: String
        var keepsAlive: Bool
        let startedAt: UInt64
        /// What logs call the request.
        let id: RequestID
        var bytesIn = 0
        var reserved = 0
    }

    /// The loop that owns this connection.
    unowned let loop: EventLoop
    /// The loop's name for it.
    let key: UInt64
    /// The TLS session on the socket.
    let session: TLSSession
    /// Numeric address of the client.
    let address: String
    private let descriptor: Int32

    /// What is going on.
    var phase = Phase.handshake
    /// Reads one request after another.
    var parser: HTTPRequestParser
    /// A head without body whose end the parser has not confirmed yet.
    var pendingHead: HTTPRequestHead?
    /// The request in the works, if any.
    var exchange: Exchange?
    /// What waits to be sent.
    var output = OutputQueue()
    /// Identity by certificate, after the handshake.
    var peer: PeerIdentity?
    /// What the peer is counted under, once admitted.
    var peerKey: String?
    private var lastNumber: UInt64 = 0
    /// Bytes moved in the current window of a body or response.
    var windowBytes = 0
    /// Bytes thrown away while lingering.
    var lingeredBytes = 0
    private let startedAt = MonotonicClock.microseconds()
    private var deadline = UInt64.max
    private var armedTick = UInt64.max
    private var interest: EventQueue.Readiness = [.read, .peerClosed]

    /// What the loops share.
    var shared: ServerShared { loop.shared }
    /// How long to wait for whom.
    var timeouts: ServerTimeouts { loop.shared.configuration.timeouts }

    /// A connection on an accepted socket, which it closes.
    init(loop: EventLoop, key: UInt64, descriptor: Int32, session: TLSSession, address: String) {
        self.loop = loop
        self.key = key
        self.descriptor = descriptor
        self.session = session
        self.address = address
        parser = HTTPRequestParser(limits: loop.shared.configuration.limits)
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
        case .linger: discardInput(from: descriptor)
        case .closed: break
        }
        updateInterest()
    }

    private func continueHandshake() {
        switch session.handshake() {
        case .done:
            peer = session.peer
            let peerKey = peer?.fingerprintText ?? address
            shared.observe(
                .handshake(
                    address: address, peer: peer?.fingerprintText, resumed: session.isResumed,
                    microseconds: MonotonicClock.microseconds() - startedAt))
            guard shared.admitPeer(peerKey) else {
                shared.observe(.turnedAway(address: address, reason: "too many connections of one peer"))
                session.shutdown()
                return close()
            }
            self.peerKey = peerKey
            expectHead()
            readInput()
        case .wantsRead: setInterest([.read, .peerClosed])
        case .wantsWrite: setInterest([.write, .peerClosed])
        case .closed:
            shared.observe(.handshakeFailed(address: address, reason: "closed by the client"))
            close()
        case .failed(let fault):
            shared.observe(.handshakeFailed(address: address, reason: fault.serverText))
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

    /// A number for the next request of this connection.
    func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    // MARK: Interest and deadlines

    /// Watches the socket for what the phase needs. Input is not watched while a response is sent, or a client
    /// that sends without reading would keep the loop spinning.
    func updateInterest() {
        switch phase {
        case .handshake, .closed: break
        case .head, .body, .answer, .stream:
            setInterest(output.isEmpty ? [.read, .peerClosed] : [.read, .write, .peerClosed])
        case .send: setInterest(.write)
        case .linger: setInterest([.read, .peerClosed])
        }
    }

    private func setInterest(_ wanted: EventQueue.Readiness) {
        guard wanted != interest else { return }
        interest = wanted
        loop.queue.change(descriptor, key: key, for: wanted)
    }

    /// Sets when `timedOut` is to be called, unless it is set anew before.
    func setDeadline(_ time: UInt64) {
        deadline = time
        let tick = time / TimerWheel.tick
        if time != .max, tick < armedTick { armedTick = loop.arm(key, at: time) }
    }

    /// An entry of the wheel fired: it may be stale, early, or the deadline.
    func timerFired(_ tick: UInt64) {
        guard tick == armedTick else { return }
        armedTick = .max
        if loop.now >= deadline {
            deadline = .max
            timedOut()
            updateInterest()
        } else if deadline != .max {
            armedTick = loop.arm(key, at: deadline)
        }
    }

    private func timedOut() {
        switch phase {
        case .handshake: giveUp("handshake")
        case .head where parser.isIdle: giveUp("idle")
        case .head:
            shared.observe(.timedOut(address: address, phase: "head"))
            refuse(.text(408, "the request head took too long"))
        case .body:
            guard movedEnough() else {
                shared.observe(.timedOut(address: address, phase: "body"))
                return refuse(.text(408, "the body came too slowly"))
            }
        case .answer:
            shared.observe(.timedOut(address: address, phase: "answer"))
            exchange?.keepsAlive = false
            if let number = exchange?.number, exchange?.claim.take() == true {
                respond(number, .text(504, "the answer took too long"))
            }
        case .send: if !movedEnough() { giveUp("response") }
        case .stream: if !output.isEmpty, !movedEnough() { giveUp("response") }
        case .linger: close()
        case .closed: break
        }
    }

    private func giveUp(_ phase: String) {
        shared.observe(.timedOut(address: address, phase: phase))
        close()
    }

    /// Whether the ending window saw enough bytes; begins the next one.
    private func movedEnough() -> Bool {
        guard windowBytes >= timeouts.minimumBytes else { return false }
        beginWindow()
        return true
    }

    /// Begins a window in which enough bytes must move.
    func beginWindow() {
        windowBytes = 0
        setDeadline(loop.now + timeouts.window)
    }

    // MARK: End

    /// The server is draining: go now if idle, else after the answer.
    func drain() {
        switch phase {
        case .handshake: close()
        case .head where parser.isIdle:
            session.shutdown()
            close()
        case .stream(let stream, false):
            stream.disconnect()
            close()
        default: exchange?.keepsAlive = false
        }
    }

    /// Ends the request in the works without an answer: its sink, responder and reservation.
    func abandonExchange() {
        if case .body(let sink) = phase { sink.abandon() }
        if case .stream(let stream, _) = phase { stream.disconnect() }
        exchange?.claim.disconnect()
        releaseReservation()
    }

    /// Gives the reserved body bytes back.
    func releaseReservation() {
        guard let reserved = exchange?.reserved, reserved > 0 else { return }
        shared.releaseBody(reserved)
        exchange?.reserved = 0
    }

    /// Closes the socket and forgets the connection.
    func close() {
        if case .closed = phase { return }
        abandonExchange()
        phase = .closed
        exchange = nil
        output = OutputQueue()
        if let peerKey { shared.dismissPeer(peerKey) }
        loop.queue.remove(descriptor)
        Socket.close(descriptor)
        loop.release(key)
    }

    /// Says that nothing more will be sent, and waits for the peer to close.
    func beginLinger(afterFailure: Bool = false) {
        phase = .linger
        if !afterFailure { session.shutdown() }
        Socket.endOutput(descriptor)
        setDeadline(loop.now + timeouts.linger)
    }
}
