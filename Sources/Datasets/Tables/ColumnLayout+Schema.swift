internal import Configuration

/// A file's columns by the names that a model was trained with, whatever their order and whatever else is there.
extension ColumnLayout {
    /// What use of a trained model knows of the files that it is given.
    struct Expectation: Sendable {
        /// Columns, classes and encodings of the training.
        let schema: TablePreprocessing
        /// Name of the label in the training, where it is known.
        var labelName: String?
        /// Whether a label that is not named may be missing altogether.
        var isLabelOptional = true
        /// Whether a row may lack its label, or have one that the model does not know.
        var toleratesLabels = false
        /// Whether rows are told apart by the group that the options name.
        var readsGroups = false

        var columnCount: Int { schema.sourceColumnCount }
        var labelPlace: Int? { schema.labelPlace }
    }

    /// Gives the columns of the schema their parts by name, in the schema's order; the others are ignored.
    ///
    /// Throws ``ConfigurationError`` that names what is missing, and how to name columns of a file that has no names.
    init(
        names: [String], areNamed: Bool, expectation: Expectation, options: TableOptions, file: String
    ) throws {
        let schema = expectation.schema
        let concerned = Set(schema.columns.map(\.name) + [expectation.labelName].compactMap(\.self))
        try Self.refuseRepeated(names, concerned: concerned, file: file)
        var roles = [Role](repeating: .ignored, count: names.count)
        var features: [RawTable.Column] = []
        var counts = (numeric: 0, categorical: 0)
        let places = Dictionary(zip(names, names.indices)) { first, _ in first }
        for column in schema.columns {
            guard let place = places[column.name] else {
                throw Self.missing(column.name, among: names, areNamed: areNamed, file: file)
            }
            let kind: RawTable.Column.Kind
            switch column.encoding {
            case .numeric:
                (roles[place], kind) = (.numeric(counts.numeric), .numeric(counts.numeric))
                counts.numeric += 1
            case .oneHot, .ordinal:
                (roles[place], kind) = (.categorical(counts.categorical), .categorical(counts.categorical))
                counts.categorical += 1
            }
            features.append(.init(name: column.name, place: place, kind: kind))
        }
        for reference in options.categorical.keys {
            guard let place = try? reference.resolve(among: names, file: file),
                case .numeric = roles[place]
            else { continue }
            throw ConfigurationError(
                path: file,
                problem:
                    "column \"\(names[place])\" is under categorical, but the model was trained on its numbers"
            )
        }
        let label = try Self.label(
            names: names, areNamed: areNamed, roles: roles, expectation: expectation, options: options,
            file: file)
        if let label { roles[label] = .label }
        if expectation.readsGroups, let group = options.groupColumn {
            let place = try group.resolve(among: names, file: file)
            guard roles[place] == .ignored else {
                throw ConfigurationError(
                    path: file,
                    problem: "column \"\(names[place])\" cannot be the group: the model was trained on it")
            }
            roles[place] = .group
        }
        try self.init(
            names: names, roles: roles, features: features, labelPlace: label, options: options, file: file)
    }

    /// Names of columns that play no part, though nothing said so.
    func unmentioned(_ options: TableOptions) -> [String] {
        let stated = Set(
            (options.ignored + options.identifiers.keys + [options.groupColumn].compactMap(\.self)).compactMap
            {
                try? $0.resolve(among: names, file: "")
            })
        return names.indices.filter { roles[$0] == .ignored && !stated.contains($0) }.map { names[$0] }
    }

    /// The label's place: as the options say, else under the name that it had in training, else, in a file without
    /// names, where it was in training.
    private static func label(
        names: [String], areNamed: Bool, roles: [Role], expectation: Expectation, options: TableOptions,
        file: String
    ) throws -> Int? {
        if let label = options.label {
            do {
                let place = try label.resolve(among: names, file: file)
                guard roles[place] == .ignored else {
                    throw ConfigurationError(
                        path: file,
                        problem: "column \"\(names[place])\" cannot be the label: the model was trained on it"
                    )
                }
                return place
            } catch {
                guard expectation.isLabelOptional, !names.contains(where: { label == .name($0) }),
                    case .name = label
                else { throw error }
                return nil
            }
        }
        if let name = expectation.labelName, let place = names.firstIndex(of: name), roles[place] == .ignored
        {
            return place
        }
        if !areNamed, let place = expectation.labelPlace, names.indices.contains(place),
            names.count == expectation.columnCount, roles[place] == .ignored
        {
            return place
        }
        // What trained before models knew their label's name took the last column by default.
        if expectation.isLabelOptional, areNamed, expectation.labelName == nil, names.count > 1,
            roles[names.count - 1] == .ignored,
            expectation.columnCount == names.count, expectation.labelPlace == names.count - 1
        {
            return names.count - 1
        }
        guard expectation.isLabelOptional else {
            throw ConfigurationError(
                path: file, problem: "has no label: say which column it is (label: name or index)")
        }
        return nil
    }

    private static func missing(
        _ name: String, among names: [String], areNamed: Bool, file: String
    ) -> ConfigurationError {
        guard areNamed else {
            return ConfigurationError(
                path: file,
                problem:
                    "must have the column \(BadRows.show(name)), but its columns have no names: give column_names in their order"
            )
        }
        var problem = "has no column \(BadRows.show(name)), which the model was trained on"
        if let nearest = Section.nearest(to: name, among: names) {
            problem += "; did you mean \(BadRows.show(nearest))?"
        } else {
            problem +=
                "; its \(names.count) columns begin with \(names.prefix(8).map(BadRows.show).joined(separator: ", "))"
        }
        return ConfigurationError(path: file, problem: problem)
    }
}
