internal import Configuration
internal import Operations

/// `GET /api/status` for people.
struct StatusText {
    private let status: AdminAnswer
    private let now: Double

    /// The text of a status as it stands at `now`, seconds since 1970.
    init(_ status: AdminAnswer, now: Double) {
        self.status = status
        self.now = now
    }

    /// One thing a line of at most `width` characters; below them, what expires. Nil: no line is broken.
    func text(width: Int?) -> String {
        let entries: [(name: String, text: String?)] = [
            ("task", status.text("task")), ("run", status.text("run")), ("state", state),
            ("round", openRound),
            ("trouble", status.text("trouble")), ("rounds", rounds), ("model", model),
            ("privacy", privacy), ("against server", bound("epsilon_server")),
            ("against members", bound("epsilon_members")), ("one record", bound("epsilon_example")),
            ("agents", agents), ("server", server),
        ]
        return TextTable.list(entries, width: width) + expiries(width: width)
    }

    private var state: String? {
        guard let word = status.text("state") else { return nil }
        var text = word
        switch word {
        case "finished": if let why = status.text("finished") { text += ": \(why)" }
        case "paused": text += "; no further round is opened until it is resumed"
        case "stalled":
            if let since = status.number("stalled_since") {
                text += " for \(SpokenTime.span(seconds: now - since)) (since \(SpokenTime.absolute(since)))"
            }
            if let next = status.number("next_attempt") {
                text +=
                    next > now ? ", tries again \(SpokenTime.relative(next, now: now))" : ", tries again now"
            }
        default: break
        }
        return status.flag("stopping") == true && word != "finished"
            ? text + "; ends after the open round" : text
    }

    private var openRound: String? {
        guard let open = status.object("open"), let number = open.integer("round") else {
            return status.text("state") == "finished" ? nil : "none is open"
        }
        var parts = ["\(number) is open" + (open.text("stage").map { " (\($0))" } ?? "")]
        if let reported = open.integer("reported") {
            parts.append("\(reported) of \(open.integer("invited") ?? 0) invited have reported")
        }
        if let gaveUp = open.integer("gave_up"), gaveUp > 0 { parts.append("\(gaveUp) gave up") }
        if let deadline = open.number("deadline") {
            parts.append(
                deadline > now
                    ? "closes \(SpokenTime.both(deadline, now: now)) at the latest" : "is being closed")
        }
        return parts.joined(separator: ", ")
    }

    private var rounds: String? {
        guard let published = status.integer("rounds_published") else { return nil }
        let planned = status.integer("rounds_planned").map { " of \($0)" } ?? ""
        var text = "\(published)\(planned) published"
        if let last = status.integer("last_round"), last != published {
            text += ", the last is round \(last)"
        }
        if let cohort = status.integer("cohort_size") {
            text += "; \(cohort) reports a round"
            if let least = status.integer("minimum_reports"), least != cohort {
                text += ", \(least) at least"
            }
        }
        return text
    }

    private var model: String? {
        let figures = [
            status.number("accuracy").map { "accuracy \(AdminText.percent($0))" },
            status.number("loss").map { "loss \(Quantity.decimal($0, places: 4))" },
            status.text("model_sha256").map { "SHA-256 \($0)" },
        ].compactMap(\.self)
        return figures.isEmpty ? nil : figures.joined(separator: ", ")
    }

    /// Whether a bound that is missing means that there is none: before the first release nothing is spent.
    private var isReleased: Bool { (status.integer("rounds_published") ?? 0) > 0 }

    private var privacy: String? {
        guard let mode = status.text("privacy_mode") else { return nil }
        guard mode != "none" else { return "none: mode \"none\" was asked for" }
        let spent = status.number("epsilon").map { Quantity.decimal($0, places: 3) }
        var text = "\(mode), epsilon \(spent ?? (isReleased ? "unbounded" : "0"))"
        if let target = status.number("target_epsilon") { text += " of \(AdminText.short(target))" }
        if let delta = status.number("delta") { text += " at delta \(AdminText.short(delta))" }
        return status.text("adjacency").map { "\(text), \($0)" } ?? text
    }

    private func bound(_ key: String) -> String? {
        status.number(key).map { "epsilon \(Quantity.decimal($0, places: 3))" }
    }

    private var agents: String? {
        guard let known = status.integer("agents_known") else { return nil }
        let present = status.integer("agents_present").map { ", \($0) seen of late" } ?? ""
        let held = status.integer("check_ins_held").map { ", \($0) waiting for work" } ?? ""
        return "\(known) known\(present)\(held)"
    }

    private var server: String? {
        guard let version = status.text("version") else { return nil }
        let health = status.flag("healthy") == false ? "cannot write its state" : "well"
        return "\(health), version \(version)"
    }

    private func expiries(width: Int?) -> String {
        let list = status.list("expiries")
        guard !list.isEmpty else { return "" }
        var table = TextTable([.words("expires"), .words("when"), .words("whose"), .words("state")])
        for expiry in list {
            let level = expiry.text("level")
            table.add([
                expiry.text("name"), expiry.number("not_after").map { SpokenTime.both($0, now: now) },
                expiry.text("subject"), level == "ok" ? nil : level?.replacing("_", with: " "),
            ])
        }
        return "\n" + table.text(empty: "", width: width)
    }
}
