internal import Cryptography
internal import Foundation
internal import HTTPWire
internal import Messages
internal import Operations
internal import Transport

/// Answers the admin listener. Bearer tokens for programs; for browsers a session cookie, whose actions also need
/// the session's second secret, which another site cannot read.
final class AdminRouter: HTTPHandler {
    private let mailbox: OwnerMailbox
    private let board: RoundBoard
    private let people: AdminRecogniser
    private let audit: AuditLog
    private let peopleRoutes: PeopleRoutes
    private let registryRoutes: RegistryRoutes
    private let events: EventHub
    private let state: StateDirectory
    private let measure: @Sendable () -> String

    init(
        mailbox: OwnerMailbox, board: RoundBoard, tokens: AdminTokens, audit: AuditLog,
        registry: ModelRegistry,
        events: EventHub, state: StateDirectory,
        measure: @escaping @Sendable () -> String
    ) {
        self.mailbox = mailbox
        self.board = board
        people = AdminRecogniser(tokens: tokens, sessions: AdminSessions())
        self.audit = audit
        peopleRoutes = PeopleRoutes(tokens: tokens, audit: audit)
        registryRoutes = RegistryRoutes(registry: registry)
        self.events = events
        self.state = state
        self.measure = measure
    }

    func handle(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        let method = request.head.method
        let route = request.head.target.segments.map(String.init)
        if method == .post, !Self.isOwnSite(request.head.headers) {
            return refused(request, responder, nil, 403, "origin", "another site's page may not do this")
        }
        switch (method, route.first ?? "", route.count) {
        case (.get, "", 0): return .respond(page("text/html; charset=utf-8", Dashboard.page))
        case (.get, "dashboard.js", 1):
            return .respond(page("text/javascript; charset=utf-8", Dashboard.script))
        case (.get, "dashboard.css", 1):
            return .respond(page("text/css; charset=utf-8", DashboardStyle.sheet))
        case (.get, "dashboard.svg", 1): return .respond(page("image/svg+xml", Dashboard.icon))
        case (.get, "healthz", 1): return .respond(probe(board.read { $0.isHealthy }))
        case (.get, "readyz", 1):
            if let obstacle = expired() { return .respond(.text(503, obstacle)) }
            if let why = board.read({ $0.stalled }) { return .respond(.text(503, "stalled: \(why)")) }
            return .respond(probe(board.read { $0.isHealthy && $0.isReady }))
        case (.post, "login", 1): return login(request, responder)
        case (.get, "metrics", 1):
            return authorised(request, responder, for: .measure) { _ in
                .respond(
                    HTTPResponse(
                        200, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
                        body: .bytes(Array(measure().utf8))))
            }
        case (.get, "api", 2) where route[1] == "session":
            return authorised(request, responder, for: nil) { .respond(Self.session($0)) }
        case (_, "api", _) where peopleRoutes.right(method, route) != nil:
            return authorised(
                request, responder, for: peopleRoutes.right(method, route), acting: method == .post
            ) { _ in peopleRoutes.answer(request, route) }
        case (_, "api", _) where registryRoutes.right(method, route) != nil:
            return authorised(
                request, responder, for: registryRoutes.right(method, route), acting: method == .post
            ) { registryRoutes.answer(request, route, $0.administrator) }
        case (.get, "api", _):
            return authorised(
                request, responder, for: route.dropFirst().first == "models" ? .seeModels : .see
            ) {
                show(Array(route.dropFirst()), $0, request, responder)
            }
        case (.post, "api", 2) where route[1] == "logout":
            return authorised(request, responder, for: nil, acting: true) { caller in
                if let cookie = caller.cookie { people.sessions.close(cookie) }
                var response = HTTPResponse(204)
                // The browser need not keep what is worth nothing any more.
                response.headers["Set-Cookie"] =
                    "\(AdminRecogniser.cookieName)=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"
                return .respond(response)
            }
        case (.post, "api", _):
            return authorised(request, responder, for: .operate, acting: true) {
                act(Array(route.dropFirst()), $0, responder)
            }
        default: return .respond(.refusal(404, "not_found", "no such path"))
        }
    }

