internal import COpenSSL
package import FoundationEssentials

/// What a revocation list says of itself, read without judging who signed it.
package struct RevocationDates: Sendable {
    /// The authority that it names, on one line (RFC 2253).
    package let issuer: String
    /// From when on it counts.
    package let lastUpdate: Date
    /// The moment from which on it no longer counts.
    package let nextUpdate: Date

    /// Those of all lists of a PEM text, at least one. Throws `invalidCertificate`.
    package static func all(pem: [UInt8]) throws(CryptographyError) -> [RevocationDates] {
        var handles: [RevocationHandle] = []
        _ = Encoding.read(pem) { bio in
            while let next = PEM_read_bio_X509_CRL(bio, nil, nil, nil) {
                handles.append(RevocationHandle(next))
            }
            return nil
        }
        guard !handles.isEmpty else { throw .invalidCertificate("no revocation list in PEM form") }
        var all: [RevocationDates] = []
        for handle in handles {
            guard let lastUpdate = Encoding.date(X509_CRL_get0_lastUpdate(handle.pointer)),
                let nextUpdate = Encoding.date(X509_CRL_get0_nextUpdate(handle.pointer)),
                let issuer = X509_CRL_get_issuer(handle.pointer)
            else { throw .invalidCertificate("the revocation list states no next update") }
            all.append(
                RevocationDates(
                    issuer: try DistinguishedName.line(issuer), lastUpdate: lastUpdate,
                    nextUpdate: nextUpdate))
        }
        return all
    }
}
