package import Configuration

/// One element of a model's list: a layer, or a composite that stands for several, before shapes are known.
///
/// `{dense: 64}`, `{dense: {units: 64}}`, `"relu"`, or with a name of its own `{dense: 64, name: "classifier"}`.
package struct ModelElement: Sendable {
    /// What stands in the element's place.
    enum Content: Sendable {
        case layer(any Layer)
        case composite(any CompositeLayer)
    }

    let content: Content
    /// The part of its parameters' names that the element gives; nil where that is its place in the list.
    let name: String?

    /// The name of an element that adds nothing to its parameters' names.
    static let noName = "-"

    /// Kind of the layer or composite, such as `"dense"`.
    package var kind: String {
        switch content {
        case .layer(let layer): type(of: layer).kind
        case .composite(let composite): type(of: composite).kind
        }
    }

    /// The element as ``init(_:path:)`` reads it, every default filled in.
    package var json: JSONValue {
        let arguments =
            switch content {
            case .layer(let layer): layer.arguments
            case .composite(let composite): composite.arguments
            }
        var members: [String: JSONValue] = [kind: .object(arguments)]
        if let name { members["name"] = .string(name) }
        return .object(members)
    }

    /// Reads one element. Throws ``ConfigurationError`` with the whole path.
    package init(_ value: JSONValue, path: String) throws {
        var name: String?
        let kind: String
        let argument: JSONValue
        switch value {
        case .string(let text): (kind, argument) = (text, .object([:]))
        case .object(let members):
            if let given = members["name"] { name = try Self.name(given, path: path) }
            let rest = members.filter { $0.key != "name" }
            guard rest.count == 1, let member = rest.first else {
                throw ConfigurationError(
                    path: path, problem: "must name one layer, such as {dense: 64}, not \(rest.count)")
            }
            (kind, argument) = (member.key, member.value)
        default:
            throw ConfigurationError(
                path: path, problem: "must be a layer such as {dense: 64}, not \(value.kind)")
        }
        self.name = name
        if let type = LayerCatalog.all.first(where: { $0.kind == kind }) {
            let section = try Self.section(argument, kind, shorthand: type.shorthand, path: path)
            let layer = try type.init(section)
            try section.finish()
            content = .layer(layer)
        } else if let type = CompositeCatalog.all.first(where: { $0.kind == kind }) {
            let section = try Self.section(argument, kind, shorthand: type.shorthand, path: path)
            let composite = try type.init(section)
            try section.finish()
            content = .composite(composite)
        } else {
            let known = LayerCatalog.all.map { $0.kind } + CompositeCatalog.all.map { $0.kind }
            throw ConfigurationError(path: path, problem: Section.unknownName(kind, known: known))
        }
    }

    /// Reads a list of elements, at least one. Throws ``ConfigurationError`` with the whole path.
    package static func list(_ items: [JSONValue], path: String) throws -> [ModelElement] {
        guard !items.isEmpty else {
            throw ConfigurationError(path: path, problem: "must hold at least one layer")
        }
        return try items.enumerated().map { try ModelElement($1, path: "\(path)[\($0)]") }
    }

    private static func name(_ value: JSONValue, path: String) throws -> String {
        guard case .string(let text) = value, !text.isEmpty, text.utf8.count <= 200,
            text.utf8.allSatisfy({ isNameByte($0) })
        else {
            throw ConfigurationError(
                path: "\(path).name",
                problem: "must be a name of letters, digits, dots, hyphens and underscores")
        }
        return text
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func section(
        _ argument: JSONValue, _ kind: String, shorthand: String?, path: String
    ) throws -> Section {
        let path = "\(path).\(kind)"
        if case .object = argument { return try Section(argument, path: path) }
        guard let shorthand else {
            throw ConfigurationError(
                path: path, problem: "must be an object, such as {}, not \(argument.kind)")
        }
        return try Section(.object([shorthand: argument]), path: path)
    }
}
