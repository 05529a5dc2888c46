internal import COpenSSL
package import FoundationEssentials
internal import Glibc

/// An X.509 certificate of any authority, as TLS would present it. Reading one says nothing of trust, and it need not
/// state a role of this system; ``Certificate`` must.
package struct PresentedCertificate: Sendable {
    let handle: CertificateHandle
    /// The subject on one line (RFC 2253), control characters escaped.
    package let subject: String
    /// The issuer likewise.
    package let issuer: String
    /// First moment of validity.
    package let notBefore: Date
    /// The moment from which on it is no longer valid.
    package let notAfter: Date
    /// Its key's kind and size, such as `Ed25519`, `P-256` or `RSA 2048`.
    package let keyName: String
    /// Whether subject and issuer are the same: an authority's own.
    package let isSelfIssued: Bool

    /// All certificates of a PEM text, in its order, at least one. Throws `invalidCertificate`.
    package static func all(pem: [UInt8]) throws(CryptographyError) -> [PresentedCertificate] {
        var pointers: [OpaquePointer] = []
        _ = Encoding.read(pem) { bio in
            while let next = PEM_read_bio_X509(bio, nil, nil, nil) { pointers.append(next) }
            return nil
        }
        // Owned before the first of them may turn out to be unreadable.
        let handles = pointers.map { CertificateHandle($0) }
        guard !handles.isEmpty else { throw .invalidCertificate("no certificate in PEM form") }
        var all: [PresentedCertificate] = []
        for handle in handles { all.append(try PresentedCertificate(handle)) }
        return all
    }

    private init(_ handle: CertificateHandle) throws(CryptographyError) {
        self.handle = handle
        guard let notBefore = Encoding.date(X509_get0_notBefore(handle.pointer)),
            let notAfter = Encoding.date(X509_get0_notAfter(handle.pointer)),
            let subject = X509_get_subject_name(handle.pointer),
            let issuer = X509_get_issuer_name(handle.pointer)
        else { throw .invalidCertificate("the certificate states no dates or names") }
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.subject = try DistinguishedName.line(subject)
        self.issuer = try DistinguishedName.line(issuer)
        isSelfIssued = X509_NAME_cmp(subject, issuer) == 0
        keyName = PresentedKey.name(X509_get0_pubkey(handle.pointer))
    }

    /// Whether TLS as this system speaks it can use the key: Ed25519, P-256, P-384, or RSA of 2048 bits and more.
    package var hasUsableKey: Bool { PresentedKey.isUsable(X509_get0_pubkey(handle.pointer)) }

    /// Whether the private key of a PEM file is this certificate's. Throws `invalidKey` for a file that holds none.
    package func matches(keyPEM pem: borrowing SecretBytes) throws(CryptographyError) -> Bool {
        let key = try KeyHandle(CertificateKey.read(pem: pem))
        return X509_check_private_key(handle.pointer, key.pointer) == 1
    }

    /// Why `self`, sent with `intermediates`, is not accepted at `now` by who trusts `authorities`; nil where it is. The
    /// rules are those of TLS: any length of chain, any kind of key.
    package func refusal(
        by authorities: [PresentedCertificate], intermediates: [PresentedCertificate], isServer: Bool,
        at now: Date
    ) throws(CryptographyError) -> String? {
        guard let store = X509_STORE_new(), let context = X509_STORE_CTX_new() else {
            throw .libraryFailure("X509_STORE_new")
        }
        defer {
            X509_STORE_CTX_free(context)
            X509_STORE_free(store)
        }
        for authority in authorities where X509_STORE_add_cert(store, authority.handle.pointer) != 1 {
            throw .libraryFailure("X509_STORE_add_cert")
        }
        guard let chain = sordino_certificates_new() else { throw .libraryFailure("sk_X509_new") }
        defer { sordino_certificates_free(chain) }
        for certificate in intermediates
        where sordino_certificates_push(chain, certificate.handle.pointer) == 0 {
            throw .libraryFailure("sk_X509_push")
        }
        guard X509_STORE_CTX_init(context, store, handle.pointer, chain) == 1,
            let parameters = X509_STORE_CTX_get0_param(context),
            X509_VERIFY_PARAM_set_purpose(
                parameters, Int32(isServer ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT)) == 1
        else { throw .libraryFailure("X509_STORE_CTX_init") }
        X509_VERIFY_PARAM_set_time(parameters, time_t(now.timeIntervalSince1970))
        if X509_verify_cert(context) == 1 { return nil }
        ERR_clear_error()
        let code = Int(X509_STORE_CTX_get_error(context))
        return X509_verify_cert_error_string(code).map { String(cString: $0) } ?? "error \(code)"
    }
}

/// Public keys as TLS knows them.
private enum PresentedKey {
    static func name(_ key: OpaquePointer?) -> String {
        guard let key else { return "unknown key" }
        switch EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_ED25519: return "Ed25519"
        case EVP_PKEY_RSA: return "RSA \(EVP_PKEY_get_bits(key))"
        case EVP_PKEY_EC:
            switch group(key) {
            case "prime256v1": return "P-256"
            case "secp384r1": return "P-384"
            case let name: return name
            }
        default: return EVP_PKEY_get0_type_name(key).map { String(cString: $0) } ?? "unknown key"
        }
    }

    static func isUsable(_ key: OpaquePointer?) -> Bool {
        guard let key else { return false }
        switch EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_ED25519: return true
        case EVP_PKEY_RSA: return EVP_PKEY_get_bits(key) >= 2048
        case EVP_PKEY_EC: return ["prime256v1", "secp384r1"].contains(group(key))
        default: return false
        }
    }

    private static func group(_ key: OpaquePointer) -> String {
        var name = [CChar](repeating: 0, count: 64)
        var count = 0
        guard EVP_PKEY_get_group_name(key, &name, name.count, &count) == 1 else { return "unknown curve" }
        return String(decoding: name.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension DistinguishedName {
    /// A name on one line (RFC 2253), what is not printable escaped.
    static func line(_ name: OpaquePointer) throws(CryptographyError) -> String {
        let bytes = try Encoding.writePublic("X509_NAME_print_ex") {
            X509_NAME_print_ex($0, name, 0, sordino_certificates_line_flags()) >= 0 ? 1 : 0
        }
        return bytes.isEmpty ? "no name" : String(decoding: bytes, as: UTF8.self)
    }
}

extension PresentedCertificate {
    /// The certificate as something that expires.
    package func expiry(_ kind: Expiry.Kind, _ what: String, path: String) -> Expiry {
        Expiry(kind, what, path: path, subject: subject, notBefore: notBefore, notAfter: notAfter)
    }

    /// The certificate as one of this system. Throws `invalidCertificate` for one that states no role here.
    package func certificate() throws(CryptographyError) -> Certificate { try Certificate(handle: handle) }
}
