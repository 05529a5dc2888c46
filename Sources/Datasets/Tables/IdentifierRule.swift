internal import Configuration

/// What is done to a column that names people, before anything else sees it.
enum IdentifierRule: String, CaseIterable, Sendable {
    /// Nothing of it is read.
    case drop
    /// A code under a key of the site's stands in the place of each value: it may tell rows apart, and is never learnt from.
    case keyedHash = "keyed-hash"
}

/// The columns of a file that name people, by their places.
struct IdentifierColumns: Sendable {
    private let rules: [Int: IdentifierRule]
    private let hash: DataSource.IdentifierHash?

    /// Finds the columns that the options name; one that the file does not have could be a name written wrong. Throws
    /// ``ConfigurationError``, also where a rule needs a key that the reader does not have.
    init(_ options: TableOptions, names: [String], file: String) throws {
        var rules: [Int: IdentifierRule] = [:]
        for (reference, rule) in options.identifiers {
            rules[try reference.resolve(among: names, file: file)] = rule
        }
        self.rules = rules
        hash = options.identifierHash
        guard hash != nil || !rules.values.contains(.keyedHash) else {
            throw ConfigurationError(
                path: file, problem: "has identifiers under \"keyed-hash\", whose key only a site's agent has"
            )
        }
    }

    /// Places of the columns.
    var places: Set<Int> { Set(rules.keys) }

    /// Whether values of the column are seen as codes only.
    func isHashed(_ place: Int) -> Bool { rules[place] == .keyedHash }

    /// Throws ``ConfigurationError`` where one of these columns would be learnt from or told: `roles` are the parts that
    /// columns play, `kept` the places whose texts are kept.
    func require(_ roles: [ColumnLayout.Role], kept: [Int], names: [String], file: String) throws {
        for (place, rule) in rules.sorted(by: { $0.key < $1.key }) {
            let problem: String?
            switch roles[place] {
            case .numeric, .categorical: problem = "learnt from"
            case .label: problem = "the label"
            case .group: problem = rule == .drop ? "the group, unless its rule is \"keyed-hash\"" : nil
            case .ignored: problem = rule == .drop && kept.contains(place) ? "kept" : nil
            }
            guard let problem else { continue }
            throw ConfigurationError(
                path: file,
                problem: "column \(BadRows.show(names[place])) is under identifiers: it cannot be \(problem)")
        }
    }

    /// What stands for a value of a column under `keyed-hash`. Throws what the key's owner throws.
    func code(of text: String) throws -> String {
        guard let hash else { return "" }
        return String(decoding: try hash(Array(text.utf8)), as: UTF8.self)
    }
}
