import Custody
import Foundation
import HTTPWire
import Ledger
import Operations
import TestSupport
import Testing
import Transport

@testable import AggregationServer

/// Who may do what at the admin listener, and what the audit log has of it.
@Suite struct PeopleRoutesTests {
    private static let tokens = [
        "vera": ServerFixture.viewerToken, "rita": ServerFixture.researcherToken,
        "adam": ServerFixture.auditorToken, "otto": ServerFixture.operatorToken,
    ]

    private struct Case: Sendable, CustomTestStringConvertible {
        let method: HTTPMethod
        let path: String
        /// Those who may; all others get 403.
        let who: Set<String>
        var testDescription: String { path }
    }

    private static let cases = [
        Case(method: .get, path: "/api/status", who: ["vera", "adam", "otto"]),
        Case(method: .get, path: "/api/ledger", who: ["vera", "adam", "otto"]),
        Case(method: .get, path: "/api/models", who: ["vera", "adam", "otto"]),
        Case(method: .get, path: "/metrics", who: ["vera", "adam", "otto"]),
        Case(method: .get, path: "/api/session", who: ["vera", "rita", "adam", "otto"]),
        Case(method: .get, path: "/api/audit", who: ["adam", "otto"]),
        Case(method: .get, path: "/api/tokens", who: ["otto"]),
        Case(method: .post, path: "/api/pause", who: ["otto"]),
        Case(method: .post, path: "/api/resume", who: ["otto"]),
        Case(method: .post, path: "/api/tokens/nobody/revoke", who: ["otto"]),
        Case(method: .post, path: "/api/tokens/nobody/rotate", who: ["otto"]),
        Case(method: .post, path: "/api/agents/0/revoke", who: ["otto"]),
    ]

    private func entries(_ fixture: ServerFixture) throws -> [AuditEntry] {
        let bytes = try #require(try StoredFile.bytes(at: "\(fixture.folder)/state/audit.jsonl"))
        let key = try #require(try fixture.state.signingKey.read())
        var entries: [AuditEntry] = []
        let verdict = SignedLogReading<AuditEntry>(log: "audit", key: key.publicKey).read(bytes) { line, _ in
            entries.append(line.entry)
            return nil
        }
        #expect(verdict.findings.isEmpty)
        return entries
    }

    @Test func eachRoleDoesItsOwnAndTheLogHasIt() throws {
        let fixture = try ServerFixture()
        for test in Self.cases {
            #expect(try fixture.admin(test.method, test.path).status == 401, "\(test.path)")
            for (name, token) in Self.tokens {
                let status = try fixture.admin(test.method, test.path, token: token).status
                let isAllowed = test.who.contains(name)
                #expect((status != 403 && status != 401) == isAllowed, "\(name) \(test.path): \(status)")
            }
        }
        fixture.stop()
        let entries = try entries(fixture)
        #expect(entries.first?.action == "start" && entries.last?.action == "end")
        for test in Self.cases where test.method == .post {
            for name in Self.tokens.keys {
                let words = test.path.split(separator: "/").dropFirst().map(String.init)
                let action = words.count == 3 ? "\(words[0]) \(words[2])" : words[0]
                let outcomes = entries.filter { $0.name == name && $0.action == action }.map(\.outcome)
                guard test.who.contains(name) else {
                    #expect(outcomes == [.refused(403)], "\(name) \(action)")
                    continue
                }
                #expect(outcomes.count == 2 && outcomes[0] == .begun, "\(name) \(action): \(outcomes)")
                let isInVain = words.count == 3
                #expect(outcomes.last == (isInVain ? .failed(404) : .done(200)), "\(name) \(action)")
            }
        }
        // What nobody known tries is counted: one line for the first, one for all others.
        let unknown = entries.filter { $0.name == nil }
        #expect(unknown.map { $0.count ?? 1 } == [1, Self.cases.count - 1])
        #expect(unknown.allSatisfy { $0.from == "127.0.0.1" && $0.outcome == .refused(401) })
    }

    @Test func theLogIsFetchedAsItIs() throws {
        let fixture = try ServerFixture()
        for _ in 0..<300 {
            _ = try fixture.admin(.post, "/api/pause", token: ServerFixture.operatorToken)
        }
        func fetch(_ query: [(String, String)]) throws -> ClientResponse {
            try fixture.client(nil, port: fixture.server?.adminPort).exchange(
                ClientRequest(
                    .get, "/api/audit", query: query,
                    headers: ["Authorization": "Bearer \(ServerFixture.auditorToken)"]))
        }
        let file = try #require(try StoredFile.bytes(at: "\(fixture.folder)/state/audit.jsonl"))
        let lines = file.split(separator: 0x0A).map { Array($0 + [0x0A]) }
        #expect(lines.count == 601)
        #expect(try fetch([]).body == file)
        for (from, to) in [(1, 1), (256, 257), (257, 512), (513, 600), (600, 9999), (601, 601)] {
            let expected = lines[(from - 1)..<min(to, lines.count)].flatMap { $0 }
            #expect(try fetch([("from", "\(from)"), ("to", "\(to)")]).body == expected, "\(from)-\(to)")
        }
        #expect(try fetch([("from", "602")]).body.isEmpty)
        #expect(try fetch([("from", "\(Int.max)")]).body.isEmpty)
        for bad in [[("from", "0")], [("from", "x")], [("from", "3"), ("to", "2")], [("to", "-1")]] {
            #expect(try fetch(bad).status == 400)
        }
    }

