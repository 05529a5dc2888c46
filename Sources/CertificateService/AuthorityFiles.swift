internal import Cryptography
internal import Foundation
internal import Glibc
package import Operations

/// Names and rules of the files in an authority's folder.
struct AuthorityFiles: Sendable {
    /// The folder, mode 0700.
    let folder: String

    /// The authority's own certificate, for everybody.
    var certificate: String { folder + "/ca.crt" }
    /// The authority's key, mode 0600.
    var key: String { folder + "/ca.key" }
    /// The signed revocation list, for every server.
    var revocationList: String { folder + "/crl.pem" }
    /// One line for every certificate ever issued.
    var index: String { folder + "/issued.jsonl" }
    /// Hashes of enrolment tokens.
    var tokens: String { folder + "/tokens.json" }
    /// What is revoked, and the number of the last list.
    var revocations: String { folder + "/revocations.json" }
    /// Held while anything above changes.
    var lock: String { folder + "/lock" }
    /// The certificate that the process answers with.
    var serviceCertificate: String { folder + "/service.crt" }
    /// Its key, mode 0600.
    var serviceKey: String { folder + "/service.key" }

    /// Longest file that is read.
    private static let byteLimit = 1 << 30

    /// A whole file; nil where there is none. Throws a storage ``Failure``.
    static func contents(_ path: String) throws(Failure) -> [UInt8]? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard let data = FileManager.default.contents(atPath: path), data.count <= byteLimit else {
            throw Failure(.storage, "cannot read \(path): is it a file that you may read?")
        }
        return [UInt8](data)
    }

    /// A private key; nil where there is none. Throws a ``Failure`` with status 3 when others may read it.
    static func key(_ path: String) throws -> CertificateKey? {
        guard let bytes = try contents(path) else { return nil }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o077 == 0 else {
            throw Failure(.invalidInput, "\(path): others may read this private key; run chmod 600 on it")
        }
        return try Failure.naming(path) { () throws(CryptographyError) in
            try CertificateKey(pem: SecretBytes(copying: bytes))
        }
    }

    /// Writes a private key with mode 0600.
    static func write(_ key: CertificateKey, to path: String) throws {
        try key.pem().withUnsafeBytes { bytes throws(Failure) in
            try AtomicFile.write([UInt8](bytes), to: path, mode: 0o600)
        }
    }

    /// Reads a JSON file that this room wrote; nil where there is none. Throws a storage ``Failure``.
    static func read<Value: Decodable>(_ type: Value.Type, _ path: String) throws(Failure) -> Value? {
        guard let bytes = try contents(path) else { return nil }
        do {
            return try AuthorityJSON.decoder().decode(type, from: Data(bytes))
        } catch {
            throw Failure(.storage, "\(path) is damaged: restore it from a backup")
        }
    }

    /// Writes a JSON file that only its owner may read.
    static func write(_ value: some Encodable, to path: String) throws {
        try AtomicFile.write([UInt8](AuthorityJSON.encoder().encode(value)) + [0x0A], to: path, mode: 0o600)
    }
}

/// The JSON of an authority's files: sorted keys, dates as ISO 8601.
enum AuthorityJSON {
    static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return encoder
    }

    static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return decoder
    }
}

extension Failure {
    /// Runs `body`, turning what cryptography refuses into a failure that names `subject`, with the error's own status; an
    /// authentication that fails is a token's here.
    package static func naming<Value>(
        _ subject: String, _ body: () throws -> Value
    ) throws(Failure) -> Value {
        do {
            return try body()
        } catch let failure as Failure {
            throw failure
        } catch {
            let failure = Failure(wrapping: error)
            switch error as? CryptographyError {
            case .authenticationFailed?:
                throw Failure(failure.exitCode, "\(subject): unknown, used or expired")
            case let error?: throw Failure(failure.exitCode, "\(subject): \(error)")
            case nil: throw failure
            }
        }
    }
}
