package import Configuration
internal import Operations

/// What the admin API answers, as commands print it for people.
///
/// The answer is another process's, of another version perhaps: what is missing or of another kind is not shown.
package enum AdminText {
    /// The text of an answer to `GET /api/rounds`, `GET /api/agents`, `GET /api/tokens`,
    /// `GET /api/registry`, `GET /api/runs`, one of its runs, or, in every other case, of a status. `now` is in
    /// seconds since 1970; `width`: characters of a line (``Terminal/width(of:columns:)``), nil: as many as there are.
    package static func text(
        of question: String, _ answer: JSONValue, now: Double, width: Int? = nil
    ) -> String {
        switch question {
        case "rounds": rounds(answer, now: now, width: width)
        case "agents": agents(answer, now: now, width: width)
        case "runs": RunsText.list(answer, now: now, width: width)
        case "run": RunsText.one(answer, now: now, width: width)
        case "registry": RegistryText.text(answer, width: width)
        case "tokens": PeopleText.tokens(answer, now: now, width: width)
        default: StatusText(AdminAnswer(answer), now: now).text(width: width)
        }
    }

    private static func rounds(_ answer: JSONValue, now: Double, width: Int?) -> String {
        var table = TextTable([
            .numbers("round"), .words("state"), .words("opened"), .numbers("took").spared,
            .numbers("reports"), .numbers("accuracy"), .numbers("loss").spared, .numbers("epsilon"),
            .numbers("against server").spared, .numbers("received").spared, .numbers("sent").spared,
            .words("note"),
        ])
        for round in AdminAnswer.list(answer) {
            let isOver = round.text("state").map { $0 == "published" || $0 == "abandoned" } ?? false
            table.add([
                round.integer("round").map(String.init), round.text("state"),
                round.number("opened").map { SpokenTime.relative($0, now: now) },
                isOver ? round.number("seconds").map(Quantity.duration(seconds:)) : nil,
                round.integer("clients_reported").map { reported in
                    round.integer("clients_selected").map { "\(reported) of \($0)" } ?? "\(reported)"
                },
                round.number("accuracy").map(percent), round.number("loss").map(decimal(4)),
                round.number("epsilon").map(decimal(3)), round.number("epsilon_server").map(decimal(3)),
                round.integer("bytes_up").map(Quantity.bytes),
                round.integer("bytes_down").map(Quantity.bytes),
                note(round),
            ])
        }
        return table.text(empty: "No round has been opened yet.", width: width)
    }

    /// Why a round was abandoned, or what its agents gave up for.
    private static func note(_ round: AdminAnswer) -> String? {
        let failures = round.counts("failures").map { "\($0.count) gave up: \($0.name)" }
        let parts = [round.text("abandoned")].compactMap(\.self) + failures
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    private static func agents(_ answer: JSONValue, now: Double, width: Int?) -> String {
        var table = TextTable([
            .numbers("id"), .words("name"), .words("last seen"), .numbers("reports"), .numbers("failures"),
            .words("last outcome"), .words("certificate ends").spared, .words("software").spared,
            .words("note"),
        ])
        for agent in AdminAnswer.list(answer) {
            table.add([
                agent.integer("id").map(String.init), agent.text("name"),
                agent.number("last_seen").map { SpokenTime.relative($0, now: now) } ?? "not since the start",
                agent.integer("reports").map(String.init), agent.integer("failures").map(String.init),
                agent.text("last_outcome"),
                agent.number("certificate_expires").map { SpokenTime.both($0, now: now) },
                agent.text("software"), agent.flag("revoked") == true ? "revoked" : nil,
            ])
        }
        return table.text(empty: "No agent is known yet.", width: width)
    }

    /// A share as a percentage.
    static func percent(_ share: Double) -> String { Quantity.decimal(share * 100, places: 2) + " %" }

    /// A number as it was written: without a fraction where it has none.
    static func short(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }

    /// A number with so many decimal places.
    static func decimal(_ places: Int) -> (Double) -> String { { Quantity.decimal($0, places: places) } }
}
