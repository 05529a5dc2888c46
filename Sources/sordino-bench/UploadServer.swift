import Cryptography
import Foundation
internal import HTTPWire
import Operations
import Transport

/// A server that counts what is uploaded and tells what it has used, in a process of its own.
enum UploadServer {
    /// Serves with the certificates in the folder that the argument names, tells its port, and ends with its input.
    static func run(_ arguments: [String]) throws {
        guard let folder = arguments.first else { throw BenchFailure.childFailed }
        var configuration = HTTPServerConfiguration(listen: SocketEndpoint(host: "127.0.0.1", port: 0))
        configuration.maximumConnectionsPerPeer = 1000
        configuration.limits.bodyBytes = .max
        let tls = try TLSContextSource(
            server: TLSServerConfiguration(
                credentials: TLSCredentials(
                    certificate: folder + "/server.crt", key: folder + "/server.key"),
                authority: folder + "/authority.crt"))
        let server = try HTTPServer(configuration, tls: tls, handler: Handler())
        ChildCatalog.report(Double(server.port))
        _ = try FileHandle.standardInput.readToEnd()
        server.shutdown(withinMilliseconds: 0)
    }

    private struct Handler: HTTPHandler {
        func handle(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
            switch request.head.target.path {
            case "/processor": .respond(.text(200, "\(ProcessorClock.now())"))
            case "/memory": .respond(.text(200, "\(ProcessMemory.peakResidentBytes ?? 0)"))
            default: .receive(limit: .max, reserving: 0, sink: Counter())
            }
        }
    }

    private final class Counter: BodySink {
        private var count = 0

        func receive(_ bytes: UnsafeRawBufferPointer) -> BodyVerdict {
            count += bytes.count
            return .more
        }

        func finish() -> BodyOutcome { .respond(.text(200, "\(count)")) }
        func abandon() {}
    }

    /// Writes an authority's, a server's and an agent's certificates and keys to a folder.
    static func writeCertificates(to folder: String) throws {
        func write(_ bytes: [UInt8], _ name: String) throws {
            try AtomicFile.write(bytes, to: folder + "/" + name, mode: 0o600)
        }
        let authority = try CertificateAuthority(
            name: "bench", key: CertificateKey(generating: .p256), now: Date.now)
        try write(authority.certificate.pem(), "authority.crt")
        for role in [CertificateRole.server, .agent] {
            let key = try CertificateKey(generating: .p256)
            let certificate = try authority.issue(
                CertificateRequest(name: role.rawValue, key: key), name: role.rawValue, role: role,
                addresses: role == .server ? [.address("127.0.0.1")] : [], now: Date.now)
            try write(certificate.pem(), "\(role.rawValue).crt")
            try key.pem().withUnsafeBytes { try write(Array($0), "\(role.rawValue).key") }
        }
    }
}
