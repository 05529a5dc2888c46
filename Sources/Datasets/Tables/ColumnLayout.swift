internal import Configuration

/// What each column of a file is for.
struct ColumnLayout: Sendable {
    /// A column's part.
    enum Role: Sendable, Equatable {
        case ignored
        case numeric(Int)
        case categorical(Int)
        case label
        case group
    }

    let names: [String]
    let roles: [Role]
    let features: [RawTable.Column]
    let labelPlace: Int?
    /// What is missing in each column.
    let missing: [MissingValues]
    /// Whether a number can mean a missing value, for each column.
    let hasMissingNumbers: [Bool]
    /// Columns that name people.
    let identifiers: IdentifierColumns

    var numericCount: Int { features.count { if case .numeric = $0.kind { true } else { false } } }
    var categoricalCount: Int { features.count - numericCount }

    /// Gives every column of `file` its part. Without `requiresLabel` the label column may be absent. The columns at the
    /// places `empty` have neither name nor value and no part.
    init(
        names: [String], options: TableOptions, requiresLabel: Bool, empty: Set<Int> = [], file: String
    ) throws {
        try Self.refuseRepeated(names, file: file)
        let label = try Self.label(names: names, options: options, required: requiresLabel, file: file)
        var group: Int?
        if case .column(let reference) = options.group {
            group = try reference.resolve(among: names, file: file)
        }
        let chosen = try options.features?.map { try $0.resolve(among: names, file: file) }
        let ignored = try options.ignored.map { try $0.resolve(among: names, file: file) }
        let categorical = Set(try options.categorical.keys.map { try $0.resolve(among: names, file: file) })
        for reference in options.normalizeColumn.keys { _ = try reference.resolve(among: names, file: file) }
        if let both = (chosen ?? Array(categorical)).first(where: { $0 == label || $0 == group }) {
            throw ConfigurationError(
                path: file,
                problem: "column \"\(names[both])\" cannot be a feature: it is the label or the group")
        }
        let identifiers = try IdentifierColumns(options, names: names, file: file).places
        // One that is named as a feature is refused below, with the others' reasons.
        let isFeature = Set(chosen ?? Array(Set(names.indices).subtracting(identifiers).union(categorical)))
            .subtracting(ignored).subtracting(empty)
            .subtracting(
                [label, group].compactMap(\.self))
        var roles = [Role](repeating: .ignored, count: names.count)
        var features: [RawTable.Column] = []
        var counts = (numeric: 0, categorical: 0)
        for place in names.indices where isFeature.contains(place) {
            let kind: RawTable.Column.Kind
            if categorical.contains(place) {
                (roles[place], kind) = (.categorical(counts.categorical), .categorical(counts.categorical))
                counts.categorical += 1
            } else {
                (roles[place], kind) = (.numeric(counts.numeric), .numeric(counts.numeric))
                counts.numeric += 1
            }
            features.append(.init(name: names[place], place: place, kind: kind))
        }
        guard !features.isEmpty else {
            throw ConfigurationError(path: file, problem: "leaves no column as a feature")
        }
        if let label { roles[label] = .label }
        if let group { roles[group] = .group }
        try self.init(
            names: names, roles: roles, features: features, labelPlace: label, options: options, file: file)
    }

    /// A layout of these parts, with what is missing in each column as the options say.
    init(
        names: [String], roles: [Role], features: [RawTable.Column], labelPlace: Int?, options: TableOptions,
        file: String
    ) throws {
        var missing = [MissingValues](repeating: options.missing, count: names.count)
        for (reference, values) in options.missingInColumn {
            let place = try reference.resolve(among: names, file: file)
            missing[place] = missing[place].union(values)
        }
        self.names = names
        self.roles = roles
        self.features = features
        self.missing = missing
        hasMissingNumbers = missing.map(\.includesNumbers)
        self.labelPlace = labelPlace
        identifiers = try IdentifierColumns(options, names: names, file: file)
        let kept = try options.kept.map { try $0.resolve(among: names, file: file) }
        try identifiers.require(roles, kept: kept, names: names, file: file)
    }

    /// Throws ``ConfigurationError`` where two columns have one name; of `concerned` only where these are given.
    static func refuseRepeated(_ names: [String], concerned: Set<String>? = nil, file: String) throws {
        let repeated = Dictionary(grouping: names, by: \.self).filter { $0.value.count > 1 }.keys
        guard let twice = repeated.filter({ concerned?.contains($0) ?? true }).min() else { return }
        throw ConfigurationError(path: file, problem: "names the column \(BadRows.show(twice)) twice")
    }

    private static func label(names: [String], options: TableOptions, required: Bool, file: String) throws
        -> Int?
    {
        guard let label = options.label else {
            guard !required else {
                throw ConfigurationError(
                    path: file, problem: "has no label: say which column it is (label: name or index)")
            }
            return nil
        }
        do {
            return try label.resolve(among: names, file: file)
        } catch {
            guard required else { return nil }
            throw error
        }
    }
}