    private func show(
        _ route: [String], _ caller: AdminCaller, _ request: HTTPRequest, _ responder: Responder
    ) -> RequestDecision {
        guard caller.administrator.maySee(runSubmittedBy: nil) else {
            return refused(
                request, responder, caller.administrator, 403, "role",
                "a researcher sees runs of the same name's")
        }
        switch (route.first, route.count) {
        case ("dashboard", 1): return ask(.dashboard, responder)
        case ("status", 1): return ask(.status, responder)
        case ("rounds", 1): return rounds(request, responder)
        case ("agents", 1): return ask(.agents, responder)
        case ("agents", 2): return ask(.agent(route[1]), responder)
        case ("ledger", 1): return ask(.ledger, responder)
        case ("models", 1): return ask(.models, responder)
        case ("models", 2): return model(route[1], request)
        case ("events", 1): return listen(caller, responder)
        default: return .respond(.refusal(404, "not_found", "no such path"))
        }
    }

    private func act(_ route: [String], _ caller: AdminCaller, _ responder: Responder) -> RequestDecision {
        let actor = caller.administrator.name
        switch (route.first, route.count) {
        case ("pause", 1): return ask(.pause(actor: actor), responder)
        case ("resume", 1): return ask(.resume(actor: actor), responder)
        case ("stop", 1): return ask(.stop(actor: actor), responder)
        case ("agents", 3) where route[2] == "revoke": return ask(.revoke(route[1], actor: actor), responder)
        default: return .respond(.refusal(404, "not_found", "no such path"))
        }
    }

    /// Rounds of long ago are read here: no question of an administrator's holds up the thread that owns the run.
    private func rounds(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        guard let question = RoundQuestion(request.head.target) else {
            return .respond(
                .refusal(400, "range", "from and to must be numbers of rounds, the first not above the last"))
        }
        var older: [RoundFile] = []
        if question.namesNumbers, question.range.lowerBound < board.read({ $0.firstRemembered }) {
            do {
                older = try question.answer(state.archive)
            } catch {
                return .respond(.refusal(503, "storage", "\(Failure(wrapping: error).message)"))
            }
        }
        return ask(.rounds(question, older: older), responder)
    }

    private func ask(_ order: AdminOrder, _ responder: Responder) -> RequestDecision {
        // Orders carry nothing: a body, if one comes, is dropped.
        let sink = CollectingSink { [mailbox] _ in
            mailbox.post(.administration(order, responder))
            return .later
        }
        return .receive(limit: 1024, reserving: nil, sink: sink)
    }

    private func model(_ name: String, _ request: HTTPRequest) -> RequestDecision {
        guard let round = Int(name), round >= 0, board.read({ round <= $0.shownRound }),
            let buffer = try? SharedBuffer(mappingFileAt: state.modelPath(round))
        else { return .respond(.refusal(404, "no_such_model", "this model is not kept")) }
        var response = HTTPResponse.representation(
            buffer, tag: "model-\(round)", contentType: "application/octet-stream",
            request: request.head.headers)
        response.headers["Content-Disposition"] =
            "attachment; filename=\"\(StateDirectory.name(round)).safetensors\""
        return .respond(response)
    }

    private func listen(_ caller: AdminCaller, _ responder: Responder) -> RequestDecision {
        let headers: HTTPHeaders = ["Content-Type": "text/event-stream", "Cache-Control": "no-store"]
        guard let stream = responder.stream(HTTPResponse(200, headers: headers)) else { return .later }
        let hash = caller.tokenHash
        let isWelcome: @Sendable () -> Bool = { [people] in
            people.holder(of: hash)?.maySee(runSubmittedBy: nil) == true
        }
        if !events.add(stream, while: isWelcome) { stream.finish() }
        return .later
    }

    // MARK: Who asks

    private struct SessionView: Encodable {
        let name: String
        let role: String
        /// What the token is good for.
        let scopes: [String]
        /// What `X-CSRF-Token` of this session's actions must say.
        let csrf: String?
    }

    private static func session(_ caller: AdminCaller) -> HTTPResponse {
        let holder = caller.administrator
        let view = SessionView(
            name: holder.name, role: holder.role.rawValue, scopes: holder.rights.map(\.rawValue).sorted(),
            csrf: caller.forgeryToken)
        return .json(200, (try? JSONEncoder().encode(view)).map { Array($0) } ?? [])
    }

