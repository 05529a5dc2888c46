internal import Cryptography
internal import Foundation
internal import HTTPWire
internal import Messages
internal import Operations
internal import Transport

/// Answers the admin listener. Bearer tokens for programs; for browsers a session cookie, whose actions also need
/// the session's second secret, which another site cannot read.
final class AdminRouter: HTTPHandler {
    private let runs: RunSet
    /// The runs that wait and those that have ended; nil on a server of one task.
    private let queue: RunQueue?
    private let people: AdminRecogniser
    private let audit: AuditLog
    private let peopleRoutes: PeopleRoutes
    private let registryRoutes: RegistryRoutes
    private let condition: ServerCondition
    private let measure: @Sendable () -> String

    init(
        runs: RunSet, queue: RunQueue?, tokens: AdminTokens, audit: AuditLog, registry: ModelRegistry,
        condition: ServerCondition,
        measure: @escaping @Sendable () -> String
    ) {
        self.runs = runs
        self.queue = queue
        people = AdminRecogniser(tokens: tokens, sessions: AdminSessions())
        self.audit = audit
        peopleRoutes = PeopleRoutes(tokens: tokens, audit: audit)
        registryRoutes = RegistryRoutes(registry: registry)
        self.condition = condition
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
        case (.get, "healthz", 1): return .respond(probe(allRuns { $0.isHealthy }))
        case (.get, "readyz", 1):
            if let obstacle = expired() { return .respond(.text(503, obstacle)) }
            if let why = runs.services.lazy.compactMap({ $0.board.read { $0.stalled } }).first {
                return .respond(.text(503, "stalled: \(why)"))
            }
            return .respond(probe(allRuns { $0.isHealthy && $0.isReady }))
        case (.post, "login", 1): return login(request, responder)
        case (.get, "metrics", 1):
            return authorised(request, responder, for: .measure) { _ in
                .respond(
                    HTTPResponse(
                        200, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
                        body: .bytes(Array(measure().utf8))))
            }
        case (.get, "api", 2) where route[1] == "session":
            return authorised(request, responder, for: nil) { .respond(session($0)) }
        case (_, "api", _) where peopleRoutes.right(method, route) != nil:
            return authorised(
                request, responder, for: peopleRoutes.right(method, route), acting: method == .post
            ) { peopleRoutes.answer(request, route, $0.administrator) }
        case (_, "api", _) where registryRoutes.right(method, route) != nil:
            return authorised(
                request, responder, for: registryRoutes.right(method, route), acting: method == .post
            ) { registryRoutes.answer(request, route, $0.administrator) }
        case (.get, "api", _):
            return authorised(request, responder, for: Self.isOfModels(route) ? .seeModels : .see) {
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
            let rights = Self.rights(toAct: route)
            return authorised(request, responder, for: rights.0, or: rights.or, acting: true) {
                act(Array(route.dropFirst()), $0, request, responder)
            }
        default: return .respond(.refusal(404, "not_found", "no such path"))
        }
    }

    /// Whether it is true of every run at work.
    private func allRuns(_ isTrue: (borrowing RoundBoard.State) -> Bool) -> Bool {
        runs.services.allSatisfy { $0.board.read(isTrue) }
    }

    /// Whether a path is that of models, of whichever run.
    private static func isOfModels(_ route: [String]) -> Bool {
        route.dropFirst().first == "models"
            || route.dropFirst().first == "runs" && route.dropFirst(3).first == "models"
    }

    /// What an action takes: to submit, the right to; orders to a run are its submitter's too, which the run decides.
    private static func rights(toAct route: [String]) -> (AdminRight, or: AdminRight?) {
        guard route.dropFirst().first == "runs" else { return (.operate, nil) }
        return route.count == 3 ? (.submit, nil) : (.operate, .submit)
    }

    private func show(
        _ route: [String], _ caller: AdminCaller, _ request: HTTPRequest, _ responder: Responder
    ) -> RequestDecision {
        let hash = caller.tokenHash
        let mayListen: @Sendable (String?) -> Bool = { [people] submitter in
            people.holder(of: hash)?.maySee(runSubmittedBy: submitter) == true
        }
        if route.first == "runs" {
            return RunsAdmin(runs, queue).show(
                Array(route.dropFirst()), caller.administrator, request, responder, while: mayListen)
        }
        // Whoever names no run means the one of a server of one task, or the oldest at work.
        let service = runs.services.first
        guard caller.administrator.maySee(runSubmittedBy: service.flatMap(submitter)) else {
            return refused(
                request, responder, caller.administrator, 403, "role",
                "a researcher sees runs of the same name's")
        }
        guard let service else { return .respond(RunsAdmin.noRun) }
        let submitter = submitter(service)
        return RunAdmin(service).show(route, request, responder) { mayListen(submitter) }
    }

    /// Who submitted a run; nil: it is the server's own.
    private func submitter(_ service: RunService) -> String? { queue?.record(service.run)?.submittedBy }

    private func act(
        _ route: [String], _ caller: AdminCaller, _ request: HTTPRequest, _ responder: Responder
    ) -> RequestDecision {
        if route.first == "runs" {
            return RunsAdmin(runs, queue).act(
                Array(route.dropFirst()), caller.administrator, request, responder)
        }
        guard let service = runs.services.first else { return .respond(RunsAdmin.noRun) }
        return RunAdmin(service).act(route, caller.administrator, responder)
    }

    // MARK: Who asks

    private struct SessionView: Encodable {
        let name: String
        let role: String
        /// What the token is good for.
        let scopes: [String]
        /// Whether this server takes tasks in: there are runs to be listed.
        let service: Bool
        /// What `X-CSRF-Token` of this session's actions must say.
        let csrf: String?
    }

    private func session(_ caller: AdminCaller) -> HTTPResponse {
        let holder = caller.administrator
        let view = SessionView(
            name: holder.name, role: holder.role.rawValue, scopes: holder.rights.map(\.rawValue).sorted(),
            service: queue != nil,
            csrf: caller.forgeryToken)
        return .json(200, (try? JSONEncoder().encode(view)).map { Array($0) } ?? [])
    }

    /// Lets those do it whose token is good for it, or for the other; nil: everybody whose token is good. An action is in the audit log before
    /// it is carried out, and so is every attempt that is refused.
    private func authorised(
        _ request: HTTPRequest, _ responder: Responder, for right: AdminRight?, or other: AdminRight? = nil,
        acting: Bool = false,
        _ decide: (AdminCaller) -> RequestDecision
    ) -> RequestDecision {
        let caller: AdminCaller
        switch people.caller(request) {
        case .known(let found): caller = found
        case .refused(let why): return refused(request, responder, nil, 401, "token", why)
        }
        let administrator = caller.administrator
        if let right, !administrator.may(right), !(other.map(administrator.may) ?? false) {
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
        let sink = CollectingSink { [self] bytes in
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
                var response = session(
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
        return ServerExpiries.obstacle(condition.expiries, at: now)?.publicSentence(at: now)
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
