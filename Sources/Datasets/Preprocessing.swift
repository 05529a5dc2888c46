package import Configuration

/// How raw input becomes features: fitted on training rows, then applied to any rows, and kept with the model.
package enum Preprocessing: Equatable, Sendable {
    /// Columns of a table.
    case table(TablePreprocessing)
    /// Bytes of images: feature = (byte / 255 - `center`) / `scale`.
    case images(center: Double, scale: Double, classNames: [String])
    /// Sequences of tokens.
    case text(TextPreprocessing)

    /// Names of the classes in their order; empty where values are predicted.
    package var classNames: [String] {
        switch self {
        case .table(let table): table.classNames
        case .images(_, _, let names): names
        case .text(let text): text.classNames
        }
    }

    /// What this is of, for messages.
    var contents: String {
        switch self {
        case .table: "a table"
        case .images: "images"
        case .text: "text"
        }
    }

    /// The scale on which values to predict are learnt; nil where they are learnt as they are.
    package var targetScale: TargetScale? {
        if case .table(let table) = self { table.target } else { nil }
    }

    /// As JSON, to be stored beside a published model.
    package var json: JSONValue {
        switch self {
        case .table(let table): table.json
        case .images(let center, let scale, let names):
            .object([
                "kind": .string("images"), "center": .number(center), "scale": .number(scale),
                "classes": .array(names.map { .string($0) }),
            ])
        case .text(let text): text.json
        }
    }

    /// Reads what ``json`` gave. Throws ``ConfigurationError`` for anything else.
    package init(_ json: JSONValue, path: String = "preprocessing") throws {
        let section = try Section(json, path: path)
        switch try section.string("kind") {
        case "table": self = .table(try TablePreprocessing(section))
        case "images":
            let names = try Self.texts(section, "classes")
            let center = try section.number("center") ?? 0
            let scale = try section.positive("scale") ?? 1
            self = .images(center: center, scale: scale, classNames: names)
        case "text": self = .text(try TextPreprocessing(section))
        default: throw section.error("kind", "must be \"table\", \"images\" or \"text\"")
        }
        try section.finish()
    }

    static func texts(_ section: Section, _ key: String) throws -> [String] {
        try (section.list(key) ?? []).map { item in
            guard case .string(let text) = item else { throw section.error(key, "must be a list of strings") }
            return text
        }
    }
}