    /// Lets those do it whose token is good for it; nil: everybody whose token is good. An action is in the audit log before
    /// it is carried out, and so is every attempt that is refused.
    private func authorised(
        _ request: HTTPRequest, _ responder: Responder, for right: AdminRight?, acting: Bool = false,
        _ decide: (AdminCaller) -> RequestDecision
    ) -> RequestDecision {
        let caller: AdminCaller
        switch people.caller(request) {
        case .known(let found): caller = found
        case .refused(let why): return refused(request, responder, nil, 401, "token", why)
        }
        let administrator = caller.administrator
        if let right, !administrator.may(right) {
            let why =
                administrator.role.rights.contains(right)
                ? "this token is not good for \(right.rawValue)"
                : "\(administrator.role.withArticle) may not do this"
            return refused(request, responder, administrator, 403, "role", why)
        }
        guard acting else { return decide(caller) }
        if let expected = caller.forgeryToken {
            let given = request.head.headers["x-csrf-token"] ?? ""
            guard AdminTokens.areEqual(Array(given.utf8), Array(expected.utf8)) else {
                return refused(
                    request, responder, administrator, 403, "csrf", "the session's token is missing")
            }
        }
        guard audit.admits(administrator) else {
            return refused(
                request, responder, administrator, 429, "pace", "these are more actions than a person's")
        }
        let words = AuditWords(request.head.target)
        do {
            try audit.begin(
                administrator, action: words.action, object: words.object, from: request.address,
                request: responder.request)
        } catch {
            return .respond(Self.unaudited)
        }
        return decide(caller)
    }

    private static var unaudited: HTTPResponse {
        .refusal(503, "audit", "the audit log cannot be written: nothing was done", retryAfter: 15)
    }

    private func refused(
        _ request: HTTPRequest, _ responder: Responder, _ caller: Administrator?, _ status: Int,
        _ code: String, _ why: String
    ) -> RequestDecision {
        let words = AuditWords(request.head.target)
        audit.refuse(
            caller, action: words.action, object: words.object, from: request.address, status: status,
            request: responder.request)
        var response = HTTPResponse.refusal(status, code, why)
        if status == 401 { response.headers["WWW-Authenticate"] = "Bearer" }
        return .respond(response)
    }

    /// Whether a browser says that the request comes from one of our own pages; programs say nothing of it. The
    /// cookie alone would not tell: to a browser every port of a host is the same site.
    private static func isOwnSite(_ headers: HTTPHeaders) -> Bool {
        if let site = headers["sec-fetch-site"], site != "same-origin", site != "none" { return false }
        guard let origin = headers["origin"] else { return true }
        return headers["host"].map { origin.lowercased() == "https://\($0.lowercased())" } ?? false
    }

    /// Exchanges a token, the whole body, for a session.
    private func login(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        let sink = CollectingSink { [people, audit] bytes in
            let token = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            let why: String
            switch people.tokens.verdict(token) {
            case .good(let administrator, _):
                guard audit.admits(administrator) else {
                    return .respond(
                        .refusal(429, "pace", "these are more logins than a person's", retryAfter: 10))
                }
                do {
                    try audit.record(
                        administrator, action: "login", from: request.address, outcome: .done(200),
                        request: responder.request)
                } catch {
                    return .respond(Self.unaudited)
                }
                guard let opened = try? people.sessions.open(token: token) else {
                    return .respond(
                        .refusal(503, "randomness", "no session can be opened now", retryAfter: 10))
                }
                var response = Self.session(
                    AdminCaller(
                        administrator: administrator, tokenHash: [], forgeryToken: opened.forgeryToken))
                response.headers["Set-Cookie"] =
                    "\(AdminRecogniser.cookieName)=\(opened.cookie); Path=/; Secure; HttpOnly; SameSite=Strict"
                response.headers["Cache-Control"] = "no-store"
                return .respond(response)
            case .expired(let name, let end): why = AdminRecogniser.expiredToken(name, end)
            case .unknown: why = "this token is not known"
            }
            audit.refuse(
                nil, action: "login", object: nil, from: request.address, status: 401,
                request: responder.request)
            return .respond(.refusal(401, "token", why))
        }
        return .receive(limit: 4096, reserving: nil, sink: sink)
    }

    /// Why the server cannot serve for something that has expired; nil where nothing has.
    private func expired() -> String? {
        let now = Date()
        return ServerExpiries.obstacle(board.read { $0.expiries }, at: now)?.publicSentence(at: now)
    }

    private func probe(_ isGood: Bool) -> HTTPResponse {
        isGood ? .text(200, "ok") : .text(503, "not yet, or storage fails: see the log")
    }

    private func page(_ type: String, _ text: String) -> HTTPResponse {
        HTTPResponse(
            200,
            headers: [
                "Content-Type": type, "Cache-Control": "no-store",
                "Content-Security-Policy":
                    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                    + "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
                "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
            ], body: .bytes(Array(text.utf8)))
    }
}
