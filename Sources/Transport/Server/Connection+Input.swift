internal import HTTPWire

extension Connection {
    /// Records read in one turn before other connections are served.
    private static let recordsPerTurn = 16
    /// Bytes thrown away at most while lingering.
    private static let lingerLimit = 64 << 20

    /// Reads what has come, as far as the phase wants input.
    func readInput() {
        for _ in 0..<Self.recordsPerTurn {
            switch phase {
            case .head, .body, .answer, .stream: break
            default: return
            }
            switch session.read(into: loop.readBuffer) {
            case .done(let count):
                consume(UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count]))
            case .wantsRead, .wantsWrite: return
            case .closed, .failed: return close()
            }
        }
        if session.hasPending { loop.resume(key) }
    }

    /// Throws away what a peer sends that was told to go.
    func discardInput(from descriptor: Int32) {
        while true {
            let count = Socket.receive(descriptor, into: loop.readBuffer)
            if count == nil { return }
            lingeredBytes += count ?? 0
            if count == 0 || lingeredBytes > Self.lingerLimit { return close() }
        }
    }

    private func consume(_ input: UnsafeRawBufferPointer) {
        switch phase {
        case .answer, .stream:
            shared.observe(refused(.pipelined))
            return close()
        default: break
        }
        if case .head = phase, parser.isIdle { setDeadline(loop.now + timeouts.head) }
        var position = 0
        while true {
            let event: HTTPEvent<HTTPRequestHead>
            do throws(HTTPRefusal) {
                event = try parser.next(input, &position)
            } catch {
                shared.observe(refused(error))
                return refuse(.text(error.status, error.reason))
            }
            switch event {
            case .needsInput: return
            case .head(let head) where head.bodyLength == .none: pendingHead = head
            case .head(let head): dispatch(head)
            case .body(let range):
                guard case .body(let sink) = phase else { return }
                windowBytes += range.count
                exchange?.bytesIn += range.count
                if case .stop(let response) = sink.receive(UnsafeRawBufferPointer(rebasing: input[range])) {
                    // The sink has ended itself; it must not hear `abandon` too.
                    phase = .answer
                    return refuse(response)
                }
            case .end:
                guard position == input.count else {
                    shared.observe(refused(.pipelined))
                    return refuse(.text(HTTPRefusal.pipelined.status, HTTPRefusal.pipelined.reason))
                }
                return requestEnded()
            }
            // An early answer leaves the rest of the input unread.
            switch phase {
            case .head, .body: break
            default: return
            }
        }
    }

    private func refused(_ refusal: HTTPRefusal) -> TransportEvent {
        .refused(address: address, peer: peer?.fingerprintText, refusal: refusal)
    }

    private func requestEnded() {
        if let head = pendingHead {
            pendingHead = nil
            dispatch(head)
        } else if case .body(let sink) = phase {
            phase = .answer
            answer(by: sink)
        }
    }

    private func answer(by sink: any BodySink) {
        setDeadline(loop.now + timeouts.answer)
        if case .respond(let response) = sink.finish() { answerNow(response) }
        exchange?.responder = nil
    }

    /// Hands a checked request to the handler.
    private func dispatch(_ head: HTTPRequestHead) {
        let number = nextNumber()
        let (claim, id) = (AnswerClaim(), RequestID())
        let responder = Responder(
            claim, mailbox: loop.mailbox, exchange: ExchangeID(connection: key, number: number), request: id)
        exchange = Exchange(
            number: number, claim: claim, method: head.method, path: head.target.path,
            keepsAlive: head.keepsAlive && !loop.isDraining, startedAt: MonotonicClock.microseconds(), id: id)
        phase = .answer
        if let fault = identityFault(head.target.path) {
            shared.observe(
                .identityRefused(address: address, peer: peer?.fingerprintText ?? "", reason: fault.rawValue))
            switch fault {
            case .missing, .revoked, .expired: return refuse(.text(403, fault.rawValue))
            case .staleList: return refuse(.retry(afterSeconds: 60, fault.rawValue))
            }
        }
        setDeadline(loop.now + timeouts.answer)
        let hasBody = head.bodyLength != .none
        let request = HTTPRequest(head: head, peer: peer, address: address)
        switch shared.handler.handle(request, responder) {
        case .respond(let response):
            if hasBody { exchange?.keepsAlive = false }
            answerNow(response)
        case .later where hasBody:
            shared.observe(.invalidResponse(path: head.target.path, reason: "'later' leaves a body unread"))
            refuse(.text(500, "internal fault"))
        case .later: break
        case .receive(_, _, let sink) where !hasBody: answer(by: sink)
        case .receive(let limit, let reserving, let sink):
            exchange?.responder = responder
            receive(head, limit, reserving, sink)
        }
    }

    /// Why the peer may not ask for `path` at all: it has no certificate where one is needed, or its certificate,
    /// good when the connection was made, no longer counts. Nil when it may.
    private func identityFault(_ path: String) -> IdentityFault? {
        guard let peer else {
            let open = shared.configuration.pathsWithoutCertificate?.contains(path) ?? true
            return open ? nil : .missing
        }
        let now = MonotonicClock.secondsSince1970()
        let revocations = shared.tls.current.revocations
        if revocations.revokes(peer) { return .revoked }
        if peer.notAfter <= now { return .expired }
        return revocations.isStale(for: peer, at: now) ? .staleList : nil
    }

    /// Why a request does not count, in the words that the peer is told.
    private enum IdentityFault: String {
        case missing = "a client certificate is required"
        case revoked = "the certificate is revoked"
        case expired = "the certificate has expired"
        /// Nobody can tell who is revoked: the server's operator must see to it, and the peer may come again.
        case staleList = "the server's revocation list has expired"
    }

    private func receive(_ head: HTTPRequestHead, _ limit: Int, _ reserving: Int?, _ sink: any BodySink) {
        let limit = min(limit, shared.configuration.limits.bodyBytes)
        var stated = limit
        if case .fixed(let count) = head.bodyLength { stated = count }
        guard stated <= limit else {
            shared.observe(refused(.bodyTooLarge))
            sink.abandon()
            return refuse(.text(413, HTTPRefusal.bodyTooLarge.reason))
        }
        let reserved = min(stated, reserving ?? stated)
        guard shared.reserveBody(reserved) else {
            shared.observe(.overloaded(address: address, bytes: reserved))
            sink.abandon()
            let seconds = shared.configuration.retryAfterSeconds
            return refuse(.retry(afterSeconds: seconds, "too many uploads at once"))
        }
        exchange?.reserved = reserved
        parser.bodyLimit = limit
        phase = .body(sink)
        beginWindow()
        if head.expectsContinue {
            output.append(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
            flush()
        }
    }
}
