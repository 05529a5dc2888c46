internal import COpenSSL
internal import Glibc

/// Certificates, revocation lists and keys read from PEM files.
enum PEMFile {
    /// All certificates of a file, each to be freed with `X509_free`.
    /// - Throws: `TLSError` when the file cannot be read, holds none or a malformed one.
    static func certificates(_ path: String) throws(TLSError) -> [OpaquePointer] {
        try all(path, "a list of PEM certificates", { PEM_read_bio_X509($0, nil, nil, nil) }, X509_free)
    }

    /// All revocation lists of a file, each to be freed with `X509_CRL_free`.
    static func revocationLists(_ path: String) throws(TLSError) -> [OpaquePointer] {
        try all(path, "a PEM revocation list", { PEM_read_bio_X509_CRL($0, nil, nil, nil) }, X509_CRL_free)
    }

    /// The private key of a file, to be freed with `EVP_PKEY_free`.
    /// - Throws: `keyExposed` unless only the owner can read it (mode 0600 or less), and as above.
    static func key(_ path: String) throws(TLSError) -> OpaquePointer {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw .unreadable(path: path, reason: SocketError.text(errno))
        }
        guard status.st_mode & 0o077 == 0 else {
            throw .keyExposed(path: path, mode: status.st_mode & 0o7777)
        }
        let file = try open(path)
        defer { BIO_free(file) }
        // A key that asks for a pass phrase must fail, not prompt on the terminal of a daemon.
        guard let key = PEM_read_bio_PrivateKey(file, nil, { _, _, _, _ in -1 }, nil) else {
            let reason = OpenSSLErrors.take() ?? "nothing found"
            if isEncrypted(path) { throw .keyEncrypted(path: path) }
            throw .invalidFile(path: path, expected: "an unencrypted PEM private key", reason: reason)
        }
        return key
    }

    /// Whether a key's file says that a passphrase protects it (RFC 7468, section 11; RFC 1421 for older ones).
    private static func isEncrypted(_ path: String) -> Bool {
        guard let file = fopen(path, "r") else { return false }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 14)
        let count = fread(&bytes, 1, bytes.count, file)
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        return text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
    }

    private static func open(_ path: String) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard let file = BIO_new_file(path, "r") else {
            let code = errno
            ERR_clear_error()
            throw .unreadable(path: path, reason: SocketError.text(code))
        }
        return file
    }

    private static func all(
        _ path: String, _ expected: String, _ read: (OpaquePointer) -> OpaquePointer?,
        _ free: (OpaquePointer?) -> Void
    ) throws(TLSError) -> [OpaquePointer] {
        let file = try open(path)
        defer { BIO_free(file) }
        var found: [OpaquePointer] = []
        while let next = read(file) { found.append(next) }
        // The end of the file is reported as the absence of a further start line; anything else is damage.
        let reason = OpenSSLErrors.take()
        guard !found.isEmpty, reason == nil || reason == "no start line" else {
            found.forEach(free)
            throw .invalidFile(path: path, expected: expected, reason: reason ?? "nothing found")
        }
        return found
    }
}
