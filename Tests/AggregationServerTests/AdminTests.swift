import Configuration
import Foundation
import HTTPWire
import Messages
import TestSupport
import Testing
import Transport

@testable import AggregationServer

@Suite struct AdminTests {
    private func word(_ response: ClientResponse, _ key: String) throws -> String? {
        let object = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
        return object?[key] as? String
    }

    @Test func letsEachRoleDoItsOwn() throws {
        let fixture = try ServerFixture()
        #expect(try fixture.admin(.get, "/healthz").status == 200)
        #expect(try fixture.admin(.get, "/readyz").status == 200)
        for path in ["/api/status", "/metrics", "/api/agents", "/api/events"] {
            #expect(try fixture.admin(.get, path).status == 401)
            #expect(try fixture.admin(.get, path, token: "guess").status == 401)
        }
        for path in ["status", "rounds", "agents", "ledger", "models"] {
            #expect(try fixture.admin(.get, "/api/\(path)", token: ServerFixture.viewerToken).status == 200)
        }
        for action in ["pause", "resume", "stop", "agents/0/revoke"] {
            #expect(
                try fixture.admin(.post, "/api/\(action)", token: ServerFixture.viewerToken).status == 403)
            #expect(try fixture.admin(.post, "/api/\(action)").status == 401)
        }
        let metrics = try fixture.admin(.get, "/metrics", token: ServerFixture.viewerToken)
        #expect(String(decoding: metrics.body, as: UTF8.self).contains("sordino_check_ins_total 0"))
    }

    @Test func measuresEverythingThatOperatorsWatch() throws {
        let fixture = try ServerFixture(["task.rounds=1"])
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let plans = try agents.map { try $0.plan() }
        let report = FailureReport(run: plans[0].run, reason: .training, detail: "a \"quoted\" \\ reason")
        let path = AgentProtocol.paths.failure(round: 1)
        let gaveUp = try agents[0].client.exchange(
            ClientRequest(.post, path, body: .bytes(report.encoded())))
        #expect(gaveUp.status == 204)
        for place in 1..<3 {
            #expect(try agents[place].send(agents[place].body(plans[place]), round: 1).status == 202)
        }
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        let answer = try fixture.admin(.get, "/metrics", token: ServerFixture.viewerToken)
        let metrics = try PrometheusText(String(decoding: answer.body, as: UTF8.self)).families
        for name in [
            "rounds_total", "round_seconds", "round", "reports_total", "report_bytes_total",
            "request_bytes_total",
            "response_bytes_total", "handshakes_total", "handshake_seconds", "request_seconds",
            "epsilon_spent",
            "epsilon_server_spent", "owner_queue", "spool_queue", "check_ins_held", "resident_bytes",
            "resident_peak_bytes", "agents_known", "agents_present", "agent_failures_total", "connections",
            "storage_failures_total", "open_reports", "accuracy", "loss",
        ] { #expect(metrics["sordino_\(name)"] != nil, "\(name)") }
        #expect(
            metrics["sordino_rounds_total"]?.samples == ["sordino_rounds_total{outcome=\"published\"}": 1])
        #expect(metrics["sordino_agent_failures_total"]?.samples.map(\.value) == [1])
        #expect(metrics["sordino_request_bytes_total"]?.samples.allSatisfy { $0.value > 0 } == true)
        #expect(metrics["sordino_resident_bytes"]?.samples.allSatisfy { $0.value > 0x100000 } == true)
        // What happened in the round is in the log under its number, what an agent asked for under the request's name.
        let lines = try fixture.logged.lines()
        for message in ["round opened", "agent gave up", "round published"] {
            let line = try #require(lines.first { $0["message"] as? String == message }, "\(message)")
            #expect(line["round"] as? Int == 1)
        }
        let requests = lines.filter { $0["message"] as? String == "request" }.map { $0["request"] as? String }
        #expect(requests.count >= 8 && !requests.contains(nil) && Set(requests).count == requests.count)
        let failure = try #require(lines.first { $0["message"] as? String == "agent gave up" })
        #expect(requests.contains(failure["request"] as? String))
        let secrets = [ServerFixture.viewerToken, ServerFixture.operatorToken, "PRIVATE KEY", "Bearer"]
        for secret in secrets { #expect(!fixture.logged.whole.contains(secret)) }
        fixture.stop()
        try fixture.start()
        let later = try fixture.admin(.get, "/metrics", token: ServerFixture.viewerToken)
        let restored = try PrometheusText(String(decoding: later.body, as: UTF8.self)).families
        #expect(restored["sordino_round"]?.samples["sordino_round"] == 1)
    }

    /// The server remembers none of these rounds: they are on disk only.
    @Test func roundsOfLongAgoAreToldByNumber() throws {
        let fixture = try ServerFixture()
        let state = try fixture.state
        for file in RoundSegmentTests.rounds(1...300) { try state.write(file) }
        try state.archive.moveIntoSegment(1...256)
        func ask(_ query: [(String, String)]) throws -> ClientResponse {
            let token = "Bearer \(ServerFixture.viewerToken)"
            return try fixture.client(nil, port: fixture.server?.adminPort).exchange(
                ClientRequest(.get, "/api/rounds", query: query, headers: ["Authorization": token]))
        }
        func numbers(_ query: [(String, String)]) throws -> [Int] {
            let answer = try JSONSerialization.jsonObject(with: Data(ask(query).body)) as? [[String: Any]]
            return try #require(answer).compactMap { $0["round"] as? Int }
        }
        #expect(try numbers([]) == [], "of the newest only those of this run are told")
        #expect(try numbers([("from", "250"), ("to", "260")]) == Array(250...260))
        #expect(try numbers([("from", "290")]) == Array(290...300))
        #expect(try numbers([("from", "1"), ("limit", "3")]) == [1, 2, 3])
        #expect(try numbers([("to", "7"), ("limit", "3")]) == [5, 6, 7])
        #expect(try numbers([("from", "301")]) == [])
        for query in [[("from", "0")], [("from", "x")], [("to", "-1")], [("from", "3"), ("to", "2")]] {
            #expect(try ask(query).status == 400)
        }
        let stored = try StoredRounds.answer(#require(RoundQuestion(from: 250, through: 260)), in: state.path)
        #expect(
            try JSONValue(json5: ask([("from", "250"), ("to", "260")]).body, source: "server") == stored)
        try Data().write(to: URL(fileURLWithPath: state.archive.segmentPath(1...256)))
        #expect(try ask([("from", "250")]).status == 503)
    }

    /// The dashboard and the README go by these names.
    @Test func namesStayAsTheyAre() throws {
        let fixture = try ServerFixture()
        let answer = try fixture.admin(.get, "/api/status", token: ServerFixture.viewerToken)
        let status = try #require(JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
        for name in [
            "agents_known", "agents_present", "check_ins_held", "cohort_size", "healthy", "last_round",
            "minimum_reports", "model_sha256", "privacy_mode", "rounds_planned", "rounds_published", "run",
            "state",
            "stopping", "task", "task_sha256", "version",
        ] { #expect(status[name] != nil, "\(name)") }
    }

    @Test func pausesResumesAndStopsForGood() throws {
        let fixture = try ServerFixture()
        let token = ServerFixture.operatorToken
        #expect(try word(fixture.admin(.post, "/api/pause", token: token), "state") == "paused")
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { #expect(try agent.checkIn().status == 204) }
        fixture.stop()
        try fixture.start()
        #expect(try word(fixture.admin(.get, "/api/status", token: token), "state") == "paused")
        #expect(try word(fixture.admin(.post, "/api/resume", token: token), "state") == "active")
        _ = try fixture.admin(.post, "/api/stop", token: token)
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        #expect(try fixture.admin(.post, "/api/pause", token: token).status == 409)
        let lines = try String(contentsOfFile: fixture.state.ledger, encoding: .utf8)
        #expect(lines.contains("otto") && lines.contains("pause") && lines.contains("stop"))
    }

    @Test func shutsAnAgentOut() throws {
        let fixture = try ServerFixture()
        let agent = try TestAgent(0, fixture)
        #expect(try agent.checkIn().status == 204)
        #expect(
            try fixture.admin(.post, "/api/agents/9/revoke", token: ServerFixture.operatorToken).status == 404
        )
        #expect(
            try fixture.admin(.post, "/api/agents/0/revoke", token: ServerFixture.operatorToken).status == 200
        )
        #expect(try agent.checkIn().status == 403)
        fixture.stop()
        try fixture.start()
        #expect(try TestAgent(0, fixture).checkIn().status == 403)
    }

    @Test func sessionsNeedTheirSecondSecretToAct() throws {
        let fixture = try ServerFixture()
        #expect(try fixture.admin(.post, "/login", body: Array("guess".utf8)).status == 401)
        let login = try fixture.admin(.post, "/login", body: Array(ServerFixture.operatorToken.utf8))
        #expect(login.status == 200)
        let cookie = try #require(login.head.headers["set-cookie"])
        for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
            #expect(cookie.contains(attribute))
        }
        let pair = String(cookie.prefix { $0 != ";" })
        let secret = try #require(try word(login, "csrf"))
        #expect(try fixture.admin(.get, "/api/status", headers: ["Cookie": pair]).status == 200)
        #expect(try fixture.admin(.post, "/api/pause", headers: ["Cookie": pair]).status == 403)
        #expect(
            try fixture.admin(.post, "/api/pause", headers: ["Cookie": pair, "X-CSRF-Token": "guess"]).status
                == 403)
        #expect(
            try fixture.admin(.post, "/api/pause", headers: ["Cookie": pair, "X-CSRF-Token": secret]).status
                == 200)
    }

    @Test(arguments: [
        ("Origin", "https://evil.example"), ("Origin", "null"), ("Origin", "http://HOST"),
        ("Origin", "https://127.0.0.1:1"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"),
    ]) func anotherSitesPageMayDoNothing(header: String, value: String) throws {
        let fixture = try ServerFixture()
        let host = "127.0.0.1:\(fixture.server?.adminPort ?? 0)"
        let token = ServerFixture.operatorToken
        for path in ["/api/pause", "/api/stop", "/login"] {
            let answer = try fixture.admin(
                .post, path, token: token,
                headers: [header: value.replacingOccurrences(of: "HOST", with: host)],
                body: Array(token.utf8))
            #expect(answer.status == 403)
            #expect(answer.head.headers["set-cookie"] == nil)
        }
        #expect(try word(fixture.admin(.get, "/api/status", token: token), "state") == "active")
        let own: HTTPHeaders = ["Origin": "https://\(host)", "Sec-Fetch-Site": "same-origin"]
        #expect(try fixture.admin(.post, "/api/pause", token: token, headers: own).status == 200)
    }

    @Test func aViewerLogsOutAndHisCookieIsDead() throws {
        let fixture = try ServerFixture()
        let login = try fixture.admin(.post, "/login", body: Array(ServerFixture.viewerToken.utf8))
        let cookie = try #require(login.head.headers["set-cookie"]).prefix { $0 != ";" }
        let secret = try #require(try word(login, "csrf"))
        let session: HTTPHeaders = ["Cookie": String(cookie), "X-CSRF-Token": secret]
        #expect(try fixture.admin(.post, "/api/logout", headers: ["Cookie": String(cookie)]).status == 403)
        #expect(try fixture.admin(.get, "/api/status", headers: session).status == 200)
        #expect(try fixture.admin(.post, "/api/logout", headers: session).status == 204)
        #expect(try fixture.admin(.get, "/api/status", headers: session).status == 401)
    }

    @Test func pagesForbidForeignContent() throws {
        let fixture = try ServerFixture()
        for path in ["/", "/dashboard.js", "/dashboard.css", "/dashboard.svg"] {
            let page = try fixture.admin(.get, path)
            #expect(page.status == 200 && !page.body.isEmpty)
            #expect(
                page.head.headers["content-security-policy"]?.hasPrefix(
                    "default-src 'none'; script-src 'self'") == true)
            let text = String(decoding: page.body, as: UTF8.self)
            for forbidden in [
                "innerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://", "https://",
            ] {
                // The icon names its format, which no browser fetches.
                let text = text.replacingOccurrences(of: "http://www.w3.org/2000/svg", with: "")
                #expect(!text.contains(forbidden))
            }
        }
    }
}
