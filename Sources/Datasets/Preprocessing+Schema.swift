internal import Configuration

/// A preprocessing as a schema: what columns and classes mean, the same at every site.
extension Preprocessing {
    /// Throws ``ConfigurationError`` under `path` where this says too little for sites to mean the same by it: columns
    /// without names or named twice, classes named twice, a scale that is none.
    package func checkCompleteness(path: String) throws {
        func refuse(_ problem: String) -> ConfigurationError {
            ConfigurationError(path: path, problem: problem)
        }
        if let twice = Self.repeated(classNames) {
            throw refuse("names the class \(BadRows.show(twice)) twice")
        }
        switch self {
        case .text: break
        case .images(let center, let scale, _):
            guard center.isFinite, scale.isFinite else { throw refuse("center and scale must be numbers") }
        case .table(let table):
            if let target = table.target, !(target.center.isFinite && target.scale.isFinite) {
                throw refuse("target has a figure that is no number")
            }
            guard table.target == nil || table.classNames.isEmpty else {
                throw refuse("has both classes and a target's scale")
            }
            guard !table.columns.isEmpty else {
                throw refuse(
                    "names no column: without the columns' names and order each site would have its own")
            }
            if let twice = Self.repeated(table.columns.map(\.name)) {
                throw refuse("names the column \(BadRows.show(twice)) twice")
            }
            for column in table.columns {
                switch column.encoding {
                case .numeric(let center, let scale, let imputed, _):
                    guard center.isFinite, scale.isFinite, imputed?.isFinite ?? true else {
                        throw refuse("column \(BadRows.show(column.name)) has a figure that is no number")
                    }
                case .oneHot(let categories, _), .ordinal(let categories, _):
                    guard !categories.isEmpty, Self.repeated(categories) == nil else {
                        throw refuse(
                            "column \(BadRows.show(column.name)) must list its categories, none twice")
                    }
                }
            }
        }
    }

    /// Values an example of a table has, or tokens a sequence of text; nil for images, whose shape is the model's.
    package var featureCount: Int? {
        switch self {
        case .table(let table): table.featureNames.count
        case .text(let text): text.length
        case .images: nil
        }
    }

    /// In which way another schema means something else by its columns or classes, in one line; nil where both mean
    /// the same. How values are scaled is not compared: it is given with the model.
    package func difference(from other: Preprocessing) -> String? {
        func list(_ names: [String]) -> String {
            names.prefix(12).map(BadRows.show).joined(separator: ", ") + (names.count > 12 ? ", …" : "")
        }
        guard classNames == other.classNames else {
            return "its classes are \(list(classNames)), not \(list(other.classNames))"
        }
        switch (self, other) {
        case (.images, .images): return nil
        case (.text(let mine), .text(let theirs)): return mine.difference(from: theirs)
        case (.table(let mine), .table(let theirs)):
            guard mine.readsTokens == theirs.readsTokens else {
                return mine.readsTokens ? "its column is of tokens" : "its columns are no tokens"
            }
            let (names, others) = (mine.columns.map(\.name), theirs.columns.map(\.name))
            guard names == others else { return "its columns are \(list(names)), not \(list(others))" }
            for (column, other) in zip(mine.columns, theirs.columns)
            where column.categories != other.categories {
                return "column \(BadRows.show(column.name)) has other categories"
            }
            return nil
        default: return "it is of another kind"
        }
    }

    private static func repeated(_ names: [String]) -> String? {
        var seen: Set<String> = []
        return names.first { !seen.insert($0).inserted }
    }
}

extension TablePreprocessing.Column {
    /// Categories in their order; nil for numbers.
    fileprivate var categories: [String]? {
        switch encoding {
        case .numeric: nil
        case .oneHot(let categories, _), .ordinal(let categories, _): categories
        }
    }
}
