internal import Cryptography
internal import FoundationEssentials
internal import Synchronization

/// Certificates that were found to count. An agent meets the same members round after round, and judging one costs two
/// signatures: its own, and that of the revocation list. To be made anew when the authority or its list changes.
package final class KnownCertificates: Sendable {
    private let certificates = Mutex<[[UInt8]: Certificate]>([:])

    /// Certificates that are remembered at most; a greater roster is judged anew each time.
    private static let capacity = 4096

    /// Remembers nobody yet.
    package init() {}

    /// The certificate of these DER bytes where it counted before and its own dates still hold.
    func certificate(_ der: [UInt8], at moment: Date) -> Certificate? {
        guard let known = certificates.withLock({ $0[der] }),
            known.notBefore <= moment, moment <= known.notAfter
        else { return nil }
        return known
    }

    /// Remembers a certificate that counts.
    func insert(_ certificate: Certificate) {
        certificates.withLock { known in
            if known.count < Self.capacity { known[certificate.der] = certificate }
        }
    }
}
