internal import COpenSSL
package import FoundationEssentials

/// A certificate that its authority took back.
package struct RevokedCertificate: Codable, Hashable, Sendable {
    /// Serial number in lower-case hexadecimal.
    package let serial: String
    /// When it was taken back.
    package let date: Date

    /// A certificate taken back at `date`.
    package init(serial: String, date: Date) {
        self.serial = serial
        self.date = date
    }
}

/// An authority's signed list of revoked certificates (RFC 5280, section 5).
package struct RevocationList: Sendable {
    /// The list as OpenSSL holds it.
    let handle: RevocationHandle
    /// Serial numbers of the revoked certificates, in lower-case hexadecimal.
    package let serials: Set<String>
    /// From when on the list counts.
    package let lastUpdate: Date
    /// Until when the list counts as fresh; a staler one is refused.
    package let nextUpdate: Date
    /// The list's number, which grows with every list of its authority; nil where it states none.
    package let number: Int64?

    /// Reads a PEM text and checks that `authority` signed it.
    package init(pem: [UInt8], authority: Certificate) throws(CryptographyError) {
        guard let pointer = Encoding.read(pem, { PEM_read_bio_X509_CRL($0, nil, nil, nil) }) else {
            throw .invalidCertificate("no revocation list in PEM form")
        }
        try self.init(handle: RevocationHandle(pointer), authority: authority)
    }

    /// Reads the fields and checks that `authority` signed the list.
    init(handle: RevocationHandle, authority: Certificate) throws(CryptographyError) {
        let pointer = handle.pointer
        guard let key = X509_get0_pubkey(authority.handle.pointer), X509_CRL_verify(pointer, key) == 1 else {
            ERR_clear_error()
            throw .invalidCertificate("the revocation list is not signed by this authority")
        }
        guard let lastUpdate = Encoding.date(X509_CRL_get0_lastUpdate(pointer)),
            let nextUpdate = Encoding.date(X509_CRL_get0_nextUpdate(pointer))
        else { throw .invalidCertificate("the revocation list states no next update") }
        var serials: Set<String> = []
        for index in 0..<max(0, sordino_certificates_revoked_count(pointer)) {
            let revoked = sordino_certificates_revoked(pointer, index)
            serials.insert(try Certificate.hexadecimal(X509_REVOKED_get0_serialNumber(revoked)))
        }
        self.handle = handle
        self.serials = serials
        self.lastUpdate = lastUpdate
        self.nextUpdate = nextUpdate
        number = Self.number(of: pointer)
    }

    private static func number(of list: OpaquePointer) -> Int64? {
        guard let data = X509_CRL_get_ext_d2i(list, NID_crl_number, nil, nil) else { return nil }
        let integer = data.assumingMemoryBound(to: ASN1_INTEGER.self)
        defer { ASN1_INTEGER_free(integer) }
        var number: Int64 = 0
        return ASN1_INTEGER_get_int64(&number, integer) == 1 ? number : nil
    }

    /// Whether the certificate, of this list's authority, is revoked.
    package func contains(_ certificate: Certificate) -> Bool { serials.contains(certificate.serial) }

    /// The list as a PEM text.
    package func pem() throws(CryptographyError) -> [UInt8] {
        try Encoding.writePublic("PEM_write_bio_X509_CRL") { PEM_write_bio_X509_CRL($0, handle.pointer) }
    }
}

extension CertificateAuthority {
    /// A signed list of all certificates revoked so far. `number` grows with every list; the list counts as
    /// fresh for `validDays`.
    package func revocationList(
        _ revoked: [RevokedCertificate], number: Int, validDays: Int = 30, now: Date
    ) throws(CryptographyError) -> RevocationList {
        guard let pointer = X509_CRL_new() else { throw .libraryFailure("X509_CRL_new") }
        let handle = RevocationHandle(pointer)
        let from = try Encoding.time(now.addingTimeInterval(-Self.clockTolerance))
        defer { ASN1_TIME_free(from) }
        let to = try Encoding.time(now.addingTimeInterval(Double(validDays) * 86_400))
        defer { ASN1_TIME_free(to) }
        guard X509_CRL_set_version(pointer, 1) == 1,
            X509_CRL_set_issuer_name(pointer, X509_get_subject_name(certificate.handle.pointer)) == 1,
            X509_CRL_set1_lastUpdate(pointer, from) == 1, X509_CRL_set1_nextUpdate(pointer, to) == 1
        else { throw .libraryFailure("X509_CRL") }
        var seen: Set<String> = []
        for entry in revoked where seen.insert(entry.serial).inserted { try Self.add(entry, to: pointer) }
        guard let count = ASN1_INTEGER_new() else { throw .libraryFailure("ASN1_INTEGER_new") }
        defer { ASN1_INTEGER_free(count) }
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, certificate.handle.pointer, nil, nil, pointer, 0)
        guard ASN1_INTEGER_set_int64(count, Int64(number)) == 1,
            X509_CRL_add1_ext_i2d(pointer, NID_crl_number, count, 0, 0) == 1,
            let identifier = X509V3_EXT_conf_nid(
                nil, &context, NID_authority_key_identifier, "keyid:always")
        else { throw .libraryFailure("X509_CRL_add_ext") }
        defer { X509_EXTENSION_free(identifier) }
        guard X509_CRL_add_ext(pointer, identifier, -1) == 1, X509_CRL_sort(pointer) == 1,
            X509_CRL_sign(pointer, key.handle.pointer, key.structureDigest) > 0
        else { throw .libraryFailure("X509_CRL_sign") }
        return try RevocationList(handle: handle, authority: certificate)
    }

    private static func add(_ entry: RevokedCertificate, to list: OpaquePointer) throws(CryptographyError) {
        var number: OpaquePointer?
        guard (1...40).contains(entry.serial.utf8.count),
            BN_hex2bn(&number, entry.serial) == Int32(entry.serial.utf8.count), let number
        else {
            BN_free(number)
            throw .invalidCertificate("'\(entry.serial)' is no serial number")
        }
        defer { BN_free(number) }
        let date = try Encoding.time(entry.date)
        defer { ASN1_TIME_free(date) }
        guard let revoked = X509_REVOKED_new(), let serial = BN_to_ASN1_INTEGER(number, nil) else {
            throw .libraryFailure("X509_REVOKED_new")
        }
        defer { ASN1_INTEGER_free(serial) }
        guard X509_REVOKED_set_serialNumber(revoked, serial) == 1,
            X509_REVOKED_set_revocationDate(revoked, date) == 1, X509_CRL_add0_revoked(list, revoked) == 1
        else {
            X509_REVOKED_free(revoked)
            throw .libraryFailure("X509_CRL_add0_revoked")
        }
    }
}
