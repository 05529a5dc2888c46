internal import Cryptography
internal import Foundation
internal import HTTPWire
internal import Messages
internal import Operations
internal import Transport

/// Answers the admin listener. Bearer tokens for programs; for browsers a session cookie, whose actions also need
/// the session's second secret, which another site cannot read.
final class AdminRouter: HTTPHandler {
    private static let cookieName = "__Host-sordino"

    private let runs: RunSet
    /// The runs that wait and those that have ended; nil on a server of one task.
    private let queue: RunQueue?
    private let tokens: AdminTokens
    private let sessions = AdminSessions()
    private let condition: ServerCondition
    private let measure: @Sendable () -> String

    init(
        runs: RunSet, queue: RunQueue?, tokens: AdminTokens, condition: ServerCondition,
        measure: @escaping @Sendable () -> String
    ) {
        self.runs = runs
        self.queue = queue
        self.tokens = tokens
        self.condition = condition
        self.measure = measure
    }

    func handle(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        let method = request.head.method
        let route = request.head.target.segments.map(String.init)
        if method == .post, !Self.isOwnSite(request.head.headers) {
            return .respond(.refusal(403, "origin", "another site's page may not do this"))
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
        case (.post, "login", 1): return login(responder)
        case (.get, "metrics", 1):
            return authorised(request, for: .viewer) { _ in
                .respond(
                    HTTPResponse(
                        200, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
                        body: .bytes(Array(measure().utf8))))
            }
        case (.get, "api", _):
            return authorised(request, for: .viewer) {
                show(Array(route.dropFirst()), $0, request, responder)
            }
        case (.post, "api", 2) where route[1] == "logout":
            return authorised(request, for: .viewer, acting: true) { caller in
                if let cookie = caller.cookie { sessions.close(cookie) }
                var response = HTTPResponse(204)
                // The browser need not keep what is worth nothing any more.
                response.headers["Set-Cookie"] =
                    "\(Self.cookieName)=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"
                return .respond(response)
            }
        case (.post, "api", _):
            return authorised(request, for: .operator, acting: true) {
                act(Array(route.dropFirst()), $0, request, responder)
            }
        default: return .respond(.refusal(404, "not_found", "no such path"))
        }
    }

    /// Whether it is true of every run at work.
    private func allRuns(_ isTrue: (borrowing RoundBoard.State) -> Bool) -> Bool {
        runs.services.allSatisfy { $0.board.read(isTrue) }
    }

    private func show(
        _ route: [String], _ caller: Caller, _ request: HTTPRequest, _ responder: Responder
    ) -> RequestDecision {
        switch (route.first, route.count) {
        case ("session", 1):
            let view = SessionView(
                name: caller.administrator.name, role: caller.administrator.role.rawValue,
                csrf: caller.forgeryToken)
            return .respond(.json(200, (try? JSONEncoder().encode(view)).map { Array($0) } ?? []))
        case ("runs", _):
            return RunsAdmin(runs, queue).show(
                Array(route.dropFirst()), caller.administrator, request, responder)
        default:
            // Whoever names no run means the one of a server of one task, or the oldest at work.
            guard let service = runs.services.first else { return .respond(RunsAdmin.noRun) }
            return RunAdmin(service).show(route, request, responder)
        }
    }

    private func act(
        _ route: [String], _ caller: Caller, _ request: HTTPRequest, _ responder: Responder
    ) -> RequestDecision {
        if route.first == "runs" {
            return RunsAdmin(runs, queue).act(
                Array(route.dropFirst()), caller.administrator, request, responder)
        }
        guard let service = runs.services.first else { return .respond(RunsAdmin.noRun) }
        return RunAdmin(service).act(route, caller.administrator, responder)
    }

    // MARK: Who asks

    /// An administrator, and the session's secrets where a browser asks.
    private struct Caller {
        let administrator: Administrator
        var cookie: String?
        var forgeryToken: String?
    }

    private struct SessionView: Encodable {
        let name: String
        let role: String
        /// What `X-CSRF-Token` of this session's actions must say.
        let csrf: String?
    }

