internal import COpenSSL
package import Operations

/// Why a TLS context could not be made or a session not be held.
package enum TLSError: ExitCoded, Sendable, Equatable, CustomStringConvertible {
    /// A file cannot be read.
    case unreadable(path: String, reason: String)
    /// A private key can be read by others than its owner. `mode` holds the permission bits.
    case keyExposed(path: String, mode: UInt32)
    /// A passphrase protects a private key.
    case keyEncrypted(path: String)
    /// A file does not hold what it should.
    case invalidFile(path: String, expected: String, reason: String)
    /// Certificate and key do not belong together.
    case keyMismatch(certificate: String, key: String)
    /// OpenSSL refused a setting or ran out of memory.
    case failed(doing: String, reason: String)

    package var exitCode: ExitCode { .network }

    /// One line: what, where, how to mend.
    package var description: String {
        switch self {
        case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
        case .keyExposed(let path, let mode):
            "the private key \(path) has mode \(String(mode, radix: 8)): run chmod 600 on it"
        case .keyEncrypted(let path):
            "the private key \(path) is protected by a passphrase, which nobody is there to type: take it off with openssl"
                + " pkey -in \(path) -out NEW, keep NEW at mode 600 and name it instead"
        case .invalidFile(let path, let expected, let reason): "\(path) is not \(expected): \(reason)"
        case .keyMismatch(let certificate, let key):
            "the key \(key) does not belong to the certificate \(certificate)"
        case .failed(let doing, let reason): "cannot \(doing): \(reason)"
        }
    }
}

/// The error queue of OpenSSL, which belongs to the calling thread.
enum OpenSSLErrors {
    /// The text of the oldest queued error, and an empty queue.
    static func take() -> String? {
        let code = ERR_get_error()
        defer { ERR_clear_error() }
        guard code != 0 else { return nil }
        return transport_error_reason(code).map { String(cString: $0) } ?? "error \(code)"
    }

    /// The text that OpenSSL has for a verification result such as `X509_V_ERR_CERT_REVOKED`.
    static func verification(_ code: Int) -> String { String(cString: X509_verify_cert_error_string(code)) }
}
