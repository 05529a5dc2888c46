internal import Cryptography
internal import Foundation
internal import Operations
internal import SecureAggregation

/// Whose keys count in a masked round: agents of the authority in the server's files, as they stand when the round
/// opens.
enum MemberTrust {
    /// Reads authority and revocation list anew: both may have been renewed since the last round. Throws a
    /// `Failure` that names the file at fault.
    static func verifier(_ files: ServerSettings.TLSFiles) throws -> CertifiedMembers {
        let authority = try read(files.authority) { try Certificate(pem: $0) }
        let revocations = try files.revocations.map { path in
            try read(path) { try RevocationList(pem: $0, authority: authority) }
        }
        return CertifiedMembers(
            trust: CertificateTrust(authority: authority, revocations: revocations), moment: Date())
    }

    /// Throws a `Failure` with status 5 where the members of masked rounds could not be told apart by these files: they
    /// need an authority of this system, which signs the agents' certificates itself.
    static func require(_ files: ServerSettings.TLSFiles) throws {
        do {
            _ = try verifier(files)
        } catch {
            throw Failure(
                .network,
                "masked rounds need an authority of sordino certs in server.tls.ca: \(Failure(wrapping: error).message)"
            )
        }
    }

    private static func read<Value>(_ path: String, _ parse: ([UInt8]) throws -> Value) throws -> Value {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.storage, "\(path): cannot be read")
        }
        do {
            return try parse(Array(data))
        } catch {
            throw Failure(.network, "\(path): \(error)")
        }
    }
}
