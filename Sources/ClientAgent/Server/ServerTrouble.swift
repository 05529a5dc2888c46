internal import Cryptography
internal import FoundationEssentials
internal import Messages
internal import Operations
internal import Transport

/// Tells troubles that pass, or that the other side's operator can mend, from those that only a person here can.
struct ServerTrouble {
    private let credentials: AgentConfiguration.Credentials
    /// Whether the server has answered since the start: what it then does not accept was good before.
    private var isKnown = false

    init(_ credentials: AgentConfiguration.Credentials) { self.credentials = credentials }

    /// The server has served this agent.
    mutating func served() { isKnown = true }

    /// What may be over after a pause: a headline, and why in one line.
    typealias Passing = (what: String, why: String)

    private static let unreachable = "the server cannot be reached"
    private static let certificate = "a certificate is in the way; trying again"

    /// What is wrong, where asking again after a pause may help. Throws what ends the agent otherwise: a ``Failure``, or
    /// the error itself.
    func passing(_ error: any Error, now: Date = Date()) throws -> Passing {
        switch error {
        case let own as OwnCertificateTrouble:
            // At the start somebody is there to read it; later, a renewed file is taken up by itself.
            guard isKnown || own.level == .notYetValid else { throw Failure(.network, own.sentence) }
            return (Self.certificate, own.sentence)
        case let error as ClientError: return try passing(error, now)
        case let error as MessageError: return (Self.unreachable, "its answer is not acceptable: \(error)")
        default: throw error
        }
    }

    private func passing(_ error: ClientError, _ now: Date) throws -> Passing {
        switch error {
        case .cancelled: throw error
        case .tls(let fault): return (Self.certificate, try passing(fault, now))
        case .authentication(_, let reason) where reason == "the certificate has expired":
            return (Self.certificate, own("the server says that this agent's certificate has expired", now))
        case .authentication(let status, let reason):
            let detail = (try? ErrorAnswer(decoding: Array(reason.utf8)))?.detail ?? reason
            throw Failure(.network, "the server does not let this agent in (\(status)): \(detail)")
        case .network, .timedOut, .status, .proxy, .protocolViolation, .responseTooLarge, .invalidRequest,
            .inconsistentDownload, .rejected:
            return (Self.unreachable, error.description)
        }
    }

    private func passing(_ fault: TLSFault, _ now: Date) throws -> String {
        switch fault.cause {
        case .ownRevoked:
            throw Failure(
                .network,
                "the authority has revoked this agent's certificate \(credentials.certificate): ask its operator, and"
                    + " enrol again to come back")
        case .ownExpired, .ownUnknownAuthority, .ownMissing, .ownRefused: return own(fault.clientText, now)
        case .peerExpired, .peerNotYetValid: return fault.clientText
        case .peerUnknownAuthority, .peerWrongName, .peerRevoked, .peerRefused, .other:
            // A server that was never reached is the wrong one, or the agent's files are: a person must look.
            guard isKnown else { throw Failure(.network, fault.clientText) }
            return fault.clientText
        }
    }

    /// What the server says of this agent's certificate, beside what the file says.
    private func own(_ said: String, _ now: Date) -> String {
        guard let own = (try? AgentCredentials(credentials))?.expiries.first else { return said }
        guard own.level(at: now).counts else { return own.sentence(at: now) }
        return
            "\(said); \(own.path) (\(own.subject)) is good until \(Expiry.text(own.notAfter)) by this host's clock:"
            + " the server's operator must look at its clock, tls.ca and tls.crl"
    }
}