    @Test func aRevokedTokenAndItsSessionsEndAtOnce() throws {
        let fixture = try ServerFixture()
        let otto = ServerFixture.operatorToken
        let login = try fixture.admin(.post, "/login", body: Array(ServerFixture.viewerToken.utf8))
        let cookie = try #require(login.head.headers["set-cookie"]).prefix { $0 != ";" }
        let session: HTTPHeaders = ["Cookie": String(cookie)]
        #expect(try fixture.admin(.get, "/api/status", headers: session).status == 200)
        #expect(try fixture.admin(.post, "/api/tokens/vera/revoke", token: otto).status == 200)
        #expect(try fixture.admin(.get, "/api/status", headers: session).status == 401)
        #expect(try fixture.admin(.get, "/api/status", token: ServerFixture.viewerToken).status == 401)
        #expect(try fixture.admin(.post, "/login", body: Array(ServerFixture.viewerToken.utf8)).status == 401)
        #expect(try fixture.admin(.post, "/api/tokens/vera/revoke", token: otto).status == 404)
        let listed = try fixture.admin(.get, "/api/tokens", token: otto)
        let text = String(decoding: listed.body, as: UTF8.self)
        #expect(text.contains("rita") && !text.contains("vera") && !text.contains("sha256"))
    }

    /// A dashboard that is open hears nothing more once its token is gone.
    @Test func aRevokedTokensStreamEnds() throws {
        let fixture = try ServerFixture()
        let request = ClientRequest(
            .get, "/api/events", headers: ["Authorization": "Bearer \(ServerFixture.viewerToken)"])
        let held = try HeldRequest(
            fixture.client(nil, port: fixture.server?.adminPort), request, first: .max)
        #expect(stays(for: 0.5) { true })
        fixture.server?.keepAlive()
        let revoked = try fixture.admin(
            .post, "/api/tokens/vera/revoke", token: ServerFixture.operatorToken)
        #expect(revoked.status == 200)
        fixture.server?.keepAlive()
        #expect(try held.finish()?.status == 200, "the answer ends, or this waits in vain")
    }

