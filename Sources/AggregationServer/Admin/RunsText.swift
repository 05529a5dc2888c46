internal import Configuration
internal import Operations

/// `GET /api/runs` and one of its runs, for people.
enum RunsText {
    /// A line a run, at most `width` characters.
    static func list(_ answer: JSONValue, now: Double, width: Int?) -> String {
        var table = TextTable([
            .words("run"), .words("name"), .words("state"), .numbers("rounds"), .numbers("accuracy"),
            .numbers("epsilon"), .words("by"), .words("submitted").spared, .words("hours").spared,
            .words("note").spared,
        ])
        for run in AdminAnswer.list(answer) {
            table.add([
                run.text("run").map { String($0.prefix(12)) }, run.text("name"), run.text("state"),
                rounds(run), run.number("accuracy").map(AdminText.percent),
                run.number("epsilon").map { Quantity.decimal($0, places: 3) }, run.text("submitted_by"),
                run.number("submitted").map { SpokenTime.relative($0, now: now) }, run.text("hours"),
                run.text("reason"),
            ])
        }
        return table.text(empty: "No run has been submitted yet.", width: width)
    }

    /// One thing a line.
    static func one(_ answer: JSONValue, now: Double, width: Int?) -> String {
        let run = AdminAnswer(answer)
        func moment(_ key: String) -> String? { run.number(key).map { SpokenTime.both($0, now: now) } }
        let entries: [(name: String, text: String?)] = [
            ("name", run.text("name")), ("run", run.text("run")), ("state", run.text("state")),
            ("note", run.text("reason")), ("task SHA-256", run.text("task_sha256").map(grouped)),
            ("rounds", rounds(run)), ("accuracy", run.number("accuracy").map(AdminText.percent)),
            ("loss", run.number("loss").map { Quantity.decimal($0, places: 4) }),
            ("epsilon", run.number("epsilon").map { Quantity.decimal($0, places: 3) }),
            ("against server", run.number("epsilon_server").map { Quantity.decimal($0, places: 3) }),
            ("model SHA-256", run.text("model_sha256")), ("submitted by", run.text("submitted_by")),
            ("submitted", moment("submitted")), ("began", moment("began")), ("ended", moment("ended")),
            ("not before", moment("not_before")), ("hours", run.text("hours")),
            ("priority", run.integer("priority").map(String.init)),
        ]
        return TextTable.list(entries, width: width)
    }

    private static func rounds(_ run: AdminAnswer) -> String? {
        guard let published = run.integer("rounds_published") else { return nil }
        return run.integer("rounds").map { "\(published) of \($0)" } ?? "\(published)"
    }

    /// A digest in groups of eight, so that it can be read out.
    private static func grouped(_ digest: String) -> String {
        var groups: [Substring] = []
        var rest = digest[...]
        while !rest.isEmpty {
            groups.append(rest.prefix(8))
            rest = rest.dropFirst(8)
        }
        return groups.joined(separator: " ")
    }
}
