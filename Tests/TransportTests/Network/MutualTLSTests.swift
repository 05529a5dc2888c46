import Foundation
import HTTPWire
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(10))) struct MutualTLSTests {
    @Test func aCertifiedClientIsKnownByName() throws {
        let server = try TestServer(revocations: TestCertificates.shared.get().revocations)
        let client = try server.client()
        #expect(try client.exchange(ClientRequest(.get, "/whoami")).text == "agent")
        let chain = try client.serverChain()
        #expect(chain.count == 2)
    }

    @Test(arguments: ["stranger", "expired", "revoked", "server", nil])
    func othersAreRefusedWithAReason(_ name: String?) throws {
        let server = try TestServer(revocations: TestCertificates.shared.get().revocations)
        let client = try server.client(as: name)
        let error = #expect(throws: ClientError.self) { try client.exchange(ClientRequest(.get, "/hello")) }
        guard case .tls? = error else {
            Issue.record("not a TLS error: \(String(describing: error))")
            return
        }
        let expected = [
            "stranger": "unable to get local issuer certificate", "expired": "certificate has expired",
            "revoked": "certificate revoked", "server": "unsuitable certificate purpose",
        ]
        let reason = name.map { expected[$0] ?? "?" } ?? "peer did not return a certificate"
        #expect(
            server.log.waits {
                if case .handshakeFailed(_, let text) = $0 { text.contains(reason) } else { false }
            })
        #expect(!server.log.all.contains { if case .answered = $0 { true } else { false } })
    }

    @Test func anOpenConnectionIsRefusedOnceRevoked() throws {
        let certificates = try TestCertificates.shared.get()
        let list = try certificates.emptyRevocations(named: "later.crl")
        let server = try TestServer(revocations: list)
        let client = try server.client(as: "revoked")
        #expect(try client.exchange(ClientRequest(.get, "/hello")).status == 200)
        try FileManager.default.removeItem(atPath: list)
        try FileManager.default.copyItem(atPath: certificates.revocations, toPath: list)
        try server.source.reload()
        let refused = try client.exchange(ClientRequest(.get, "/hello"))
        #expect(refused.status == 403 && refused.text == "the certificate is revoked")
        #expect(client.connectionsMade.all == 1)
        #expect(throws: ClientError.self) { try client.exchange(ClientRequest(.get, "/hello")) }
        #expect(try server.client().exchange(ClientRequest(.get, "/hello")).status == 200)
    }

    @Test func filesAreReloadedWhenTheyChangeAndKeptWhenBroken() throws {
        let certificates = try TestCertificates.shared.get()
        let list = try certificates.emptyRevocations(named: "watched.crl")
        let server = try TestServer(revocations: list)
        try "broken".write(toFile: list, atomically: true, encoding: .utf8)
        #expect(server.log.waits { if case .tlsReloadFailed = $0 { true } else { false } })
        #expect(try server.client(as: "revoked").exchange(ClientRequest(.get, "/hello")).status == 200)
        try FileManager.default.removeItem(atPath: list)
        try FileManager.default.copyItem(atPath: certificates.revocations, toPath: list)
        #expect(server.log.waits { $0 == .tlsReloaded })
        #expect(throws: ClientError.self) {
            try server.client(as: "revoked").exchange(ClientRequest(.get, "/hello"))
        }
    }

    @Test func optionalCertificatesLeaveTheDoorToEnrolmentOpen() throws {
        let server = try TestServer(clients: .optional)
        #expect(try server.client(as: nil).exchange(ClientRequest(.get, "/whoami")).text == "nobody")
        #expect(try server.client().exchange(ClientRequest(.get, "/whoami")).text == "agent")
        #expect(throws: ClientError.self) {
            try server.client(as: "stranger").exchange(ClientRequest(.get, "/whoami"))
        }
    }

    @Test func withoutACertificateOnlyNamedPathsAnswer() throws {
        let server = try TestServer(clients: .optional) { $0.pathsWithoutCertificate = ["/whoami"] }
        let anonymous = try server.client(as: nil)
        #expect(try anonymous.exchange(ClientRequest(.get, "/whoami")).text == "nobody")
        let refused = try anonymous.exchange(ClientRequest(.get, "/hello"))
        #expect(refused.status == 403 && refused.text == "a client certificate is required")
        #expect(try server.client().exchange(ClientRequest(.get, "/hello")).status == 200)
    }

    @Test func aTicketDoesNotOutliveItsCertificate() throws {
        let certificates = try TestCertificates.shared.get()
        let list = try certificates.emptyRevocations(named: "ticket.crl")
        let server = try TestServer(revocations: list)
        let client = try server.client(as: "revoked")
        #expect(try client.exchange(ClientRequest(.get, "/hello")).status == 200)
        client.disconnect()
        try FileManager.default.removeItem(atPath: list)
        try FileManager.default.copyItem(atPath: certificates.revocations, toPath: list)
        try server.source.reload()
        #expect(throws: ClientError.self) { try client.exchange(ClientRequest(.get, "/hello")) }
    }

    @Test func theClientTrustsOnlyItsAuthority() throws {
        let server = try TestServer { $0.listen = SocketEndpoint(host: "0.0.0.0", port: 0) }
        let other = TLSTrust.authority(path: server.certificates.path("other.crt"))
        let error = #expect(throws: ClientError.self) {
            try server.client(trust: other).exchange(ClientRequest(.get, "/hello"))
        }
        #expect("\(String(describing: error))".contains("certificate"))
        #expect(try server.client(host: "localhost").exchange(ClientRequest(.get, "/hello")).status == 200)
        let wrongHost = #expect(throws: ClientError.self) {
            try server.client(host: "127.0.0.2").exchange(ClientRequest(.get, "/hello"))
        }
        #expect("\(String(describing: wrongHost))".contains("IP address mismatch"))
    }

    @Test func theAuthorityMayBePinnedByFingerprint() throws {
        let server = try TestServer(clients: .optional)
        let text = try server.certificates.openssl([
            "x509", "-in", server.certificates.path("authority.crt"), "-noout", "-fingerprint", "-sha256",
        ])
        let digits = (text.split(separator: "=").last ?? "").split(separator: ":").compactMap {
            UInt8($0.prefix(2), radix: 16)
        }
        let pinned = try server.client(as: nil, trust: .authorityFingerprint(digits))
        #expect(try pinned.exchange(ClientRequest(.get, "/hello")).status == 200)
        let chain = try pinned.serverChain().map { String(decoding: $0, as: UTF8.self) }
        let authority = try String(contentsOfFile: server.certificates.path("authority.crt"), encoding: .utf8)
        #expect(chain.last == authority)
        var wrong = digits
        wrong[0] ^= 1
        #expect(throws: ClientError.self) {
            try server.client(as: nil, trust: .authorityFingerprint(wrong)).exchange(
                ClientRequest(.get, "/hello"))
        }
    }

    @Test func oldVersionsAndOtherProtocolsAreRefused() throws {
        let server = try TestServer()
        let request = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        #expect(try server.raw(request, ["-tls1_2"]).contains("HTTP/1.1 200") == false)
        #expect(server.log.waits { if case .handshakeFailed = $0 { true } else { false } })
        #expect(try server.raw(request, ["-tls1_3", "-alpn", "h2"]).contains("HTTP/1.1 200") == false)
        #expect(try server.raw(request, ["-tls1_3", "-groups", "P-384"]).contains("HTTP/1.1 200") == false)
        #expect(try server.raw(request, ["-tls1_3", "-ign_eof"]).contains("HTTP/1.1 200"))
    }

    @Test func aSessionIsResumedWithItsIdentity() throws {
        let server = try TestServer(revocations: TestCertificates.shared.get().revocations)
        let client = try server.client()
        for _ in 0..<3 {
            #expect(try client.exchange(ClientRequest(.get, "/whoami")).text == "agent")
            client.disconnect()
        }
        #expect(client.connectionsMade.all == 3 && client.connectionsMade.resumed == 2)
    }

    @Test func exposedAndWrongFilesAreNamed() throws {
        let certificates = try TestCertificates.shared.get()
        let exposed = certificates.path("exposed.key")
        try FileManager.default.copyItem(atPath: certificates.path("agent.key"), toPath: exposed)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: exposed)
        let attempt = { (certificate: String, key: String) throws(TLSError) in
            _ = try TLSContext(
                client: TLSClientConfiguration(
                    credentials: TLSCredentials(certificate: certificate, key: key),
                    trust: .authority(path: certificates.path("authority.crt"))))
        }
        let certificate = certificates.path("agent.crt")
        #expect(throws: TLSError.keyExposed(path: exposed, mode: 0o640)) { try attempt(certificate, exposed) }
        let other = certificates.path("second.key")
        #expect(throws: TLSError.keyMismatch(certificate: certificate, key: other)) {
            try attempt(certificate, other)
        }
        #expect(throws: TLSError.self) { try attempt(certificates.path("missing"), other) }
        // Whether a passphrase protects it is said by its first lines, in either form.
        for (name, head) in [
            (
                "pkcs8.key",
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGb\n-----END ENCRYPTED PRIVATE KEY-----\n"
            ),
            (
                "older.key",
                "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIGb\n-----END EC PRIVATE KEY-----\n"
            ),
        ] {
            let path = certificates.path(name)
            try Data(head.utf8).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            #expect(throws: TLSError.keyEncrypted(path: path)) { try attempt(certificate, path) }
        }
        #expect(TLSError.keyEncrypted(path: "k").description.contains("openssl pkey"))
        #expect(throws: TLSError.self) { try attempt(other, other) }
    }
}
