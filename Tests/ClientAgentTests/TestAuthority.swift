import Cryptography
import Foundation
import Operations
import TestSupport
import Transport

/// A folder for one test, with a certificate authority, a server's and an agent's certificate.
final class TestAuthority: Sendable {
    let folder: String
    let authority: CertificateAuthority

    init() throws {
        folder = NSTemporaryDirectory() + "sordino-agent-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        authority = try CertificateAuthority(
            name: "test-authority", key: CertificateKey(generating: .ed25519), now: Date())
        try write(authority.certificate.pem(), "ca.crt")
        try issue(
            "server", role: .server, addresses: [ServerAddress("127.0.0.1"), ServerAddress("localhost")])
        try issue("agent", role: .agent)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func credentials(_ name: String) -> TLSCredentials {
        TLSCredentials(certificate: path("\(name).crt"), key: path("\(name).key"))
    }

    /// Issues a certificate into `NAME.crt` and `NAME.key`.
    func issue(
        _ name: String, role: CertificateRole, addresses: [ServerAddress] = [], lifetimeDays: Int? = nil,
        now: Date = Date()
    ) throws {
        let key = try CertificateKey(generating: .ed25519)
        let certificate = try authority.issue(
            CertificateRequest(name: name, key: key), name: name, role: role, addresses: addresses,
            lifetimeDays: lifetimeDays, now: now)
        try write(certificate.pem(), "\(name).crt")
        try key.pem().withUnsafeBytes { try write(Array($0), "\(name).key") }
    }

    /// A certificate with an RSA key from a root of `openssl`'s own, as NAME.crt and NAME.key.
    func makeForeign(_ name: String) throws -> (certificate: String, key: String) {
        let files = try OpenSSLAuthority(folder: "sordino-\(name)")
        try files.issue(name, section: "client", key: .rsa)
        return (files.path("\(name).crt"), files.path("\(name).key"))
    }

    private func write(_ bytes: [UInt8], _ name: String) throws {
        try AtomicFile.write(bytes, to: path(name), mode: 0o600)
    }
}
