import Cryptography
import Foundation
import HTTPWire
import Messages
import Operations
import Synchronization
import TestSupport
import Testing
import Transport

@testable import AggregationServer

/// A server whose certificates, revocation list and tokens come to their ends.
@Suite struct ServerExpiryTests {
    /// A clock that the test moves.
    private final class Clock: Sendable {
        private let moment = Mutex(Date())
        var now: Date {
            get { moment.withLock { $0 } }
            set { moment.withLock { $0 = newValue } }
        }
    }

    private static func date(_ days: Double) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "yyyyMMddHHmmss'Z'"
        return formatter.string(from: Date().addingTimeInterval(days * 86_400))
    }

    private static func dates(_ from: Double, _ to: Double) -> [String] {
        ["-startdate", date(from), "-enddate", date(to)]
    }

    @Test func eachThresholdIsLoggedOnceAndTheEndIsAnError() throws {
        let fixture = try ServerFixture()
        let files = try OpenSSLAuthority(folder: "sordino-expiry")
        try files.issue("server", section: "server", dates: Self.dates(-1, 60))
        try AtomicFile.write(
            "{ tokens: [ { name: \"vera\", role: \"viewer\", sha256: \"\(String(repeating: "a", count: 64))\","
                + " expires: \(Int(Date().timeIntervalSince1970) + 100 * 86_400) } ] }",
            to: files.path("tokens.json5"), mode: 0o600)
        let configuration = try fixture.configuration([
            "server.tls.certificate=\(files.path("server.crt"))",
            "server.tls.key=\(files.path("server.key"))",
        ])
        let (clock, logged, condition) = (Clock(), Logged(), ServerCondition())
        let begin = clock.now
        let console = Console(isTerminal: false) { logged.append($0) }
        let tokens = try AdminTokens(path: files.path("tokens.json5"), now: { clock.now })
        let watch = ExpiryWatch(
            configuration.settings, tokens: tokens, condition: condition,
            log: Logger(level: .debug, format: .json, console: console), now: { clock.now })
        for day in stride(from: 0.0, through: 61, by: 0.25) {
            clock.now = begin.addingTimeInterval(day * 86_400)
            watch.look()
        }
        let lines = try logged.lines().filter { $0["what"] as? String == "server certificate" }
        #expect(lines.compactMap { $0["level"] as? String }.count == 4)
        #expect(lines.last?["message"].map { "\($0)" }?.contains("has expired") == true)
        for line in lines { #expect("\(line["message"] ?? "")".contains("CN=server")) }
        let list = condition.expiries
        #expect(list.map(\.what) == ["server certificate", "authority certificate", "admin token vera"])
        #expect(ServerExpiries.obstacle(list, at: begin) == nil)
        #expect(ServerExpiries.obstacle(list, at: clock.now)?.what == "server certificate")
    }

    @Test(arguments: [("expired", -60.0, -2.0, "has expired"), ("future", 2, 30, "is not valid yet")])
    func aCertificateThatDoesNotCountKeepsTheServerFromStarting(
        name: String, from: Double, to: Double, words: String
    ) throws {
        let fixture = try ServerFixture()
        fixture.stop()
        let files = try OpenSSLAuthority(folder: "sordino-expiry")
        try files.issue("server", section: "server", dates: Self.dates(from, to))
        let changes = [
            "server.tls.certificate=\(files.path("server.crt"))",
            "server.tls.key=\(files.path("server.key"))", "server.tls.ca=\(files.path("authority.crt"))",
        ]
        let failure = #expect(throws: Failure.self) {
            try AggregationServer(
                ServerSetup(fixture.configuration(changes)), log: Logger(level: .error))
        }
        #expect(failure?.exitCode == .network)
        let remedy = name == "expired" ? "sordino certs renew" : "set this host's clock"
        for part in [files.path("server.crt"), "CN=server", words, remedy] {
            #expect(failure?.message.contains(part) == true, "\(failure?.message ?? "none")")
        }
    }

    @Test func aStaleRevocationListIsNotReadyAndRefusesOpenConnections() throws {
        let authority = try TestAuthority.shared.get()
        let lists = try RevocationFiles(authority)
        let fixture = try ServerFixture(["server.tls.crl=\(lists.current)"])
        #expect(try fixture.admin(.get, "/readyz").status == 200)
        let agent = try TestAgent(0, fixture)
        #expect(try agent.checkIn().status != 503)
        try lists.makeStale()
        #expect(
            try fixture.eventually {
                let ready = try fixture.admin(.get, "/readyz")
                return ready.status == 503
                    && String(decoding: ready.body, as: UTF8.self).contains("revocation list has expired")
            })
        // The connection that was made before is asked to come again, not told that it is out.
        #expect(try fixture.eventually { try agent.checkIn().status == 503 })
        fixture.stop()
        let failure = #expect(throws: Failure.self) { try fixture.start() }
        #expect(failure?.exitCode == .network && failure?.message.contains(lists.current) == true)
    }

    @Test func anExpiredTokenIsToldSo() throws {
        let fixture = try ServerFixture()
        let hash = try SHA256.text(of: Array("old-token".utf8))
        let ends = Int(Date().timeIntervalSince1970) - 10
        let good = try SHA256.text(of: Array(ServerFixture.viewerToken.utf8))
        try AtomicFile.write(
            """
            { tokens: [ { name: "old", role: "operator", sha256: "\(hash)", expires: \(ends) },
                        { name: "vera", role: "viewer", sha256: "\(good)" } ] }
            """, to: "\(fixture.folder)/tokens.json5", mode: 0o600)
        let answer = try fixture.admin(.get, "/api/status", token: "old-token")
        #expect(answer.status == 401)
        let body = String(decoding: answer.body, as: UTF8.self)
        #expect(body.contains("the admin token of old has expired") && body.contains("certs admin-token"))
        let login = try fixture.admin(.post, "/login", body: Array("old-token".utf8))
        #expect(login.status == 401 && String(decoding: login.body, as: UTF8.self).contains("has expired"))
        // It is listed beside the certificates, in status and in the metrics.
        #expect(
            try fixture.eventually {
                let status = try fixture.admin(.get, "/api/status", token: ServerFixture.viewerToken)
                let object = try JSONSerialization.jsonObject(with: Data(status.body)) as? [String: Any]
                let list = object?["expiries"] as? [[String: Any]] ?? []
                return list.contains {
                    $0["name"] as? String == "admin token old" && $0["level"] as? String == "expired"
                        && ($0["seconds_left"] as? Int ?? 0) < 0 && $0["not_after"] as? Int == ends
                } && list.contains { $0["name"] as? String == "server certificate" }
            })
        let metrics = try fixture.admin(.get, "/metrics", token: ServerFixture.viewerToken)
        let samples = try PrometheusText(String(decoding: metrics.body, as: UTF8.self))
            .families["sordino_expiry_seconds"]?.samples
        #expect(samples?["sordino_expiry_seconds{what=\"admin token old\"}"] ?? 0 < 0)
        #expect(samples?["sordino_expiry_seconds{what=\"server certificate\"}"] ?? 0 > 86_400)
    }

    @Test func aSessionEndsWithItsToken() throws {
        let fixture = try ServerFixture()
        let login = try fixture.admin(.post, "/login", body: Array(ServerFixture.operatorToken.utf8))
        let cookie = try #require(login.head.headers["set-cookie"]?.split(separator: ";").first)
        let headers: HTTPHeaders = ["Cookie": String(cookie)]
        #expect(try fixture.admin(.get, "/api/status", headers: headers).status == 200)
        try AtomicFile.write("{ tokens: [] }", to: "\(fixture.folder)/tokens.json5", mode: 0o600)
        #expect(try fixture.admin(.get, "/api/status", headers: headers).status == 401)
    }

    @Test func whatAnotherStandsInForIsNoObstacle() {
        let now = Date()
        func expiry(_ kind: Expiry.Kind, _ days: Double, _ subject: String) -> Expiry {
            Expiry(
                kind, "x", path: "p", subject: subject, notBefore: nil,
                notAfter: now.addingTimeInterval(days * 86_400))
        }
        let good = expiry(.serverCertificate, 1, "s")
        #expect(ServerExpiries.obstacle([good, expiry(.intermediate, -1, "i")], at: now) != nil)
        #expect(
            ServerExpiries.obstacle(
                [good, expiry(.intermediate, -1, "i"), expiry(.authority, 1, "i")], at: now) == nil)
        #expect(
            ServerExpiries.obstacle(
                [good, expiry(.authority, -1, "a"), expiry(.authority, 1, "b")], at: now) == nil)
        #expect(ServerExpiries.obstacle([good, expiry(.authority, -1, "a")], at: now) != nil)
        let stale = ServerExpiries.obstacle([good, expiry(.revocationList, -1, "a")], at: now)
        #expect(stale?.kind == .revocationList)
        #expect(
            ServerExpiries.obstacle(
                [good, expiry(.revocationList, -1, "a"), expiry(.revocationList, 1, "a")], at: now) == nil)
        #expect(ServerExpiries.obstacle([good, expiry(.adminToken, -1, "t")], at: now) == nil)
    }
}

/// Revocation lists of the test authority: one that counts, and one that no longer does.
private struct RevocationFiles {
    let current: String
    private let stale: String

    init(_ authority: TestAuthority) throws {
        let name = "crl-\(UUID().uuidString)"
        current = authority.path("\(name).pem")
        stale = authority.path("\(name)-stale.pem")
        try authority.writeRevocations("\(name).pem")
        try authority.writeRevocations("\(name)-stale.pem", from: "20200101000000Z", to: "20200201000000Z")
    }

    /// Puts the stale list in the place of the good one.
    func makeStale() throws {
        try AtomicFile.write([UInt8](Data(contentsOf: URL(fileURLWithPath: stale))), to: current)
    }
}
