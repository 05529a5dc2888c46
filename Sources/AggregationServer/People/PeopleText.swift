internal import Configuration
internal import Ledger
internal import Operations

/// What is told of people, as commands print it.
enum PeopleText {
    /// The tokens of `GET /api/tokens`, or of a file. `now` is in seconds since 1970.
    static func tokens(_ answer: JSONValue, now: Double, width: Int?) -> String {
        var table = TextTable([
            .names("name"), .words("role"), .words("good for").spared, .words("made").spared, .words("ends"),
            .words("state"),
        ])
        guard case .array(let items) = answer else { return table.text(empty: "There is no token.") }
        for item in items {
            let token = AdminAnswer(item)
            table.add([
                token.text("name"), token.text("role"), scopes(item) ?? "all of its role",
                token.number("created").map { SpokenTime.relative($0, now: now) },
                token.number("expires").map { SpokenTime.both($0, now: now) } ?? "never",
                token.flag("expired") == true ? "expired" : nil,
            ])
        }
        return table.text(empty: "There is no token.", width: width)
    }

    private static func scopes(_ item: JSONValue) -> String? {
        guard case .object(let members) = item, case .array(let words)? = members["scopes"] else {
            return nil
        }
        return words.compactMap { if case .string(let word) = $0 { word } else { nil } }.joined(
            separator: ", ")
    }

    /// Lines of an audit log.
    static func audit(_ lines: [SignedLine<AuditEntry>], width: Int?) -> String {
        var table = TextTable([
            .numbers("line"), .words("time"), .words("who"), .words("role").spared, .words("action"),
            .words("object"), .words("from"), .words("outcome"), .words("request").spared,
        ])
        for line in lines {
            let entry = line.entry
            let status = entry.outcome.status.map { " \($0)" } ?? ""
            let count = entry.count.map { ", \($0) times" } ?? ""
            table.add([
                String(line.sequence), line.time, entry.name ?? "nobody known", entry.role, entry.action,
                entry.object, entry.from, entry.outcome.word + status + count, entry.request,
            ])
        }
        return table.text(empty: "The log has no line.", width: width)
    }
}
