internal import Configuration
internal import Operations

/// The `server.notices` section: whom to call, and for what.
struct NoticeSettings: Equatable, Sendable {
    /// One address that notices are posted to.
    struct Webhook: Equatable, Sendable {
        let address: NoticeAddress
        /// File with the secret that signs what is sent.
        let secretFile: String
        /// File of authorities that the receiver's certificate may have; nil: the system's.
        let authority: String?
        let events: Set<Notice.Event>
    }

    var webhooks: [Webhook] = []
    /// Program with its arguments that reads each notice from its standard input; nil for none.
    var command: [String]?
    /// Days without a check-in after which an agent counts as gone.
    var agentGoneDays = 7.0
    /// Share of a run's budget at which somebody is called, above 0 and at most 1.
    var budgetShare = 0.8

    /// Most webhooks of a server: each has a thread.
    static let mostWebhooks = 8

    /// Calls nobody.
    init() {}

    /// Reads the section; relative paths start from `folder`. Throws ``ConfigurationError``.
    init(_ section: Section, folder: String) throws {
        let items = try section.list("webhooks") ?? []
        guard items.count <= Self.mostWebhooks else {
            throw section.error("webhooks", "has \(items.count) entries; at most \(Self.mostWebhooks)")
        }
        webhooks = try items.enumerated().map { index, item in
            try Webhook(Section(item, path: "server.notices.webhooks[\(index)]"), folder: folder)
        }
        let names = webhooks.map(\.address)
        guard Set(names).count == names.count else {
            throw section.error("webhooks", "names an address twice; give it once with all its events")
        }
        command = try section.list("command").map { try Self.command($0, section) }
        agentGoneDays = try section.positive("agent_gone_days") ?? agentGoneDays
        budgetShare =
            try section.number("budget_share", expected: "above 0 and at most 1") { $0 > 0 && $0 <= 1 }
            ?? budgetShare
        try section.finish()
    }

    private static func command(_ items: [JSONValue], _ section: Section) throws -> [String] {
        let words = try items.map { item in
            guard case .string(let word) = item, !word.utf8.contains(0) else {
                throw section.error(
                    "command", "must be a list of texts: the program's path and its arguments")
            }
            return word
        }
        guard let program = words.first, program.hasPrefix("/") else {
            throw section.error("command", "must begin with the program's absolute path; no shell reads it")
        }
        return words
    }
}

extension NoticeSettings.Webhook {
    /// Reads one entry. Throws ``ConfigurationError``.
    init(_ section: Section, folder: String) throws {
        func path(_ key: String) throws -> String? {
            try section.string(key).map { $0.hasPrefix("/") ? $0 : "\(folder)/\($0)" }
        }
        guard let text = try section.string("url") else {
            throw section.error(
                "url", "is missing: where to post notices, such as \"https://alerts.example/sordino\"")
        }
        guard let address = NoticeAddress(text) else {
            throw section.error(
                "url", "must be https://HOST[:PORT]/PATH, or http:// of this very host's loopback address")
        }
        guard let secretFile = try path("secret_file") else {
            throw section.error("secret_file", "is missing: a file with the secret that signs notices")
        }
        self.address = address
        self.secretFile = secretFile
        authority = try path("ca")
        let names = try section.list("events")?.map { item in
            guard case .string(let name) = item, let event = Notice.Event(rawValue: name) else {
                let known = Notice.Event.allCases.map(\.rawValue)
                let given = if case .string(let name) = item { name } else { "" }
                throw section.error("events", Section.unknownName(given, known: known))
            }
            return event
        }
        events = Set(names ?? Notice.Event.allCases)
        try section.finish()
    }
}
