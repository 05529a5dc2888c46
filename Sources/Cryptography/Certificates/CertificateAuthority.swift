internal import COpenSSL
package import FoundationEssentials

/// A certificate authority: a key and its own certificate. It is a process of its own; the aggregation server
/// only relays requests to it.
package struct CertificateAuthority: Sendable {
    /// The authority's certificate, which everybody trusts.
    package let certificate: Certificate
    /// The key that signs.
    let key: CertificateKey

    /// Clocks of hosts may differ: certificates are valid from this long before their issue, in seconds.
    static let clockTolerance: TimeInterval = 300

    /// A new authority with a certificate that it signs itself.
    package init(
        name: String, key: CertificateKey, lifetimeDays: Int = CertificateRole.authority.defaultLifetimeDays,
        now: Date
    ) throws(CryptographyError) {
        let draft = try CertificateDraft(
            name: name, role: .authority, publicKey: key.handle.pointer, lifetimeDays: lifetimeDays, now: now)
        self.key = key
        certificate = try draft.signed(
            issuer: nil, key: key,
            extensions: [
                (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
                (NID_key_usage, "critical,keyCertSign,cRLSign"),
                (NID_subject_key_identifier, "hash"),
                (NID_subject_alt_name, "URI:sordino://authority/\(name)"),
            ])
    }

    /// The authority of a certificate and its key, as read from files.
    package init(certificate: Certificate, key: CertificateKey) throws(CryptographyError) {
        guard certificate.role == .authority else {
            throw .invalidCertificate(
                "the certificate is one of role '\(certificate.role)', not an authority's")
        }
        guard certificate.matches(key) else {
            throw .invalidCertificate("the key does not belong to the authority's certificate")
        }
        self.certificate = certificate
        self.key = key
    }

    /// Certifies a request's key under `name` and `role`, which the authority decides; `addresses` are those of
    /// a server; without `lifetimeDays` it counts for the role's, or until its authority ends. Throws `invalidCertificate` for the role of an authority, a server without addresses, or
    /// a lifetime beyond the authority's own.
    package func issue(
        _ request: CertificateRequest, name: String, role: CertificateRole, addresses: [ServerAddress] = [],
        lifetimeDays: Int? = nil, now: Date
    ) throws(CryptographyError) -> Certificate {
        guard role != .authority else {
            throw .invalidCertificate("an authority certifies no other authority")
        }
        guard (role == .server) == !addresses.isEmpty else {
            throw .invalidCertificate(
                "a server, and only a server, is certified with host names or addresses")
        }
        guard let publicKey = X509_REQ_get0_pubkey(request.handle.pointer) else {
            throw .invalidCertificate("the request has no key")
        }
        // What nobody asked for is as long as the authority can answer for: its own last months must not stop renewals.
        let left = Int((certificate.notAfter.timeIntervalSince(now) / 86_400).rounded(.down))
        guard left >= 1 else {
            throw .invalidCertificate(
                "the authority's own certificate ends on \(Expiry.text(certificate.notAfter)): make a new authority"
            )
        }
        let draft = try CertificateDraft(
            name: name, role: role, publicKey: publicKey,
            lifetimeDays: lifetimeDays ?? min(role.defaultLifetimeDays, left), now: now)
        guard draft.notAfter <= certificate.notAfter else {
            throw .invalidCertificate("the certificate would outlive its authority: ask for fewer days")
        }
        let names = (addresses.map(\.alternativeName) + ["URI:sordino://\(role.rawValue)/\(name)"])
        return try draft.signed(
            issuer: certificate, key: key,
            extensions: [
                (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, role == .server ? "serverAuth" : "clientAuth"),
                (NID_subject_key_identifier, "hash"), (NID_authority_key_identifier, "keyid:always"),
                (NID_subject_alt_name, names.joined(separator: ",")),
            ])
    }

    /// A fresh certificate for the holder of a valid one, of the same name and role. The caller knows by TLS
    /// that the requester holds `current`; servers, which have addresses, are issued anew instead.
    package func renew(
        _ request: CertificateRequest, current: Certificate, revocations: RevocationList?,
        lifetimeDays: Int? = nil, now: Date
    ) throws(CryptographyError) -> Certificate {
        try CertificateTrust(authority: certificate, revocations: revocations)
            .verify(current, role: current.role, at: now)
        guard request.name == current.name else {
            throw .invalidCertificate("the request is for '\(request.name)', not for '\(current.name)'")
        }
        return try issue(
            request, name: current.name, role: current.role, lifetimeDays: lifetimeDays, now: now)
    }
}

/// A certificate in the making.
struct CertificateDraft {
    /// The certificate as OpenSSL holds it.
    let handle: CertificateHandle
    /// Last moment of validity.
    let notAfter: Date

    /// Checks name and lifetime and fills in all but issuer, extensions and signature.
    init(
        name: String, role: CertificateRole, publicKey: OpaquePointer, lifetimeDays: Int, now: Date
    ) throws(CryptographyError) {
        try CertificateName.check(name)
        guard (1...36_500).contains(lifetimeDays) else {
            throw .invalidCertificate("a lifetime of \(lifetimeDays) days; 1 to 36500 are possible")
        }
        guard let pointer = X509_new() else { throw .libraryFailure("X509_new") }
        handle = CertificateHandle(pointer)
        notAfter = Date(
            timeIntervalSince1970: (now.timeIntervalSince1970 + Double(lifetimeDays) * 86_400).rounded(.down))
        let from = try Encoding.time(now.addingTimeInterval(-CertificateAuthority.clockTolerance))
        defer { ASN1_TIME_free(from) }
        let to = try Encoding.time(notAfter)
        defer { ASN1_TIME_free(to) }
        // 159 random bits: positive, unpredictable, never twice (RFC 5280, section 4.1.2.2).
        var serial = try SecureRandom.bytes(count: 20)
        serial[0] = serial[0] & 0x7F | 0x40
        guard let number = BN_bin2bn(serial, Int32(serial.count), nil) else {
            throw .libraryFailure("BN_bin2bn")
        }
        defer { BN_free(number) }
        let subject = X509_get_subject_name(pointer)
        guard X509_set_version(pointer, 2) == 1,
            BN_to_ASN1_INTEGER(number, X509_get_serialNumber(pointer)) != nil,
            X509_set1_notBefore(pointer, from) == 1, X509_set1_notAfter(pointer, to) == 1,
            X509_set_pubkey(pointer, publicKey) == 1,
            DistinguishedName.add("Sordino", NID_organizationName, to: subject),
            DistinguishedName.add(role.rawValue, NID_organizationalUnitName, to: subject),
            DistinguishedName.add(name, NID_commonName, to: subject)
        else { throw .libraryFailure("X509") }
    }

    /// Signed by `issuer`'s key, or by its own where there is no issuer.
    func signed(
        issuer: Certificate?, key: CertificateKey, extensions: [(identifier: Int32, value: String)]
    ) throws(CryptographyError) -> Certificate {
        let pointer = handle.pointer
        let issuing = issuer?.handle.pointer ?? pointer
        guard X509_set_issuer_name(pointer, X509_get_subject_name(issuing)) == 1 else {
            throw .libraryFailure("X509_set_issuer_name")
        }
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuing, pointer, nil, nil, 0)
        for (identifier, value) in extensions {
            guard let field = X509V3_EXT_conf_nid(nil, &context, identifier, value) else {
                ERR_clear_error()
                throw .invalidCertificate("'\(value)' cannot be certified")
            }
            defer { X509_EXTENSION_free(field) }
            guard X509_add_ext(pointer, field, -1) == 1 else { throw .libraryFailure("X509_add_ext") }
        }
        guard X509_sign(pointer, key.handle.pointer, key.structureDigest) > 0 else {
            throw .libraryFailure("X509_sign")
        }
        return try Certificate(handle: handle)
    }
}
