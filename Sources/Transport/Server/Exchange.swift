internal import HTTPWire

/// The request in the works on a connection, from its head to its answer.
struct Exchange {
    /// Tells it from the connection's other requests.
    let number: UInt64
    /// The request's method.
    let method: HTTPMethod
    /// The request's path.
    let path: String
    /// Whether the connection may serve another request after this one.
    var keepsAlive: Bool
    /// Kept while the body is read, since a sink need not keep it to answer.
    var responder: Responder?
    /// Body bytes received so far.
    var bytesIn = 0
    private let claim = AnswerClaim()
    private let startedAt = MonotonicClock.microseconds()
    private let id = RequestID()
    /// Body bytes that count against those in flight.
    private var reserved = 0

    /// A request whose head is complete.
    init(_ head: HTTPRequestHead, number: UInt64, keepsAlive: Bool) {
        self.number = number
        self.keepsAlive = keepsAlive
        method = head.method
        path = head.target.path
    }

    /// A right to answer from any thread, by way of the connection `key`'s loop.
    func makeResponder(_ mailbox: Mailbox, key: UInt64) -> Responder {
        Responder(
            claim, mailbox: mailbox, exchange: ExchangeID(connection: key, number: number), request: id)
    }

    /// Takes the right to answer; false where it was taken before.
    func takeAnswer() -> Bool { claim.take() }

    /// Tells whoever has the responder that the client has gone.
    func disconnect() { claim.disconnect() }

    /// Reserves room for a body of at most `limit` bytes, `reserving` of which the handler will hold.
    /// - Returns: nil, or the answer to one that is too long or comes while too many bytes are in flight; observers have
    ///   heard of it then.
    mutating func admit(
        _ body: BodyLength, limit: Int, reserving: Int?, by peer: ConnectionPeer, to shared: ServerShared
    ) -> HTTPResponse? {
        var stated = limit
        if case .fixed(let count) = body { stated = count }
        guard stated <= limit else {
            shared.observe(peer.refused(.bodyTooLarge))
            return .text(413, HTTPRefusal.bodyTooLarge.reason)
        }
        let wanted = min(stated, reserving ?? stated)
        guard shared.reserveBody(wanted) else {
            shared.observe(.overloaded(address: peer.address, bytes: wanted))
            return .retry(afterSeconds: shared.configuration.retryAfterSeconds, "too many uploads at once")
        }
        reserved = wanted
        return nil
    }

    /// Gives the reserved body bytes back.
    mutating func release(to shared: ServerShared) {
        shared.releaseBody(reserved)
        reserved = 0
    }

    /// What observers hear of the answer.
    func answered(_ status: Int, bytesOut: Int, by peer: ConnectionPeer) -> TransportEvent {
        .answered(
            TransportEvent.Answered(
                method: method, path: path, status: status, bytesIn: bytesIn, bytesOut: bytesOut,
                microseconds: MonotonicClock.microseconds() - startedAt, peer: peer.fingerprint,
                address: peer.address, request: id))
    }
}