    @Test func whoActsTooOftenIsToldToWait() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client(nil, port: fixture.server?.adminPort)
        let login = ClientRequest(.post, "/login", body: .bytes(Array(ServerFixture.viewerToken.utf8)))
        var statuses: [Int] = []
        for _ in 0..<1200 where statuses.last != 429 { statuses.append(try client.exchange(login).status) }
        #expect(statuses.last == 429 && statuses.count > Int(ActionPace.burst))
        #expect(try fixture.admin(.post, "/api/pause", token: ServerFixture.operatorToken).status == 200)
        #expect(try fixture.admin(.get, "/api/status", token: ServerFixture.viewerToken).status == 200)
    }

    /// The new token is told once, in an answer that nobody keeps; the old one, and a replay by it, do nothing.
    @Test func aTokenIsRotatedFromAfar() throws {
        let fixture = try ServerFixture()
        let rotated = try fixture.admin(
            .post, "/api/tokens/otto/rotate", token: ServerFixture.operatorToken)
        #expect(rotated.status == 200 && rotated.head.headers["cache-control"] == "no-store")
        let answer = try JSONSerialization.jsonObject(with: Data(rotated.body)) as? [String: Any]
        let token = try #require(answer?["token"] as? String)
        let replay = try fixture.admin(
            .post, "/api/tokens/otto/rotate", token: ServerFixture.operatorToken)
        #expect(replay.status == 401)
        #expect(try fixture.admin(.post, "/api/pause", token: token).status == 200)
        fixture.stop()
        let log = try #require(try StoredFile.bytes(at: "\(fixture.folder)/state/audit.jsonl"))
        #expect(!String(decoding: log, as: UTF8.self).contains(token))
        #expect(!fixture.logged.whole.contains(token))
        // The server's own line says that the file changed.
        #expect(
            try entries(fixture).contains { $0.action == "tokens" && $0.object?.contains("otto") == true })
    }

    @Test func sessionsNeedTheirSecondSecretHere() throws {
        let fixture = try ServerFixture()
        let login = try fixture.admin(.post, "/login", body: Array(ServerFixture.operatorToken.utf8))
        let cookie = try #require(login.head.headers["set-cookie"]).prefix { $0 != ";" }
        for path in ["/api/tokens/vera/revoke", "/api/tokens/vera/rotate"] {
            for headers: HTTPHeaders in [
                ["Cookie": String(cookie)], ["Cookie": String(cookie), "X-CSRF-Token": "guess"],
                ["Cookie": String(cookie), "Origin": "https://evil.example"],
            ] { #expect(try fixture.admin(.post, path, headers: headers).status == 403) }
        }
        #expect(try fixture.admin(.get, "/api/status", token: ServerFixture.viewerToken).status == 200)
    }

    /// Scopes narrow a token, and the change counts from the next request on.
    @Test func aTokenIsNarrowedWithoutARestart() throws {
        let fixture = try ServerFixture()
        let file = AdminTokenFile("\(fixture.folder)/tokens.json5")
        let made = try file.add(
            name: "robot", role: .operator, scopes: [.measure], expires: Date().addingTimeInterval(60))
        #expect(try fixture.admin(.get, "/metrics", token: made.token).status == 200)
        for path in ["/api/status", "/api/tokens", "/api/audit", "/api/events"] {
            #expect(try fixture.admin(.get, path, token: made.token).status == 403)
        }
        #expect(try fixture.admin(.post, "/api/pause", token: made.token).status == 403)
        #expect(try file.remove(name: "robot"))
        #expect(try fixture.admin(.get, "/metrics", token: made.token).status == 401)
    }

    @Test(arguments: ["removed", "grown", "cut"]) func whatCannotBeWrittenDownIsNotDone(how: String) throws {
        let fixture = try ServerFixture()
        let path = "\(fixture.folder)/state/audit.jsonl"
        let whole = try #require(try StoredFile.bytes(at: path))
        switch how {
        case "removed": try FileManager.default.removeItem(atPath: path)
        case "grown": try AppendOnlyFile(path: path).append([0x0A])
        default: try AppendOnlyFile(path: path).truncate(to: whole.count - 5)
        }
        let token = ServerFixture.operatorToken
        for action in ["pause", "stop", "agents/0/revoke", "tokens/vera/revoke"] {
            #expect(try fixture.admin(.post, "/api/\(action)", token: token).status == 503)
        }
        #expect(try fixture.admin(.post, "/login", body: Array(token.utf8)).status == 503)
        #expect(try fixture.admin(.get, "/api/status", token: ServerFixture.viewerToken).status == 200)
        let status = try fixture.admin(.get, "/api/status", token: token)
        #expect(String(decoding: status.body, as: UTF8.self).contains("\"state\":\"active\""))
        #expect(fixture.logged.whole.contains("the audit log cannot be written"))
        fixture.stop()
        let failure = try #require(throws: Failure.self) { try fixture.start() }
        #expect(failure.exitCode == .storage && failure.message.contains("audit.jsonl"), "\(failure)")
    }

    /// A server of an earlier version left no such log; one whose log was torn by a crash goes on.
    @Test func aTornLineIsMendedAtTheStart() throws {
        let fixture = try ServerFixture()
        fixture.stop()
        let path = "\(fixture.folder)/state/audit.jsonl"
        let whole = try #require(try StoredFile.bytes(at: path))
        try AppendOnlyFile(path: path).append(Array(whole.prefix(70)))
        try fixture.start()
        fixture.stop()
        #expect(try entries(fixture).map(\.action) == ["start", "end", "start", "end"])
        for name in ["audit.jsonl", "audit.head", "signing.key"] {
            try FileManager.default.removeItem(atPath: "\(fixture.folder)/state/\(name)")
        }
        try fixture.start()
        fixture.stop()
        #expect(try entries(fixture).map(\.action) == ["start", "end"])
    }

    @Test func theLogMayLieElsewhere() throws {
        let elsewhere = try TemporaryFolders.make("audit") + "/log.jsonl"
        let fixture = try ServerFixture(["server.audit={file:\"\(elsewhere)\",syslog:true}"])
        #expect(try fixture.admin(.post, "/api/pause", token: ServerFixture.operatorToken).status == 200)
        fixture.stop()
        let reading = try AuditReading("\(fixture.folder)/state", file: elsewhere)
        #expect(reading.verdict.isSound && reading.verdict.lineCount == 4)
        #expect(reading.text(2...2).contains("\"action\":\"pause\""))
        #expect(throws: Failure.self) { try AuditReading("\(fixture.folder)/state") }
    }

    @Test(arguments: [
        ("/api/pause", "pause", nil), ("/api/agents/7/revoke", "agents revoke", "7"),
        ("/api/runs", "runs", nil), ("/api/runs/a/agents/7/revoke", "runs agents revoke", "a/7"),
        ("/api/registry/t/promote?label=production", "registry promote", "t?label=production"),
        ("/login", "login", nil), ("/", "/", nil),
        ("/x?t=\(String(repeating: "s", count: 65))", "x", "?t=…"),
    ]) func pathsAreNamedInWords(path: String, action: String, object: String?) throws {
        let words = AuditWords(try RequestTarget(parsing: Array(path.utf8)[...]))
        #expect(words.action == action && words.object == object)
    }
}
