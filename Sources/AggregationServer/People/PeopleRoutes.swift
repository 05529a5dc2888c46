internal import Configuration
internal import Foundation
internal import HTTPWire
internal import Operations
internal import Transport

/// Answers what is asked about people: their tokens, and the audit log of what they did.
struct PeopleRoutes: Sendable {
    let tokens: AdminTokens
    let audit: AuditLog

    /// What a token must be good for; nil where the path is none of these.
    func right(_ method: HTTPMethod, _ route: [String]) -> AdminRight? {
        switch (method, route.dropFirst().first, route.count) {
        case (.get, "tokens", 2): .managePeople
        case (.post, "tokens", 4) where ["revoke", "rotate"].contains(route[3]): .managePeople
        case (.get, "audit", 2): .audit
        default: nil
        }
    }

    /// Answers a request whose ``right(_:_:)`` was looked at.
    func answer(
        _ request: HTTPRequest, _ route: [String], _ caller: Administrator
    ) -> RequestDecision {
        if request.head.method == .get {
            return .respond(route[1] == "audit" ? auditLines(request) : .json(200, tokenList))
        }
        // Orders carry nothing: a body, if one comes, is dropped.
        let sink = CollectingSink { _ in
            .respond(route[3] == "revoke" ? revoke(route[2]) : rotate(route[2], caller))
        }
        return .receive(limit: 1024, reserving: nil, sink: sink)
    }

    // MARK: Tokens

    /// What is told of tokens: never their hashes.
    private var tokenList: [UInt8] {
        let now = Int(Date().timeIntervalSince1970)
        let list = tokens.records.map { TokenView($0, now: now).json }
        return Array(JSONValue.array(list).text(indented: false).utf8)
    }

    private func revoke(_ name: String) -> HTTPResponse {
        change(name) { file in
            try file.remove(name: name) ? ["name": .string(name), "revoked": .bool(true)] : nil
        }
    }

    /// A new token says in its answer what may be done with it: nobody is given one that is good for more than their own.
    private func rotate(_ name: String, _ caller: Administrator) -> HTTPResponse {
        let now = Int(Date().timeIntervalSince1970)
        if let target = tokens.records.last(where: { $0.name == name }) {
            guard target.administrator.rights.isSubset(of: caller.rights) else {
                return .refusal(403, "role", "this token is good for more than yours")
            }
            guard !target.hasExpired(at: now) else {
                return .refusal(
                    409, "expired", "this token has ended; make a new one with sordino tokens create")
            }
        }
        return change(name) { file in try file.rotate(name: name).map { TokenView.members(of: $0) } }
    }

    private func change(
        _ name: String, _ body: (AdminTokenFile) throws -> [String: JSONValue]?
    ) -> HTTPResponse {
        guard let file = tokens.file else { return .refusal(404, "no_tokens", "this server has no tokens") }
        do {
            guard let members = try body(file) else {
                return .refusal(404, "no_such_token", "no token has this name")
            }
            var response = HTTPResponse.json(
                200, Array(JSONValue.object(members).text(indented: false).utf8))
            response.headers["Cache-Control"] = "no-store"
            return response
        } catch {
            return .refusal(503, "storage", Failure(wrapping: error).message)
        }
    }

    // MARK: Audit log

    private func auditLines(_ request: HTTPRequest) -> HTTPResponse {
        let target = request.head.target
        let from = target.parameter("from").map { Int($0) } ?? 1
        let through = target.parameter("to").map { Int($0) } ?? Int.max
        guard let from, let through, from > 0, from <= through else {
            return .refusal(
                400, "range", "from and to must be numbers of lines, the first not above the last")
        }
        do {
            let lines = try audit.lines(from: from, through: through)
            return HTTPResponse(
                200, headers: ["Content-Type": "application/jsonl", "Cache-Control": "no-store"],
                body: .bytes(lines))
        } catch {
            return .refusal(503, "storage", Failure(wrapping: error).message)
        }
    }
}
