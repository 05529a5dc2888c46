/// What a line of a registry of models says.
package enum RegistryEntry: SignedEntry {
    /// A model was published.
    case version(ModelVersion)
    /// A label was put on a version.
    case label(Label)

    /// A label that was put on a version by somebody.
    package struct Label: Hashable, Sendable {
        /// How the label came there.
        package enum Move: String, Hashable, Sendable {
            /// It was put on a version that was named.
            case promote
            /// It went back to the version that had it before.
            case rollback
        }

        package var task: String
        package var label: String
        package var version: Int
        package var move: Move
        /// Who did it.
        package var actor: String

        package init(task: String, label: String, version: Int, move: Move, actor: String) {
            self.task = task
            self.label = label
            self.version = version
            self.move = move
            self.actor = actor
        }
    }

    package static var owner: String { "log" }

    package var fields: [String: LedgerValue] {
        switch self {
        case .version(let version): version.fields
        case .label(let label):
            [
                "kind": .string(label.move.rawValue), "task": .string(label.task),
                "label": .string(label.label), "version": .number(Double(label.version)),
                "actor": .string(label.actor),
            ]
        }
    }

    package init?(fields: [String: LedgerValue]) {
        guard let kind = fields["kind"]?.string else { return nil }
        if kind == "version" {
            guard let version = ModelVersion(fields: fields) else { return nil }
            self = .version(version)
            return
        }
        guard let move = Label.Move(rawValue: kind), let task = fields["task"]?.string,
            let label = fields["label"]?.string, let version = fields["version"]?.integer,
            let actor = fields["actor"]?.string
        else { return nil }
        self = .label(Label(task: task, label: label, version: version, move: move, actor: actor))
    }
}
