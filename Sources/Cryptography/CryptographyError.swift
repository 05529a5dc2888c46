/// What can go wrong in this module. Payloads never hold secret bytes.
package enum CryptographyError: Error, Equatable, Sendable {
    /// The operating system or OpenSSL delivered no randomness; nothing may be released.
    case randomnessUnavailable
    /// An argument has a length that the operation does not take.
    case wrongLength(of: String, expected: Int, actual: Int)
    /// An argument is longer than the operation's stated limit.
    case tooLong(String, limit: Int)
    /// The ciphertext, its associated data, key or nonce are not those that were sealed.
    case authenticationFailed
    /// A public key gives a shared secret that does not depend on our private key (RFC 7748, section 6.1).
    case lowOrderPoint
    /// Bytes that are no key of the stated kind.
    case invalidKey(String)
    /// A threshold, number of shares or evaluation point outside the scheme's range.
    case invalidSharing(String)
    /// Sizes of the lattice encryption that are not secure or not possible, or a sum of keys that is none.
    case invalidLattice(String)
    /// A key that has encrypted its one vector already.
    case spentKey
    /// Bytes, a text or a file that is no certificate, request, revocation list or token; says which rule fails.
    case invalidCertificate(String)
    /// OpenSSL refused an operation that cannot fail on valid input (out of memory, broken installation).
    case libraryFailure(String)
}

extension CryptographyError: CustomStringConvertible {
    /// One line for logs.
    package var description: String {
        switch self {
        case .randomnessUnavailable: "the cryptographic random generator failed"
        case .wrongLength(let name, let expected, let actual):
            "\(name) has \(actual) bytes, \(expected) are needed"
        case .tooLong(let name, let limit): "\(name) is longer than \(limit) bytes"
        case .authenticationFailed: "authentication failed: not what was sealed under this key"
        case .lowOrderPoint: "the public key is a point of low order"
        case .invalidKey(let reason): "invalid key: \(reason)"
        case .invalidSharing(let reason): "invalid secret sharing: \(reason)"
        case .invalidLattice(let reason): "lattice encryption: \(reason)"
        case .spentKey: "this key has encrypted a vector already, and serves one only"
        case .invalidCertificate(let reason): reason
        case .libraryFailure(let operation): "OpenSSL failed in \(operation)"
        }
    }
}
