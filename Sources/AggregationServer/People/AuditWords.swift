internal import HTTPWire

/// What a request's path says for the audit log: words that name what is done, and between them what it is done to, as in
/// `/api/agents/7/revoke`.
struct AuditWords: Equatable {
    let action: String
    /// With the query, where there is one.
    let object: String?

    init(_ target: RequestTarget) {
        let segments = target.segments.map { String($0) }
        let path = segments.first == "api" ? Array(segments.dropFirst()) : segments
        let indexed = path.enumerated()
        action =
            path.isEmpty ? "/" : indexed.filter { $0.offset % 2 == 0 }.map(\.element).joined(separator: " ")
        let objects = indexed.filter { $0.offset % 2 == 1 }.map(\.element).joined(separator: "/")
        // Values as long as a token are none that a path takes, and a token has no business in a log.
        let query = target.query.map { "\($0.name)=\($0.value.utf8.count > 64 ? "…" : $0.value)" }
        let whole = objects + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
        object = whole.isEmpty ? nil : whole
    }
}
