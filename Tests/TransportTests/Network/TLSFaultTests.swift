import Foundation
import HTTPWire
import TestSupport
import Testing

@testable import Transport

/// Whose certificate ended a session, with real certificates at both ends.
@Suite(.timeLimit(.minutes(10))) struct TLSFaultTests {
    /// Servers' certificates that a client must refuse.
    private static let authority = Result { () throws -> OpenSSLAuthority in
        let authority = try OpenSSLAuthority(folder: "sordino-faults")
        try authority.issue("good", section: "server")
        try authority.issue("foreign", by: "other", section: "server")
        try authority.issue(
            "expired", section: "server",
            dates: ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"])
        try authority.issue(
            "future", section: "server",
            dates: ["-startdate", "20900101000000Z", "-enddate", "20900201000000Z"])
        try authority.issue("agent", section: "client")
        try authority.issue("elsewhere", section: "elsewhere")
        return authority
    }

    private func fault(showing name: String, host: String = "127.0.0.1") throws -> TLSFault {
        let files = try Self.authority.get()
        let source = try TLSContextSource(
            server: TLSServerConfiguration(
                credentials: TLSCredentials(
                    certificate: files.path("\(name).crt"), key: files.path("\(name).key")),
                authority: files.path("authority.crt"), clientCertificates: .none))
        let server = try HTTPServer(
            HTTPServerConfiguration(listen: SocketEndpoint(host: "127.0.0.1", port: 0), loops: 1),
            tls: source, handler: Refusing()
        ) { _ in }
        defer { server.shutdown(withinMilliseconds: 100) }
        let tls = try TLSContext(
            client: TLSClientConfiguration(trust: .authority(path: files.path("authority.crt"))))
        let client = try HTTPClient(
            HTTPClientConfiguration(server: SocketEndpoint(host: host, port: server.port), tls: tls))
        let error = #expect(throws: ClientError.self) { try client.exchange(ClientRequest(.get, "/")) }
        guard case .tls(let fault)? = error else {
            throw NoFault(instead: String(describing: error))
        }
        #expect(!fault.isOwn)
        return fault
    }

    @Test(arguments: [
        ("expired", TLSFault.Cause.peerExpired, "2020-02-01T00:00:00Z"),
        ("future", .peerNotYetValid, "2090-01-01T00:00:00Z"),
        ("foreign", .peerUnknownAuthority, "CN=other"), ("agent", .peerRefused, "purpose"),
        ("elsewhere", .peerWrongName, "IP address mismatch"),
    ]) func aServersCertificateIsNamedWithWhatIsWrong(name: String, cause: TLSFault.Cause, words: String)
        throws
    {
        let fault = try fault(showing: name)
        #expect(fault.cause == cause)
        let text = fault.clientText
        #expect(text.contains("the server's certificate") && text.contains(words), "\(text)")
        #expect(!text.contains("\n"))
        if cause == .peerExpired || cause == .peerNotYetValid {
            #expect(text.contains("CN=\(name)") && fault.refused?.depth == 0)
        }
    }

    @Test func theHostsOwnCertificateIsToldByTheAlert() throws {
        let certificates = try TestCertificates.shared.get()
        let server = try TestServer(revocations: certificates.revocations)
        let expected: [(String?, TLSFault.Cause)] = [
            ("expired", .ownExpired), ("revoked", .ownRevoked), ("stranger", .ownUnknownAuthority),
            (nil, .ownMissing), ("server", .ownRefused),
        ]
        for (name, cause) in expected {
            let client = try server.client(as: name)
            let error = #expect(throws: ClientError.self) {
                try client.exchange(ClientRequest(.get, "/hello"))
            }
            guard case .tls(let fault)? = error else {
                Issue.record("\(name ?? "none"): \(String(describing: error))")
                continue
            }
            #expect(fault.cause == cause && fault.isOwn, "\(name ?? "none"): \(fault)")
            #expect(fault.clientText.contains("this host"), "\(fault.clientText)")
        }
    }

    private struct NoFault: Error {
        let instead: String
    }

    /// A server that is never asked anything: the handshake fails.
    private final class Refusing: HTTPHandler {
        func handle(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
            .respond(.text(200, "hello"))
        }
    }
}
