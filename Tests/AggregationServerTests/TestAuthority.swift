import Foundation
import TestSupport

/// The certificates that tests need, made once per test process: a server's for 127.0.0.1 and those of four agents.
final class TestAuthority: Sendable {
    static let shared = Result { try TestAuthority() }

    private let authority: OpenSSLAuthority

    private init() throws {
        authority = try OpenSSLAuthority(folder: "sordino-server")
        try authority.issue("server", section: "server")
        for index in 0..<4 {
            try authority.issue("agent-\(index)", section: "client", key: .ed25519, role: "agent")
        }
        try authority.issue("admin", section: "client", key: .ed25519, role: "admin")
    }

    /// Writes the authority's revocation list, of dates of its own where they are given.
    func writeRevocations(_ name: String, from: String? = nil, to: String? = nil) throws {
        try authority.writeRevocations(name, from: from, to: to)
    }

    func path(_ name: String) -> String { authority.path(name) }
}
