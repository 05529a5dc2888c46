package import Configuration

/// How a table's columns become features.
package struct TablePreprocessing: Equatable, Sendable {
    /// What one column becomes.
    enum Encoding: Equatable, Sendable {
        /// (value - center) / scale; a missing value is `imputed` first, and marked in a column of its own where
        /// `indicator` is true. Without `imputed` no value may be missing.
        case numeric(center: Double, scale: Double, imputed: Double?, indicator: Bool)
        /// A 0/1 column a category; a missing value counts as `imputed`, or as no category.
        case oneHot(categories: [String], imputed: String?)
        /// The category's number; -1 for no category.
        case ordinal(categories: [String], imputed: String?)
    }

    /// One column of the table.
    struct Column: Equatable, Sendable {
        let name: String
        let encoding: Encoding

        /// Names of the features that the column becomes.
        var featureNames: [String] {
            switch encoding {
            case .numeric(_, _, _, let indicator): indicator ? [name, "\(name) missing"] : [name]
            case .oneHot(let categories, _): categories.map { "\(name)=\($0)" }
            case .ordinal: [name]
            }
        }
    }

    let columns: [Column]
    let unknownCategory: UnknownCategory
    /// Names of the classes in their order; empty where values are predicted.
    package let classNames: [String]
    /// Columns of the file that was read for training, and the place of its label.
    let sourceColumnCount: Int
    let labelPlace: Int?
    /// The scale on which values to predict are learnt; nil where they are learnt as they are.
    var target: TargetScale?
    /// Whether the one column's category numbers are tokens; one behind them stands for a category that is unknown.
    var readsTokens = false

    /// Tokens that a model of these data must tell apart; nil where features are numbers.
    package var vocabulary: Int? {
        guard readsTokens, case .ordinal(let categories, _)? = columns.first?.encoding else { return nil }
        return categories.count + 1
    }

    /// Names of the features in their order.
    package var featureNames: [String] { columns.flatMap(\.featureNames) }

    /// As JSON.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "kind": .string("table"), "unknown_category": .string(unknownCategory.rawValue),
            "classes": .array(classNames.map { .string($0) }), "source_columns": .integer(sourceColumnCount),
            "label_column": labelPlace.map { .integer($0) } ?? .null, "columns": .array(columns.map(\.json)),
        ]
        if readsTokens { members["tokens"] = .bool(true) }
        if let target {
            members["target"] = .object(["center": .number(target.center), "scale": .number(target.scale)])
        }
        return .object(members)
    }
}

extension TablePreprocessing {
    /// Reads what ``json`` gave; `kind` has been read already.
    init(_ section: Section) throws {
        unknownCategory = try section.choice("unknown_category", of: UnknownCategory.self) ?? .zero
        classNames = try Preprocessing.texts(section, "classes")
        sourceColumnCount = try section.integer("source_columns", in: 0...RecordScanner.fieldLimit) ?? 0
        labelPlace = try section.integer("label_column", in: 0...RecordScanner.fieldLimit)
        target = try section.section("target").map { target in
            let center = try target.number("center") ?? 0
            let scale = try target.positive("scale") ?? 1
            try target.finish()
            return TargetScale(center: center, scale: scale)
        }
        columns = try (section.list("columns") ?? []).enumerated().map { index, value in
            try Column(Section(value, path: "\(section.path).columns.\(index)"))
        }
        readsTokens = try section.bool("tokens") ?? false
        guard !readsTokens || (columns.count == 1 && vocabulary.map { $0 <= 1 << 24 } == true) else {
            throw section.error("tokens", "goes with one ordinal column of at most 2^24 categories")
        }
    }
}

extension TablePreprocessing.Column {
    /// As JSON: the name and one of `numeric`, `one_hot`, `ordinal`.
    var json: JSONValue {
        func texts(_ categories: [String]) -> JSONValue { .array(categories.map { .string($0) }) }
        switch encoding {
        case .numeric(let center, let scale, let imputed, let indicator):
            return .object([
                "name": .string(name), "encoding": .string("numeric"), "center": .number(center),
                "scale": .number(scale), "imputed": imputed.map { .number($0) } ?? .null,
                "indicator": .bool(indicator),
            ])
        case .oneHot(let categories, let imputed):
            return .object([
                "name": .string(name), "encoding": .string("one_hot"), "categories": texts(categories),
                "imputed": imputed.map { .string($0) } ?? .null,
            ])
        case .ordinal(let categories, let imputed):
            return .object([
                "name": .string(name), "encoding": .string("ordinal"), "categories": texts(categories),
                "imputed": imputed.map { .string($0) } ?? .null,
            ])
        }
    }

    /// Reads what ``json`` gave.
    init(_ section: Section) throws {
        guard let name = try section.string("name") else { throw section.error("name", "is missing") }
        self.name = name
        switch try section.string("encoding") {
        case "numeric":
            encoding = .numeric(
                center: try section.number("center") ?? 0, scale: try section.positive("scale") ?? 1,
                imputed: try section.number("imputed"), indicator: try section.bool("indicator") ?? false)
        case "one_hot":
            encoding = .oneHot(
                categories: try Preprocessing.texts(section, "categories"),
                imputed: try section.string("imputed"))
        case "ordinal":
            encoding = .ordinal(
                categories: try Preprocessing.texts(section, "categories"),
                imputed: try section.string("imputed"))
        default: throw section.error("encoding", "must be \"numeric\", \"one_hot\" or \"ordinal\"")
        }
        try section.finish()
    }
}
