internal import Cryptography
internal import FoundationEssentials
internal import Operations

/// An agent's certificate file as TLS uses it: any authority's, any length of chain, any key that TLS can use. What
/// masked rounds need beyond that, ``AgentCertificate`` says.
struct AgentCredentials: Sendable {
    /// The agent's own certificate, then what is sent with it.
    let chain: [PresentedCertificate]
    /// What `tls.ca` holds.
    let authorities: [PresentedCertificate]
    private let files: AgentConfiguration.Credentials
    private let isKeyOwn: Bool

    /// Reads the three files. Throws a ``Failure`` with status 5 that names the file at fault.
    init(_ files: AgentConfiguration.Credentials) throws {
        self.files = files
        let chain = try Self.read(files.certificate) { try PresentedCertificate.all(pem: $0) }
        self.chain = chain
        authorities = try Self.read(files.authority) { try PresentedCertificate.all(pem: $0) }
        isKeyOwn = try Self.read(files.key) { bytes in
            try chain.first?.matches(keyPEM: SecretBytes(copying: bytes)) ?? false
        }
    }

    /// What of the files expires, the agent's own certificate first.
    var expiries: [Expiry] {
        let own = chain.enumerated().map { index, certificate in
            certificate.expiry(
                index == 0 ? .agentCertificate : .intermediate,
                index == 0 ? "agent's certificate" : "intermediate certificate \(index)",
                path: files.certificate)
        }
        return own
            + authorities.enumerated().map { index, certificate in
                certificate.expiry(
                    .authority, "authority certificate\(index == 0 ? "" : " \(index + 1)")",
                    path: files.authority)
            }
    }

    /// The agent's own certificate, where it does not count at `now`; no connection need be tried then.
    func ownTrouble(at now: Date) -> Expiry? {
        expiries.first.flatMap { $0.level(at: now).counts ? nil : $0 }
    }

    /// Throws a ``Failure`` with status 5 where TLS cannot use the files at `now`, whatever server is at the other end.
    func require(at now: Date) throws(Failure) {
        guard isKeyOwn else {
            throw Failure(
                .network, "the key \(files.key) does not belong to \(files.certificate); enrol again")
        }
        if let own = chain.first, !own.hasUsableKey {
            throw Failure(
                .network,
                "\(files.certificate): TLS takes keys of Ed25519, P-256, P-384 or RSA of 2048 bits, not \(own.keyName)"
            )
        }
        if let trouble = ownTrouble(at: now) { throw Failure(.network, trouble.sentence(at: now)) }
    }

    /// One line for a person: whose certificate, its dates and its issuer. An issuer outside `tls.ca` is no fault of the
    /// agent's: what counts is what the server trusts.
    func summary(at now: Date) throws -> String {
        guard let own = chain.first else { return "none" }
        let refusal = try own.refusal(
            by: authorities, intermediates: Array(chain.dropFirst()), isServer: false, at: now)
        let isFar = refusal == nil ? "" : ", which is not of tls.ca: the server must trust it"
        // A certificate of this system is renewed by the agent itself; what is near is said of the others.
        let isRenewed = (try? AgentCertificate(files))?.isRenewalDue(at: now) == false
        let near = expiries.filter {
            $0.level(at: now) != .fine && !(isRenewed && $0.kind == .agentCertificate)
        }
        .map { "; \($0.sentence(at: now))" }
        return "\(own.subject) (\(own.keyName)), valid from \(Expiry.text(own.notBefore)) until "
            + "\(Expiry.text(own.notAfter)), issued by \(own.issuer)\(isFar)" + near.joined()
    }

    /// Why the agent cannot sign in masked rounds with these files; nil where it can.
    func maskingObstacle(at now: Date) -> String? {
        do {
            try AgentCertificate(files).verify(at: now)
            return nil
        } catch {
            return Failure(wrapping: error).message
        }
    }

    private static func read<Value>(_ path: String, _ parse: ([UInt8]) throws -> Value) throws -> Value {
        guard let bytes = try StateDirectory.contents(of: path, limit: 1 << 20) else {
            throw Failure(.network, "\(path): no such file; enrol this agent first")
        }
        do {
            return try parse(bytes)
        } catch {
            throw Failure(.network, "\(path): \(error)")
        }
    }
}

/// The agent's own certificate does not count now; found before a connection was tried.
struct OwnCertificateTrouble: ExitCoded {
    let level: ExpiryLevel
    /// File, subject, dates and remedy.
    let sentence: String

    var exitCode: ExitCode { .network }
}
