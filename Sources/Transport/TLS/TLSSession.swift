internal import COpenSSL
internal import Glibc

/// What an operation on a non-blocking session came to.
enum TLSOutcome: Equatable {
    /// So many bytes were moved; zero for a handshake that is done.
    case done(Int)
    /// Try again when the socket can be read.
    case wantsRead
    /// Try again when the socket can be written.
    case wantsWrite
    /// The peer said goodbye.
    case closed
    /// The session is over; the fault says why.
    case failed(TLSFault)
}

/// One TLS connection directly on a non-blocking socket.
///
/// Not over memory BIOs: those copy every record once more in each direction, and keep buffers of their own per
/// connection beside those that OpenSSL releases when idle; a loop of 5,000 connections feels both. What is
/// worth testing without sockets, the parsing of bytes, is sans-IO one level up.
final class TLSSession {
    private let ssl: OpaquePointer
    private let context: TLSContext
    /// What a client's verification refused.
    private let record = VerificationRecord()

    /// A server's session on a connected socket, which stays the caller's to close.
    init(serverOn socket: Int32, context: TLSContext) throws(TLSError) {
        self.context = context
        ssl = try Self.make(context, socket)
        SSL_set_accept_state(ssl)
    }

    /// A client's session.
    /// - Parameters:
    ///   - socket: a connected socket, which stays the caller's to close.
    ///   - context: the certificates.
    ///   - host: DNS name or IP address that the server's certificate must carry.
    ///   - resuming: a session to resume, if any.
    /// - Throws: `TLSError` where OpenSSL takes no session or host of this kind.
    init(
        clientOn socket: Int32, context: TLSContext, host: String, resuming: ResumableSession?
    ) throws(TLSError) {
        self.context = context
        ssl = try Self.make(context, socket)
        SSL_set_connect_state(ssl)
        SSL_set_hostflags(
            ssl, UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        let isAddress = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
        ERR_clear_error()
        if !isAddress {
            guard SSL_set1_host(ssl, host) == 1, transport_session_set_server_name(ssl, host) == 1 else {
                SSL_free(ssl)
                throw .failed(doing: "verify the host name", reason: OpenSSLErrors.take() ?? "refused")
            }
        }
        record.attach(to: ssl)
        if let resuming { SSL_set_session(ssl, resuming.pointer) }
    }

    private static func make(_ context: TLSContext, _ socket: Int32) throws(TLSError) -> OpaquePointer {
        guard let ssl = SSL_new(context.pointer) else {
            throw .failed(doing: "make a TLS session", reason: OpenSSLErrors.take() ?? "out of memory")
        }
        guard SSL_set_fd(ssl, socket) == 1 else {
            SSL_free(ssl)
            throw .failed(doing: "make a TLS session", reason: OpenSSLErrors.take() ?? "out of memory")
        }
        return ssl
    }

    deinit { SSL_free(ssl) }

    /// Continues the handshake.
    func handshake() -> TLSOutcome {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        return result == 1 ? .done(0) : outcome(result)
    }

    /// Decrypts at most one record into `buffer`.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSOutcome {
        ERR_clear_error()
        var count = 0
        let result = SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count)
        return result == 1 ? .done(count) : outcome(result)
    }

    /// Encrypts and sends at most one record from the start of `bytes`, which must not be empty. After
    /// `wantsWrite` the same bytes must come again (their address may differ).
    func write(_ bytes: UnsafeRawBufferPointer) -> TLSOutcome {
        ERR_clear_error()
        var count = 0
        let result = SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count)
        return result == 1 ? .done(count) : outcome(result)
    }

    /// Says goodbye without waiting for the answer. Must not follow a failure.
    func shutdown() {
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// Whether bytes were taken from the socket that were not read yet: no readiness will be signalled for them.
    var hasPending: Bool { SSL_has_pending(ssl) == 1 }

    /// Whether the handshake resumed an earlier session.
    var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    /// The peer's identity, nil when it showed no certificate.
    var peer: PeerIdentity? { SSL_get0_peer_certificate(ssl).flatMap { PeerIdentity($0) } }

    /// The session to resume later, once the server has sent a ticket.
    var resumable: ResumableSession? {
        guard let session = SSL_get1_session(ssl) else { return nil }
        guard SSL_SESSION_is_resumable(session) == 1 else {
            SSL_SESSION_free(session)
            return nil
        }
        return ResumableSession(adopting: session)
    }

    /// The certificates of the verified chain as PEM, the peer's own first; empty after a resumption.
    var verifiedChain: [[UInt8]] {
        guard let chain = SSL_get0_verified_chain(ssl) else { return [] }
        return (0..<transport_certificates_count(chain)).compactMap { index in
            guard let memory = BIO_new(BIO_s_mem()) else { return nil }
            defer { BIO_free(memory) }
            guard PEM_write_bio_X509(memory, transport_certificates_at(chain, index)) == 1 else { return nil }
            let count = BIO_ctrl_pending(memory)
            return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                initialized = max(0, Int(BIO_read(memory, buffer.baseAddress, Int32(count))))
            }
        }
    }

    private func outcome(_ result: Int32) -> TLSOutcome {
        let systemError = errno
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case SSL_ERROR_ZERO_RETURN: return .closed
        case SSL_ERROR_SYSCALL:
            ERR_clear_error()
            return .failed(
                TLSFault(systemError == 0 ? "connection closed" : SocketError.text(systemError)))
        default: return .failed(fault())
        }
    }

    /// The reason of a failure: OpenSSL's, and the verifier's where a certificate was at fault.
    private func fault() -> TLSFault {
        let code = ERR_peek_error()
        let text = OpenSSLErrors.take() ?? "connection closed"
        let verification = SSL_get_verify_result(ssl)
        let cause = TLSFault.cause(code: code, verification: verification)
        guard verification != Int(X509_V_OK) else { return TLSFault(text, cause: cause) }
        return TLSFault(
            "\(text): \(OpenSSLErrors.verification(verification))", cause: cause, refused: record.refused)
    }
}

/// A client's ticket with its keys.
///
/// `@unchecked Sendable`: an `SSL_SESSION` counts its references atomically and is not changed here.
final class ResumableSession: @unchecked Sendable {
    fileprivate let pointer: OpaquePointer

    fileprivate init(adopting pointer: OpaquePointer) { self.pointer = pointer }

    deinit { SSL_SESSION_free(pointer) }
}
