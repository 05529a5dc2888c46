package import Ledger

/// What a line of the audit log says: who, what, on what, from where, and what became of it.
package struct AuditEntry: SignedEntry {
    /// What became of a request.
    package enum Outcome: Hashable, Sendable {
        /// It was allowed, and is carried out once this line is written. Its end has a line of the same request.
        case begun
        /// It was carried out, and answered with this status.
        case done(Int)
        /// It was carried out in vain, and answered with this status.
        case failed(Int)
        /// It was not allowed, and answered with this status.
        case refused(Int)

        var word: String {
            switch self {
            case .begun: "begun"
            case .done: "done"
            case .failed: "failed"
            case .refused: "refused"
            }
        }

        /// The status that was answered; nil before there was an answer.
        package var status: Int? {
            switch self {
            case .begun: nil
            case .done(let status), .failed(let status), .refused(let status): status
            }
        }

        fileprivate init?(_ word: String?, _ status: Int?) {
            switch (word, status) {
            case ("begun", nil): self = .begun
            case ("done", let status?): self = .done(status)
            case ("failed", let status?): self = .failed(status)
            case ("refused", let status?): self = .refused(status)
            default: return nil
            }
        }
    }

    /// Longest text of a field, in characters.
    static let textLimit = 200

    package static var owner: String { "log" }

    /// Whose token it was; nil where none was known. The server's own lines have its name.
    package var name: String?
    package var role: String?
    /// The words of the path, such as `agents revoke`.
    package var action: String
    /// What it was done to, such as an agent's number; nil where the action says it.
    package var object: String?
    /// The client's numeric address; nil for the server itself.
    package var from: String?
    package var outcome: Outcome
    /// What the server's log calls the request.
    package var request: String?
    /// Like attempts that this line stands for; nil: one.
    package var count: Int?

    /// An entry whose texts are cut to a bounded length and rid of what is no printable character.
    init(
        name: String?, role: String? = nil, action: String, object: String? = nil, from: String?,
        outcome: Outcome, request: String? = nil, count: Int? = nil
    ) {
        self.name = name.map(Self.plain)
        self.role = role
        self.action = Self.plain(action)
        self.object = object.map(Self.plain)
        self.from = from.map(Self.plain)
        self.outcome = outcome
        self.request = request
        self.count = count
    }

    package var fields: [String: LedgerValue] {
        var fields: [String: LedgerValue] = [
            "action": .string(action), "outcome": .string(outcome.word),
        ]
        fields["name"] = name.map(LedgerValue.string)
        fields["role"] = role.map(LedgerValue.string)
        fields["object"] = object.map(LedgerValue.string)
        fields["from"] = from.map(LedgerValue.string)
        fields["request"] = request.map(LedgerValue.string)
        fields["status"] = outcome.status.map { .number(Double($0)) }
        fields["count"] = count.map { .number(Double($0)) }
        return fields
    }

    package init?(fields: [String: LedgerValue]) {
        guard let action = fields["action"]?.string,
            let outcome = Outcome(fields["outcome"]?.string, fields["status"]?.integer)
        else { return nil }
        self.action = action
        self.outcome = outcome
        name = fields["name"]?.string
        role = fields["role"]?.string
        object = fields["object"]?.string
        from = fields["from"]?.string
        request = fields["request"]?.string
        count = fields["count"]?.integer
    }

    private static func plain(_ text: String) -> String {
        var plain = ""
        for scalar in text.unicodeScalars.prefix(textLimit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                plain += "?"
            default: plain.unicodeScalars.append(scalar)
            }
        }
        return plain
    }
}
