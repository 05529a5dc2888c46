import Foundation
import TestSupport

@testable import Transport

/// The certificates that tests need, made once per test process.
final class TestCertificates: Sendable {
    /// The one set that all tests share; read only, but for lists that tests copy for themselves.
    static let shared = Result { try TestCertificates() }

    private let authority: OpenSSLAuthority
    var directory: String { authority.directory }

    private init() throws {
        authority = try OpenSSLAuthority(folder: "sordino-transport")
        try authority.issue("server", section: "server")
        for name in ["agent", "revoked", "second"] { try authority.issue(name, section: "client") }
        try authority.issue("stranger", by: "other", section: "client")
        try authority.issue(
            "expired", section: "client",
            dates: ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"])
        try authority.writeRevocations("empty.crl")
        try authority.revoke("revoked")
        try authority.writeRevocations("authority.crl")
    }

    func path(_ name: String) -> String { authority.path(name) }

    func credentials(_ name: String) -> TLSCredentials {
        TLSCredentials(certificate: path("\(name).crt"), key: path("\(name).key"))
    }

    /// The path of the list as it stands in the shared directory: it revokes "revoked" only.
    var revocations: String { path("authority.crl") }

    /// Copies the list without any revocation to a path of its own, for tests that revoke later.
    func emptyRevocations(named name: String) throws -> String {
        let copy = path(name)
        try FileManager.default.copyItem(atPath: path("empty.crl"), toPath: copy)
        return copy
    }

    /// Runs `openssl` in the directory and returns what it printed.
    @discardableResult
    func openssl(_ arguments: [String], input: String = "") throws -> String {
        try authority.openssl(arguments, input: input)
    }

    /// Runs a command in `directory` with `input`.
    static func run(
        _ command: String, _ arguments: [String], _ directory: String, _ input: String = ""
    ) throws -> String {
        try OpenSSLAuthority.run(command, arguments, directory, input)
    }
}
