internal import COpenSSL

/// The private key that belongs to a certificate. It is made on the host that uses it and never travels.
package struct CertificateKey: Sendable {
    /// Schemes of certificate keys.
    package enum Scheme: String, CaseIterable, Codable, Sendable {
        case ed25519 = "ed25519"
        case p256 = "p-256"
    }

    /// The key as OpenSSL holds it.
    let handle: KeyHandle
    /// Which scheme the key is of.
    package let scheme: Scheme

    /// A fresh key.
    package init(generating scheme: Scheme) throws(CryptographyError) {
        let identifier = scheme == .ed25519 ? EVP_PKEY_ED25519 : EVP_PKEY_EC
        guard let context = EVP_PKEY_CTX_new_id(identifier, nil) else {
            throw .libraryFailure("EVP_PKEY_CTX_new_id")
        }
        defer { EVP_PKEY_CTX_free(context) }
        var pointer: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1,
            scheme == .ed25519
                || EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1,
            EVP_PKEY_keygen(context, &pointer) == 1, let pointer
        else { throw .libraryFailure("EVP_PKEY_keygen") }
        try self.init(handle: KeyHandle(pointer))
    }

    /// The key of an unencrypted PEM file.
    package init(pem: borrowing SecretBytes) throws(CryptographyError) {
        try self.init(handle: KeyHandle(Self.read(pem: pem)))
    }

    /// Any unencrypted private key of a PEM file, owned by the caller.
    static func read(pem: borrowing SecretBytes) throws(CryptographyError) -> OpaquePointer {
        let pointer = pem.withUnsafeBytes { bytes -> OpaquePointer? in
            guard bytes.count <= Encoding.maximalByteCount,
                let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count))
            else { return nil }
            defer { BIO_free(bio) }
            // Without this callback OpenSSL would ask for a password on the terminal.
            return PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil)
        }
        guard let pointer else {
            ERR_clear_error()
            throw .invalidKey("no unencrypted private key in PEM form")
        }
        return pointer
    }

    private init(handle: KeyHandle) throws(CryptographyError) {
        self.handle = handle
        guard let scheme = Self.scheme(of: handle.pointer) else {
            throw .invalidKey("keys of certificates are Ed25519 or P-256")
        }
        self.scheme = scheme
    }

    /// The key as a PKCS #8 PEM file; to be written with mode 0600.
    package func pem() throws(CryptographyError) -> SecretBytes {
        try Encoding.write("PEM_write_bio_PKCS8PrivateKey") {
            PEM_write_bio_PKCS8PrivateKey($0, handle.pointer, nil, nil, 0, nil, nil)
        }
    }

    /// A signature of the message: Ed25519, or ECDSA with SHA-256 in DER form.
    package func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] {
        let context = try DigestContext()
        let digest = scheme == .ed25519 ? nil : "SHA256"
        var count = 0
        guard EVP_DigestSignInit_ex(context.pointer, nil, digest, nil, nil, handle.pointer, nil) == 1,
            EVP_DigestSign(context.pointer, nil, &count, message, message.count) == 1
        else { throw .libraryFailure("EVP_DigestSign") }
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(context.pointer, &signature, &count, message, message.count) == 1 else {
            throw .libraryFailure("EVP_DigestSign")
        }
        return [UInt8](signature.prefix(count))
    }

    /// The hash that X.509 structures are signed with; Ed25519 has its own.
    var structureDigest: OpaquePointer? { scheme == .ed25519 ? nil : EVP_sha256() }

    /// Whether the signature is one of the message under a public key of either scheme.
    static func isValid(_ signature: [UInt8], for message: [UInt8], key: OpaquePointer) -> Bool {
        guard let scheme = scheme(of: key), let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        let digest = scheme == .ed25519 ? nil : "SHA256"
        let valid =
            EVP_DigestVerifyInit_ex(context, nil, digest, nil, nil, key, nil) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
        if !valid { ERR_clear_error() }
        return valid
    }

    /// The scheme of an OpenSSL key, nil for one that is not allowed here.
    static func scheme(of key: OpaquePointer) -> Scheme? {
        switch EVP_PKEY_get_id(key) {
        case EVP_PKEY_ED25519: return .ed25519
        case EVP_PKEY_EC:
            var name = [CChar](repeating: 0, count: 64)
            var count = 0
            guard EVP_PKEY_get_group_name(key, &name, name.count, &count) == 1 else { return nil }
            return name.prefix(count).elementsEqual("prime256v1".utf8.map { CChar($0) }) ? .p256 : nil
        default: return nil
        }
    }
}
