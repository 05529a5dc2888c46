import Foundation
import HTTPWire
import Messages
import Operations
import TestSupport
import Testing
import Transport

@testable import AggregationServer

/// What the dashboard's page asks of its server, and what it is told.
@Suite struct DashboardTests {
    private func object(_ response: ClientResponse) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
    }

    private func snapshot(_ fixture: ServerFixture, _ headers: HTTPHeaders = [:]) throws -> [String: Any] {
        try object(fixture.admin(.get, "/api/dashboard", token: ServerFixture.viewerToken))
    }

    /// One answer holds what five did, under the same names, and the moment that all of it is of.
    @Test func everyPanelIsOfOneMoment() throws {
        let fixture = try ServerFixture(["task.rounds=1"])
        #expect(try fixture.admin(.get, "/api/dashboard").status == 401)
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let plans = try agents.map { try $0.plan() }
        let report = FailureReport(run: plans[0].run, reason: .training, detail: "a secret of the site")
        _ = try agents[0].client.exchange(
            ClientRequest(.post, AgentProtocol.paths.failure(round: 1), body: .bytes(report.encoded())))
        for place in 1..<3 {
            #expect(try agents[place].send(agents[place].body(plans[place]), round: 1).status == 202)
        }
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        let view = try snapshot(fixture)
        for (name, path) in [
            ("status", "status"), ("rounds", "rounds"), ("agents", "agents"), ("ledger", "ledger"),
            ("models", "models"),
        ] {
            let answer = try fixture.admin(.get, "/api/\(path)", token: ServerFixture.viewerToken)
            let alone = try JSONSerialization.jsonObject(with: Data(answer.body))
            #expect(view[name] != nil)
            if name == "agents" {
                // The page has those seen last in front.
                let names = (view[name] as? [[String: Any]])?.compactMap { $0["name"] as? String }
                let others = (alone as? [[String: Any]])?.compactMap { $0["name"] as? String }
                #expect(names?.sorted() == others?.sorted() && names?.count == 3)
            } else if name != "status" {
                #expect((view[name] as? NSObject) == (alone as? NSObject), "\(name)")
            }
        }
        let at = try #require(view["at"] as? Double)
        #expect(abs(at - Date().timeIntervalSince1970) < 60)
        let plan = try #require(view["plan"] as? [String: Any])
        #expect(plan["task"] as? String == "test" && plan["rounds"] as? Int == 1)
        #expect(plan["privacy_mode"] as? String == "none" && plan["cohort_size"] as? Int == 3)
        #expect(plan["strategy"] as? String == "fedavg" && plan["parameters"] as? Int == 8)

        let events = try #require(view["events"] as? [[String: Any]])
        let texts = events.compactMap { $0["text"] as? String }
        for text in [
            "agent joined: ", "round opened", "agent gave up: training", "round published", "run finished: ",
        ] {
            #expect(texts.contains { $0.hasPrefix(text) }, "\(text): \(texts)")
        }
        // Neither who was in a round nor what an agent wrote.
        #expect(!texts.contains { $0.contains("a secret of the site") })
        #expect(!texts.contains { $0.hasPrefix("agent gave up") && $0.contains("agent-") })
        let times = events.compactMap { $0["time"] as? Double }
        #expect(times == times.sorted(by: >) && times.count == events.count)
        // Programs that go by the former paths read what they did.
        #expect((view["status"] as? [String: Any])?["finished"] as? String != nil)
    }

    /// After log-out the cookie, should a browser still send it, does not stand in the way of the words.
    @Test(arguments: [false, true]) func aWrongTokenIsToldInWordsAfterLogOut(sendsCookie: Bool) throws {
        let fixture = try ServerFixture()
        let login = try fixture.admin(.post, "/login", body: Array(ServerFixture.viewerToken.utf8))
        let cookie = String(try #require(login.head.headers["set-cookie"]).prefix { $0 != ";" })
        let secret = try #require(try object(login)["csrf"] as? String)
        #expect(try fixture.admin(.get, "/api/dashboard", headers: ["Cookie": cookie]).status == 200)
        let out = try fixture.admin(
            .post, "/api/logout", headers: ["Cookie": cookie, "X-CSRF-Token": secret])
        // The browser is told to forget the cookie.
        let cleared = try #require(out.head.headers["set-cookie"])
        #expect(out.status == 204 && cleared.hasPrefix("__Host-sordino=;") && cleared.contains("Max-Age=0"))
        let headers: HTTPHeaders = sendsCookie ? ["Cookie": cookie] : [:]
        for _ in 0..<2 {
            let wrong = try fixture.admin(.post, "/login", headers: headers, body: Array("guess".utf8))
            #expect(wrong.status == 401 && wrong.head.headers["set-cookie"] == nil)
            #expect(try object(wrong)["detail"] as? String == "this token is not known")
            #expect(wrong.head.headers["content-type"]?.hasPrefix("application/json") == true)
        }
        let right = try fixture.admin(
            .post, "/login", headers: headers, body: Array(ServerFixture.viewerToken.utf8))
        #expect(right.status == 200 && right.head.headers["set-cookie"]?.hasPrefix(cookie) == false)
    }

    /// The script shows what it is told, and knows the page's elements by their names.
    @Test func pageAndScriptAgree() throws {
        let ids = Dashboard.page.matches(of: /id="([a-z-]+)"/).map { String($0.1) }
        #expect(Set(ids).count == ids.count)
        let used = Dashboard.script.matches(of: /byId\("([a-z-]+)"\)/).map { String($0.1) }
        let filled = Dashboard.script.matches(of: /(?:fill|define)\("([a-z-]+)"/).map { String($0.1) }
        #expect(used.count > 20 && Set(used + filled).subtracting(ids).isEmpty)
        // One question feeds all panels of a run, one tells which runs there are.
        let asked = Dashboard.script.matches(of: /get\("(\/api\/[a-z]+)"/).map { String($0.1) }
        #expect(asked.sorted() == ["/api/registry", "/api/runs", "/api/session", "/api/tokens"])
        #expect(Dashboard.script.contains("get(base() + \"dashboard\""))
        for words in ["words(answer)", "The session has ended", "The server does not answer"] {
            #expect(Dashboard.script.contains(words))
        }
        // Every field and table has a name for those who do not see it.
        #expect(Dashboard.page.contains("<label for=\"token\">"))
        let scrolling = Dashboard.page.matches(of: /<div class="scroll[^>]*>/).map { String($0.0) }
        #expect(scrolling.count == 8)
        #expect(scrolling.allSatisfy { $0.contains("tabindex=\"0\"") && $0.contains("aria-label=") })
    }

    @Test func errorsAreToldInTheUnitOfTheData() throws {
        let fixture = try ServerFixture()
        let rows = (0..<8).map { "\($0),1,2,\(100 * $0)" }.joined(separator: "\n")
        try AtomicFile.write("a,b,c,y\n\(rows)\n", to: "\(fixture.folder)/holdout.csv")
        let served = try ServerFixture([
            "task.rounds=1", "task.evaluation.holdout=server", "task.model.layers=[{ dense: 1 }]",
            "server.input_shape=null", "server.preprocessing=null",
            "server.data={ format: \"csv\", path: \"\(fixture.folder)/holdout.csv\", label: \"y\", task: \"regression\","
                + " normalize_label: \"standardize\" }",
        ])
        let agents = try (0..<3).map { try TestAgent($0, served) }
        for agent in agents { _ = try agent.checkIn() }
        for agent in agents { _ = try agent.send(agent.body(agent.plan()), round: 1) }
        #expect(try served.eventually { try served.state.run()?.finished != nil })
        let view = try snapshot(served)
        let round = try #require((view["rounds"] as? [[String: Any]])?.last)
        let rmse = try #require(round["rmse"] as? Double)
        // Standard deviation of the targets: 229; an untrained model is off by about as much.
        #expect(rmse > 10 && round["mae"] as? Double ?? 0 > 1 && round["r2"] as? Double != nil)
        let status = try #require(view["status"] as? [String: Any])
        #expect(status["rmse"] as? Double == rmse && status["accuracy"] == nil)
        #expect(try served.state.round(1)?.rmse == rmse)
    }
}

@Suite struct RecentEventsTests {
    private func logger(_ events: RecentEvents, level: Logger.Level = .error) -> Logger {
        Logger(level: level, console: Console(isTerminal: false) { _ in }).overheard { events.note($0) }
    }

    @Test func onlyWhatConcernsTheRunIsKeptTheNewestFirst() {
        let events = RecentEvents()
        let log = logger(events).with(["round": .integer(3)])
        log.debug("round opened")
        log.info("serving", ["agents": .integer(1)])
        log.info("round opened")
        log.info("agent gave up", ["agent": "hospital-1", "reason": "training", "detail": "<b>"])
        log.info("agent joined", ["agent": "hospital-2"])
        log.warning("the disk is nearly full", ["reason": "2 % left"])
        #expect(
            events.newestFirst.map(\.text) == [
                "the disk is nearly full: 2 % left", "agent joined: hospital-2", "agent gave up: training",
                "round opened",
            ])
        #expect(events.newestFirst.map(\.kind) == [.warning, .join, .drop, .round])
        #expect(events.newestFirst.allSatisfy { $0.round == 3 && $0.count == 1 && $0.time > 0 })
    }

    @Test func repetitionsAreCountedAndLongTextsCut() {
        let events = RecentEvents()
        for _ in 0..<1000 { logger(events).warning("\(String(repeating: "x", count: 5000))") }
        #expect(events.newestFirst.count == 1 && events.newestFirst.first?.count == 1000)
        #expect(events.newestFirst.first?.text.count == 200)
    }

    /// Neither whoever knocks at the port all day nor fast rounds push the others out.
    @Test func everyKindHasItsRoom() {
        let events = RecentEvents()
        let log = logger(events)
        log.info("agent joined", ["agent": "hospital-1"])
        for number in 0..<500 {
            log.warning("handshake refused", ["reason": "bad \(number)"])
            log.info("round opened", ["round": .integer(number)])
            log.info("round published", ["round": .integer(number)])
        }
        #expect(events.newestFirst.count == 1 + 3 * RecentEvents.most)
        #expect(events.newestFirst.last?.text == "agent joined: hospital-1")
        #expect(events.newestFirst.first?.text == "round published")
        #expect(events.newestFirst.first?.round == 499)
        #expect(events.newestFirst.contains { $0.text == "handshake refused: bad 499" })
    }
}
