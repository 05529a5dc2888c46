internal import Compute
internal import Configuration

extension TablePreprocessing {
    /// The chosen rows as examples. Throws ``ConfigurationError`` where the table's columns are not those that
    /// were fitted, or a category is unknown and that is to be refused.
    func transform(_ table: RawTable, rows: [Int32], shape: [Int]?, file: String) throws -> Examples {
        let width = featureNames.count
        let shape = shape ?? [width]
        guard shape.reduce(1, *) == width else {
            throw ConfigurationError(
                path: file, problem: "has \(width) features an example, which do not fill the shape \(shape)")
        }
        try check(table, file: file)
        var features = [Float](repeating: 0, count: rows.count * width)
        try fillNumbers(&features, width: width, table: table, rows: rows, file: file)
        var start = 0
        for (column, source) in zip(columns, table.columns) {
            try fill(
                &features, start: start, width: width, column: column, source: source, table: table,
                rows: rows, file: file)
            start += column.featureNames.count
        }
        let targets: Examples.Targets
        switch table.labels {
        case .none: targets = .values([], width: 0)
        case .classes(let codes, let names):
            targets = .classes(rows.map { codes[Int($0)] }, count: names.count)
        case .values(let values):
            let chosen = rows.map { values[Int($0)] }
            targets = .values(
                target.map { target in chosen.map { Float((Double($0) - target.center) / target.scale) } }
                    ?? chosen,
                width: 1)
        }
        return Examples(
            count: rows.count, featureShape: shape, features: featuresOrTokens(features), targets: targets)
    }

    // Category numbers are whole, and below 2^24 exact.
    private func featuresOrTokens(_ features: [Float]) -> Examples.Features {
        guard let vocabulary else { return .floats(features) }
        return .tokens(
            features.map { $0 < 0 ? Int32(vocabulary - 1) : Int32($0) }, vocabulary: vocabulary)
    }

    private func check(_ table: RawTable, file: String) throws {
        for (index, column) in columns.enumerated() {
            guard index < table.columns.count, table.columns[index].name == column.name else {
                throw ConfigurationError(
                    path: file,
                    problem:
                        "feature \(index) must be the column \"\(column.name)\", with which the model was trained"
                )
            }
        }
        guard table.columns.count == columns.count else {
            throw ConfigurationError(
                path: file,
                problem:
                    "has \(table.columns.count) feature columns; the model was trained with \(columns.count)")
        }
    }

    /// Fills in all numeric columns, row by row as they lie in memory.
    private func fillNumbers(
        _ features: inout [Float], width: Int, table: RawTable, rows: [Int32], file: String
    ) throws {
        var plans: [NumberPlan] = []
        var start = 0
        for (column, source) in zip(columns, table.columns) {
            if case .numeric(let center, let scale, let imputed, let indicator) = column.encoding,
                case .numeric(let slot) = source.kind
            {
                plans.append(
                    NumberPlan(
                        slot: slot, place: start, center: center, scale: scale, imputed: imputed ?? 0,
                        allowsMissing: imputed != nil, indicator: indicator))
            }
            start += column.featureNames.count
        }
        var refused: NumberPlan?
        features.withUnsafeMutableBufferPointer { features in
            table.numbers.withUnsafeBufferPointer { numbers in
                for (index, row) in rows.enumerated() {
                    let source = Int(row) * table.numericCount
                    for plan in plans {
                        let raw = numbers[source + plan.slot]
                        if raw.isNaN && !plan.allowsMissing { refused = plan }
                        let value = raw.isNaN ? plan.imputed : Double(raw)
                        features[index * width + plan.place] = Float((value - plan.center) / plan.scale)
                        if plan.indicator { features[index * width + plan.place + 1] = raw.isNaN ? 1 : 0 }
                    }
                }
            }
        }
        if let refused {
            let name = table.columns.first { $0.kind == .numeric(refused.slot) }?.name ?? ""
            throw ConfigurationError(
                path: file, problem: "column \"\(name)\" has missing values; training had none")
        }
    }

    private func fill(
        _ features: inout [Float], start: Int, width: Int, column: Column, source: RawTable.Column,
        table: RawTable, rows: [Int32], file: String
    ) throws {
        switch (column.encoding, source.kind) {
        case (.numeric, .numeric): break
        case (.oneHot(let categories, let imputed), .categorical(let slot)):
            let codes = try table.codes(
                slot: slot, categories: categories, imputed: imputed, unknown: unknownCategory,
                rows: rows, name: column.name, file: file)
            for (index, code) in codes.enumerated() where code >= 0 {
                features[index * width + start + code] = 1
            }
        case (.ordinal(let categories, let imputed), .categorical(let slot)):
            let codes = try table.codes(
                slot: slot, categories: categories, imputed: imputed, unknown: unknownCategory,
                rows: rows, name: column.name, file: file)
            for (index, code) in codes.enumerated() { features[index * width + start] = Float(code) }
        default:
            throw ConfigurationError(
                path: file,
                problem: "column \"\(column.name)\" is not of the kind that the model was trained with")
        }
    }
}

/// Where a numeric column goes and how.
private struct NumberPlan {
    let slot: Int
    let place: Int
    let center: Double
    let scale: Double
    let imputed: Double
    let allowsMissing: Bool
    let indicator: Bool
}

extension RawTable {
    /// Each row's category by its place in `categories`; -1 for none.
    fileprivate func codes(
        slot: Int, categories: [String], imputed: String?, unknown: UnknownCategory,
        rows: [Int32], name: String, file: String
    ) throws -> [Int] {
        let places = Dictionary(zip(categories, categories.indices), uniquingKeysWith: { first, _ in first })
        let texts = vocabularies[slot].texts
        let known = texts.map { places[$0] ?? -1 }
        let whenMissing = imputed.flatMap { places[$0] } ?? -1
        return try rows.map { row in
            let code = self.categories[slot][Int(row)]
            guard code >= 0 else { return whenMissing }
            let place = known[Int(code)]
            guard place >= 0 || unknown == .zero else {
                throw ConfigurationError(
                    path: file,
                    problem:
                        "column \"\(name)\" has the category \(BadRows.show(texts[Int(code)])), which training did not know"
                )
            }
            return place
        }
    }
}
