internal import HTTPWire

/// Who is at the other end of a connection, and whether they still may ask.
struct ConnectionPeer {
    /// Numeric address of the client.
    let address: String
    /// Identity by certificate, after the handshake; nil where none was shown.
    private(set) var identity: PeerIdentity?
    /// What the peer is counted under, once admitted.
    private var countedAs: String?

    /// A peer that has not shown who it is.
    init(address: String) { self.address = address }

    /// The certificate's fingerprint as logs have it.
    var fingerprint: String? { identity?.fingerprintText }

    /// Why a request does not count, in the words that the peer is told.
    private enum Fault: String {
        case missing = "a client certificate is required"
        case revoked = "the certificate is revoked"
        case expired = "the certificate has expired"
        /// Nobody can tell who is revoked: the server's operator must see to it, and the peer may come again.
        case staleList = "the server's revocation list has expired"

        /// The answer to such a request.
        var response: HTTPResponse {
            switch self {
            case .missing, .revoked, .expired: .text(403, rawValue)
            case .staleList: .retry(afterSeconds: 60, rawValue)
            }
        }
    }

    /// Notes whom a handshake of so many microseconds has shown, and counts the connection as one of theirs, unless they have
    /// too many; observers hear of both.
    mutating func admit(by session: TLSSession, after duration: UInt64, to shared: ServerShared) -> Bool {
        identity = session.peer
        let fingerprint = fingerprint
        shared.observe(
            .handshake(
                address: address, peer: fingerprint, resumed: session.isResumed, microseconds: duration))
        let name = fingerprint ?? address
        guard shared.admitPeer(name) else {
            shared.observe(.turnedAway(address: address, reason: "too many connections of one peer"))
            return false
        }
        countedAs = name
        return true
    }

    /// Counts the connection out.
    func dismiss(from shared: ServerShared) { if let countedAs { shared.dismissPeer(countedAs) } }

    /// The answer to a peer that may not ask for `path` at all, of which observers hear; nil when it may.
    func refusal(asking path: String, of shared: ServerShared) -> HTTPResponse? {
        guard let fault = fault(asking: path, of: shared) else { return nil }
        shared.observe(
            .identityRefused(address: address, peer: fingerprint ?? "", reason: fault.rawValue))
        return fault.response
    }

    /// Why the peer may not ask for `path`: it has no certificate where one is needed, or its certificate,
    /// good when the connection was made, no longer counts. Nil when it may.
    private func fault(asking path: String, of shared: ServerShared) -> Fault? {
        guard let identity else {
            let open = shared.configuration.pathsWithoutCertificate?.contains(path) ?? true
            return open ? nil : .missing
        }
        let now = MonotonicClock.secondsSince1970()
        let revocations = shared.tls.current.revocations
        if revocations.revokes(identity) { return .revoked }
        if identity.notAfter <= now { return .expired }
        return revocations.isStale(for: identity, at: now) ? .staleList : nil
    }

    /// What observers hear of bytes that are no acceptable HTTP.
    func refused(_ refusal: HTTPRefusal) -> TransportEvent {
        .refused(address: address, peer: fingerprint, refusal: refusal)
    }
}
