import Cryptography
import Foundation
import HTTPWire
import Messages
import Operations
import Testing
import Transport

@testable import CertificateService

struct CertificateServiceTests {
    private static let quiet = Logger(level: .error)

    @Test("The service enrols and renews over TLS, and says why it refuses", .timeLimit(.minutes(10)))
    func exchange() throws {
        let folder = try TemporaryAuthority(Date())
        defer { folder.remove() }
        let service = try CertificateService(
            folder.store, listen: SocketEndpoint(host: "127.0.0.1", port: 0), addresses: ["127.0.0.1"],
            log: Self.quiet)
        defer { service.shutDown() }
        let tls = try TLSContext(
            client: TLSClientConfiguration(trust: .authority(path: folder.store.certificatePath)))
        let client = try HTTPClient(
            HTTPClientConfiguration(server: SocketEndpoint(host: "127.0.0.1", port: service.port), tls: tls))
        func post(_ path: String, _ message: some ControlMessage) throws -> ClientResponse {
            try client.exchange(
                ClientRequest(
                    .post, path, headers: ["Content-Type": "application/json"],
                    body: .bytes(message.encoded())))
        }

        let key = try CertificateKey(generating: .p256)
        let pem = String(decoding: try CertificateRequest(name: "a", key: key).pem(), as: UTF8.self)
        let token = try folder.store.enrolmentToken(name: "a", expires: Date().addingTimeInterval(60))
        let enrolled = try post(
            AgentProtocol.enrolmentPath, EnrolmentRequest(token: token, signingRequest: pem))
        #expect(enrolled.status == 200)
        let answer = try CertificateAnswer(decoding: enrolled.body)
        let certificate = try Certificate(pem: Array(answer.certificate.utf8))
        #expect(certificate.matches(key) && certificate.name == "a")
        #expect(
            try Certificate(pem: Array(answer.authority.utf8)).der == folder.store.authority.certificate.der)

        let renewal = RelayedRenewal(
            signingRequest: pem, name: "a", fingerprint: certificate.fingerprintText)
        #expect(try post(AgentProtocol.renewalPath, renewal).status == 200)
        let unknown = RelayedRenewal(
            signingRequest: pem, name: "a", fingerprint: String(repeating: "0", count: 64))
        #expect(try post(AgentProtocol.renewalPath, unknown).status == 403)
        let other = try CertificateRequest(name: "a", key: CertificateKey(generating: .p256)).pem()
        let theft = EnrolmentRequest(token: token, signingRequest: String(decoding: other, as: UTF8.self))
        #expect(try post(AgentProtocol.enrolmentPath, theft).status == 403)
        #expect(try post(AgentProtocol.enrolmentPath, renewal).status == 422)
        #expect(try post("/v1/check-in", renewal).status == 404)
    }
}
