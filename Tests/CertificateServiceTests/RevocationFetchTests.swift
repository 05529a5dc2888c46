import Configuration
import Cryptography
import Foundation
import HTTPWire
import Messages
import Operations
import Testing
import Transport

@testable import AggregationServer
@testable import CertificateService

/// The revocation list on its way from the authority's process to a server's file.
@Suite(.timeLimit(.minutes(10))) struct RevocationFetchTests {
    private static let quiet = Logger(level: .error)

    private let folder: TemporaryAuthority
    private let service: CertificateService
    private let configuration: ServerConfiguration

    init() throws {
        folder = try TemporaryAuthority(Date())
        service = try CertificateService(
            folder.store, listen: SocketEndpoint(host: "127.0.0.1", port: 0), addresses: ["127.0.0.1"],
            log: Self.quiet)
        let file = folder.file("server.json5").path
        try AtomicFile.write(
            """
            { task: { name: "fetch", model: { layers: [{ dense: 1 }] },
                      training: { learning_rate: 0.1, loss: "mse" }, rounds: 1, cohort_size: 2, min_reports: 2,
                      privacy: { mode: "none" }, evaluation: { holdout: "none" } },
              server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", population: 2, input_shape: [3],
                        preprocessing: { kind: "images", classes: [] }, loops: 1,
                        ca_service: "127.0.0.1:\(service.port)",
                        tls: { certificate: "server.crt", key: "server.key", ca: "ca.crt", crl: "held.pem" } } }
            """, to: file)
        configuration = try ServerConfiguration(ConfigurationDocument(contentsOf: file))
    }

    private func held() throws -> Cryptography.RevocationList {
        try Cryptography.RevocationList(
            pem: Array(Data(contentsOf: folder.file("held.pem"))),
            authority: folder.store.authority.certificate)
    }

    private func fetch() throws -> RevocationFetch {
        try #require(try RevocationFetch(configuration.settings, log: Self.quiet))
    }

    private func end() {
        service.shutDown()
        folder.remove()
    }

    @Test func bringsTheFirstListAndEveryNewer() throws {
        defer { end() }
        let fetch = try fetch()
        try fetch.run()
        let first = try held()
        #expect(first.serials.isEmpty)
        let key = try CertificateKey(generating: .ed25519)
        let issued = try folder.store.issue(
            CertificateRequest(name: "a", key: key), CertificateOrder(name: "a", role: .agent))
        _ = try folder.store.revoke(name: "a")
        try fetch.run()
        #expect(try held().serials == [issued.serial])
        #expect(try held().number ?? 0 > first.number ?? 0)
        // What is the same is not written again.
        let stamp = FileStamp(folder.file("held.pem").path)
        try fetch.run()
        #expect(FileStamp(folder.file("held.pem").path) == stamp)
    }

    @Test func neverReplacesANewerListNorOneOfAnotherAuthority() throws {
        defer { end() }
        let newer = try folder.store.authority.revocationList([], number: 1000, validDays: 45, now: Date())
        let other = try CertificateAuthority(
            name: "other", key: CertificateKey(generating: .ed25519), now: Date())
        let foreign = try other.revocationList([], number: 1, validDays: 45, now: Date())
        for bytes in [try newer.pem(), try foreign.pem(), try newer.pem() + foreign.pem()] {
            try AtomicFile.write(bytes, to: folder.file("held.pem").path)
            #expect(throws: Failure.self) { try fetch().run() }
            #expect(try Array(Data(contentsOf: folder.file("held.pem"))) == bytes)
        }
    }

    @Test func aListThatHasExpiredIsNotTaken() throws {
        defer { end() }
        #expect(throws: Failure.self) { try fetch().run(now: Date().addingTimeInterval(46 * 86_400)) }
        #expect(!FileManager.default.fileExists(atPath: folder.file("held.pem").path))
    }

    @Test func anAuthorityThatDoesNotAnswerChangesNothing() throws {
        service.shutDown()
        defer { folder.remove() }
        let pem = try folder.store.authority.revocationList([], number: 1, validDays: 45, now: Date()).pem()
        try AtomicFile.write(pem, to: folder.file("held.pem").path)
        #expect(throws: ClientError.self) { try fetch().run() }
        #expect(try Array(Data(contentsOf: folder.file("held.pem"))) == pem)
    }

    @Test func theServiceSignsAFreshListBeforeTheOldOneEnds() throws {
        defer { end() }
        let tls = try TLSContext(
            client: TLSClientConfiguration(trust: .authority(path: folder.store.certificatePath)))
        let client = try HTTPClient(
            HTTPClientConfiguration(server: SocketEndpoint(host: "127.0.0.1", port: service.port), tls: tls))
        let answer = try client.exchange(ClientRequest(.get, AgentProtocol.revocationListPath))
        #expect(answer.status == 200)
        let list = try Cryptography.RevocationList(
            pem: answer.body, authority: folder.store.authority.certificate)
        #expect(
            try client.exchange(
                ClientRequest(.post, AgentProtocol.revocationListPath, body: .bytes(Array("{}".utf8)))
            ).status == 405)
        // No server ever comes as near as the first warning while the service keeps its hours.
        for days in 0..<120 {
            let now = Date().addingTimeInterval(Double(days) * 86_400)
            let pem = try folder.store.freshRevocationList(now: now)
            let fresh = try Cryptography.RevocationList(
                pem: pem, authority: folder.store.authority.certificate)
            #expect(fresh.nextUpdate.timeIntervalSince(now) > 30 * 86_400)
            #expect(fresh.nextUpdate >= list.nextUpdate)
        }
    }
}

/// An authority in its own last months.
@Suite struct EndingAuthorityTests {
    @Test func renewsForAsLongAsItLastsItself() throws {
        let begin = Date(timeIntervalSince1970: 1_800_000_000)
        let folder = try TemporaryAuthority(begin)
        defer { folder.remove() }
        let end = folder.store.authority.certificate.notAfter
        let key = try CertificateKey(generating: .ed25519)
        let request = try CertificateRequest(name: "a", key: key)
        let now = end.addingTimeInterval(-10.5 * 86_400)
        let certificate = try folder.store.issue(
            request, CertificateOrder(name: "a", role: .agent), now: now)
        #expect(certificate.notAfter <= end && certificate.notAfter > now.addingTimeInterval(9 * 86_400))
        #expect(throws: Failure.self) {
            try folder.store.issue(
                CertificateRequest(name: "b", key: key),
                CertificateOrder(name: "b", role: .agent, lifetimeDays: 30), now: now)
        }
        let failure = #expect(throws: Failure.self) {
            try folder.store.issue(
                CertificateRequest(name: "c", key: key), CertificateOrder(name: "c", role: .agent),
                now: end.addingTimeInterval(-3600))
        }
        #expect(failure?.message.contains("make a new authority") == true)
    }
}