    private func authorised(
        _ request: HTTPRequest, for role: AdminRole, acting: Bool = false,
        _ decide: (Caller) -> RequestDecision
    ) -> RequestDecision {
        let caller: Caller
        switch self.caller(request) {
        case .known(let found): caller = found
        case .refused(let why):
            var response = HTTPResponse.refusal(401, "token", why)
            response.headers["WWW-Authenticate"] = "Bearer"
            return .respond(response)
        }
        guard role == .viewer || caller.administrator.role == .operator else {
            return .respond(.refusal(403, "role", "a viewer may not do this"))
        }
        if acting, let expected = caller.forgeryToken {
            let given = request.head.headers["x-csrf-token"] ?? ""
            guard AdminTokens.areEqual(Array(given.utf8), Array(expected.utf8)) else {
                return .respond(.refusal(403, "csrf", "the session's token is missing"))
            }
        }
        return decide(caller)
    }

    /// Whether a browser says that the request comes from one of our own pages; programs say nothing of it. The
    /// cookie alone would not tell: to a browser every port of a host is the same site.
    private static func isOwnSite(_ headers: HTTPHeaders) -> Bool {
        if let site = headers["sec-fetch-site"], site != "same-origin", site != "none" { return false }
        guard let origin = headers["origin"] else { return true }
        return headers["host"].map { origin.lowercased() == "https://\($0.lowercased())" } ?? false
    }

    /// What a request's token or session is worth.
    private enum Recognition {
        case known(Caller)
        /// With the reason, for whoever asks.
        case refused(String)
    }

    private static let unknown = "an admin token is needed"

    /// Why a token that was once good is refused.
    private static func expiredToken(_ name: String, _ end: Int) -> String {
        let date = Expiry.text(Date(timeIntervalSince1970: Double(end)))
        return
            "the admin token of \(name) has expired on \(date): make a new one with sordino certs admin-token"
    }

    private func caller(_ request: HTTPRequest) -> Recognition {
        if let field = request.head.headers["authorization"] {
            guard field.hasPrefix("Bearer ") else { return .refused(Self.unknown) }
            switch tokens.verdict(String(field.dropFirst(7))) {
            case .good(let administrator, _): return .known(Caller(administrator: administrator))
            case .expired(let name, let end): return .refused(Self.expiredToken(name, end))
            case .unknown: return .refused(Self.unknown)
            }
        }
        for field in request.head.headers.all("cookie") {
            for pair in field.split(separator: ";") {
                let text = pair.trimmingPrefix(" ")
                guard text.hasPrefix(Self.cookieName + "=") else { continue }
                let cookie = String(text.dropFirst(Self.cookieName.count + 1))
                guard let (administrator, hash, token) = sessions.session(cookie) else { continue }
                // A session is worth no more than the token that opened it.
                switch tokens.verdict(hash: hash) {
                case .good:
                    return .known(
                        Caller(administrator: administrator, cookie: cookie, forgeryToken: token))
                case .expired(let name, let end): return .refused(Self.expiredToken(name, end))
                case .unknown: return .refused(Self.unknown)
                }
            }
        }
        return .refused(Self.unknown)
    }

    /// Exchanges a token, the whole body, for a session.
    private func login(_ responder: Responder) -> RequestDecision {
        let sink = CollectingSink { [tokens, sessions] bytes in
            let token = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            let administrator: Administrator
            switch tokens.verdict(token) {
            case .good(let found, _): administrator = found
            case .expired(let name, let end):
                return .respond(.refusal(401, "token", Self.expiredToken(name, end)))
            case .unknown: return .respond(.refusal(401, "token", "this token is not known"))
            }
            guard let opened = try? sessions.open(administrator, token: token) else {
                return .respond(.refusal(503, "randomness", "no session can be opened now", retryAfter: 10))
            }
            let view = SessionView(
                name: administrator.name, role: administrator.role.rawValue, csrf: opened.forgeryToken)
            var response = HTTPResponse.json(200, (try? JSONEncoder().encode(view)).map { Array($0) } ?? [])
            response.headers["Set-Cookie"] =
                "\(Self.cookieName)=\(opened.cookie); Path=/; Secure; HttpOnly; SameSite=Strict"
            response.headers["Cache-Control"] = "no-store"
            return .respond(response)
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
