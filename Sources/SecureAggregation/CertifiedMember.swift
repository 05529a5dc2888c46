package import Cryptography
package import FoundationEssentials

/// A member whose credential is its certificate: its identity is that of the certified name.
package struct CertifiedMember: RoundMember {
    private let certificate: Certificate
    private let key: CertificateKey
    /// The identity of the certified name.
    package let identity: MemberIdentity

    /// Throws `invalidCertificate` when the key is not the certificate's.
    package init(certificate: Certificate, key: CertificateKey) throws(CryptographyError) {
        guard certificate.matches(key) else {
            throw .invalidCertificate("the key does not belong to the certificate of '\(certificate.name)'")
        }
        self.certificate = certificate
        self.key = key
        identity = try MemberIdentity(name: certificate.name)
    }

    /// The certificate's DER bytes.
    package var credential: [UInt8] { certificate.der }

    /// A signature under the certified key.
    package func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] { try key.sign(message) }
}

/// Accepts agents whose certificates an authority signed and has not taken back.
package struct CertifiedMembers: MemberVerifier {
    private let trust: CertificateTrust
    private let moment: Date
    private let known: KnownCertificates?

    /// `moment` is when the round began: all of its credentials are judged at one time. `known`: what counted before under
    /// the same trust.
    package init(trust: CertificateTrust, moment: Date, known: KnownCertificates? = nil) {
        self.trust = trust
        self.moment = moment
        self.known = known
    }

    /// The identity of the certified name, if certificate and signature are valid.
    package func identity(
        provenBy credential: [UInt8], signature: [UInt8], message: [UInt8]
    ) -> MemberIdentity? {
        guard let certificate = known?.certificate(credential, at: moment) ?? judged(credential),
            certificate.isValid(signature, for: message)
        else { return nil }
        return try? MemberIdentity(name: certificate.name)
    }

    private func judged(_ credential: [UInt8]) -> Certificate? {
        guard let certificate = try? Certificate(der: credential),
            (try? trust.verify(certificate, role: .agent, at: moment)) != nil
        else { return nil }
        known?.insert(certificate)
        return certificate
    }
}
