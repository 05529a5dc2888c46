internal import COpenSSL
internal import Glibc

/// Why a TLS session failed and, where a certificate was the cause, whose.
package struct TLSFault: Sendable, Equatable {
    /// What was at fault. "Peer" is the other side, whose certificates were judged here; "own" is this side's
    /// certificate, as the other side judged it and said by an alert (RFC 8446, section 6).
    package enum Cause: Sendable, Equatable {
        case peerExpired
        case peerNotYetValid
        /// Not of an authority that is trusted here, or a certificate between them is missing.
        case peerUnknownAuthority
        /// For another host name or address.
        case peerWrongName
        case peerRevoked
        /// Not acceptable in another way.
        case peerRefused
        /// The other side says that the certificate has expired; OpenSSL says the same of a stale revocation list.
        case ownExpired
        case ownRevoked
        case ownUnknownAuthority
        /// A certificate was wanted and none was shown.
        case ownMissing
        case ownRefused
        /// No certificate's.
        case other
    }

    /// A certificate that was refused here.
    package struct Refused: Sendable, Equatable {
        /// 0 for the peer's own, more for those that it hangs from.
        package let depth: Int
        /// On one line (RFC 2253).
        package let subject: String
        package let issuer: String
        /// Start and end of validity, seconds since 1970.
        package let notBefore: Int64
        package let notAfter: Int64
    }

    package let cause: Cause
    /// OpenSSL's own words.
    package let text: String
    /// The certificate at fault, where this side judged it.
    package let refused: Refused?

    /// A fault that is no certificate's, or whose cause is known.
    package init(_ text: String, cause: Cause = .other, refused: Refused? = nil) {
        self.text = text
        self.cause = cause
        self.refused = refused
    }

    /// Whether the other side ended the session by an alert about this side's certificate.
    package var isOwn: Bool {
        switch cause {
        case .ownExpired, .ownRevoked, .ownUnknownAuthority, .ownMissing, .ownRefused: true
        case .peerExpired, .peerNotYetValid, .peerUnknownAuthority, .peerWrongName, .peerRevoked,
            .peerRefused,
            .other:
            false
        }
    }

    /// One line for a client's log or a person: whose certificate, what is wrong with it, and who must mend it.
    package var clientText: String {
        switch cause {
        case .peerExpired:
            "\(whose) has expired\(refused.map { ": it was good until \(Self.date($0.notAfter))" } ?? "");"
                + " whoever runs the server must renew it, if this host's clock is right"
        case .peerNotYetValid:
            "\(whose) is not valid\(refused.map { " before \(Self.date($0.notBefore))" } ?? " yet"):"
                + " is this host's clock right?"
        case .peerUnknownAuthority:
            "\(origin), which is no authority that this host trusts (\(text)): compare this host's file of authorities"
                + " with the server's, and see that the server sends its intermediate certificates"
        case .peerWrongName:
            "\(whose) is not for the name by which this host calls the server (\(text))"
        case .peerRevoked: "\(whose) is revoked"
        case .peerRefused: "\(whose) is refused: \(text)"
        case .ownExpired:
            "the server says that this host's certificate has expired, or its own revocation list"
        case .ownRevoked: "the server says that this host's certificate is revoked"
        case .ownUnknownAuthority:
            "the server does not know the authority of this host's certificate, or an intermediate one is missing"
        case .ownMissing: "the server wants a certificate of this host, and none was shown"
        case .ownRefused: "the server does not accept this host's certificate (\(text))"
        case .other where Self.isPlain(text):
            "what answers does not speak TLS (\(text)): a page of a proxy or of this network's log-in, or another service at"
                + " this port; open the address with a browser to see what it is"
        case .other: "TLS: \(text)"
        }
    }

    /// Whether OpenSSL's words are those for bytes that are no TLS at all.
    private static func isPlain(_ text: String) -> Bool {
        ["wrong version number", "http request", "unknown protocol", "packet length too long"].contains(text)
    }

    /// One line for a server's log.
    package var serverText: String {
        isOwn ? "the client does not accept this server's certificate: \(text)" : text
    }

    private var whose: String {
        guard let refused else { return "the server's certificate" }
        return refused.depth == 0
            ? "the server's certificate (\(refused.subject))"
            : "the certificate of \(refused.subject), from which the server's hangs,"
    }

    private var origin: String {
        guard let refused else { return "the server's certificate is of another authority" }
        return refused.depth == 0
            ? "the server's certificate (\(refused.subject)) is issued by \(refused.issuer)"
            : "the server's certificate hangs from \(refused.subject)"
    }

    /// A moment in UTC, ISO 8601.
    private static func date(_ seconds: Int64) -> String {
        var (moment, parts) = (time_t(seconds), tm())
        guard gmtime_r(&moment, &parts) != nil else { return "\(seconds) s after 1970" }
        var text = [CChar](repeating: 0, count: 64)
        let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The cause that an error code of OpenSSL's queue and a result of verification stand for.
    static func cause(code: UInt, verification: Int) -> Cause {
        guard ERR_GET_LIB(code) == ERR_LIB_SSL else { return .other }
        switch ERR_GET_REASON(code) {
        case SSL_R_CERTIFICATE_VERIFY_FAILED: return cause(verification: verification)
        case alert + 44: return .ownRevoked
        case alert + 45: return .ownExpired
        case alert + 48: return .ownUnknownAuthority
        case alert + 116: return .ownMissing
        case alert + 42, alert + 43, alert + 46, alert + 49: return .ownRefused
        default: return .other
        }
    }

    /// What OpenSSL adds to an alert's number to make a reason of it.
    private static let alert: Int32 = 1000

    private static func cause(verification: Int) -> Cause {
        switch Int32(verification) {
        case X509_V_ERR_CERT_HAS_EXPIRED: .peerExpired
        case X509_V_ERR_CERT_NOT_YET_VALID: .peerNotYetValid
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: .peerWrongName
        case X509_V_ERR_CERT_REVOKED: .peerRevoked
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            .peerUnknownAuthority
        default: .peerRefused
        }
    }
}

/// Remembers the first certificate that a client's verification refused: once a handshake has failed, OpenSSL no longer
/// tells which it was.
final class VerificationRecord {
    private(set) var refused: TLSFault.Refused?

    /// Has `ssl`, a client's `SSL *`, tell this record, which must live as long as the session.
    func attach(to ssl: OpaquePointer) {
        SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
        SSL_set_verify(ssl, SSL_VERIFY_PEER, Self.note)
    }

    /// Called for each certificate of the chain; changes no verdict.
    private static let note: @convention(c) (Int32, OpaquePointer?) -> Int32 = { verdict, verification in
        guard verdict != 1, let verification, let certificate = X509_STORE_CTX_get_current_cert(verification),
            let session = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()),
            let argument = SSL_get_ex_data(OpaquePointer(session), 0)
        else { return verdict }
        let record = Unmanaged<VerificationRecord>.fromOpaque(argument).takeUnretainedValue()
        guard record.refused == nil else { return verdict }
        record.refused = TLSFault.Refused(
            depth: Int(X509_STORE_CTX_get_error_depth(verification)),
            subject: PeerIdentity.line(X509_get_subject_name(certificate)),
            issuer: PeerIdentity.line(X509_get_issuer_name(certificate)),
            notBefore: PeerIdentity.seconds(X509_get0_notBefore(certificate)) ?? 0,
            notAfter: PeerIdentity.seconds(X509_get0_notAfter(certificate)) ?? 0)
        return verdict
    }
}

extension PeerIdentity {
    /// A name on one line (RFC 2253), what is not printable escaped.
    static func line(_ name: OpaquePointer?) -> String {
        guard let name, let memory = BIO_new(BIO_s_mem()) else { return "no name" }
        defer { BIO_free(memory) }
        guard X509_NAME_print_ex(memory, name, 0, sordino_certificates_line_flags()) > 0 else {
            return "no name"
        }
        let count = BIO_ctrl_pending(memory)
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = max(0, Int(BIO_read(memory, buffer.baseAddress, Int32(count))))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
