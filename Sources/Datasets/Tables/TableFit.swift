internal import Configuration

/// What a table's columns become, learnt from some of its rows and from no other.
struct TableFit {
    typealias Encoding = TablePreprocessing.Encoding

    let table: RawTable
    let rows: [Int32]
    let options: TableOptions

    /// Learns centres, scales, imputed values and categories from the rows.
    ///
    /// Throws ``ConfigurationError`` where a column has nothing to learn from.
    func preprocessing() throws -> TablePreprocessing {
        let sourceNames = table.sourceNames
        func setting<Value>(_ settings: [ColumnReference: Value], _ column: RawTable.Column) -> Value? {
            // References were checked when the file was read; one that fails here names no feature.
            settings.first {
                (try? $0.key.resolve(among: sourceNames, file: options.path)) == column.place
            }?.value
        }
        let rules = table.columns.map { setting(options.normalizeColumn, $0) ?? options.normalize }
        let numeric = try numericEncodings(rules)
        let columns = table.columns.map { column -> TablePreprocessing.Column in
            switch column.kind {
            case .numeric(let slot): return .init(name: column.name, encoding: numeric[slot])
            case .categorical(let slot):
                let wanted = setting(options.categorical, column) ?? .oneHot
                return .init(name: column.name, encoding: categorical(slot, wanted))
            }
        }
        let readsTokens = table.columns.contains { setting(options.categorical, $0) == .token }
        guard !readsTokens || columns.count == 1 else {
            let others = columns.map(\.name).prefix(6).joined(separator: ", ")
            throw ConfigurationError(
                path: options.path,
                problem:
                    "a column of tokens must be the only feature, but there are \(others): say features: [\"…\"]"
            )
        }
        var classNames: [String] = []
        if case .classes(_, let names) = table.labels { classNames = names }
        return TablePreprocessing(
            columns: columns, unknownCategory: options.unknownCategory, classNames: classNames,
            sourceColumnCount: table.sourceColumnCount, labelPlace: table.labelPlace,
            target: try TargetScale.fit(table, rows: rows, options: options), readsTokens: readsTokens)
    }

    /// The encodings of the numeric columns, in the order of their slots.
    private func numericEncodings(_ rules: [NormalizationRule]) throws -> [Encoding] {
        let statistics = ColumnStatistics(table, rows: rows)
        let numeric = zip(table.columns, rules).filter {
            if case .numeric = $0.0.kind { true } else { false }
        }
        let imputed = try numeric.enumerated().map { slot, column in
            try imputation(slot, name: column.0.name, statistics)
        }
        // What is imputed counts among the values that are scaled, as the model will see it.
        let missing = statistics.counts.map { Double(statistics.rowCount - $0) }
        let means = statistics.sums.indices.map { slot in
            let sum = statistics.sums[slot] + (imputed[slot] ?? 0) * missing[slot]
            return sum / Double(max(1, imputed[slot] == nil ? statistics.counts[slot] : statistics.rowCount))
        }
        let needsSquares = numeric.contains { $0.1 == .standardize }
        let squares = needsSquares ? ColumnStatistics.squares(table, rows: rows, centers: means) : means
        return numeric.enumerated().map { slot, column in
            var (center, scale) = (0.0, 1.0)
            let fill = imputed[slot].flatMap { missing[slot] > 0 ? $0 : nil }
            let low = min(statistics.lows[slot], fill ?? .infinity)
            let high = max(statistics.highs[slot], fill ?? -.infinity)
            switch column.1 {
            case .none: break
            case .standardize:
                center = means[slot]
                let filled = fill.map { ($0 - center) * ($0 - center) * missing[slot] } ?? 0
                let count = statistics.counts[slot] + (fill == nil ? 0 : Int(missing[slot]))
                scale = ((squares[slot] + filled) / Double(max(1, count))).squareRoot()
            case .minMax where low <= high: (center, scale) = (low, high - low)
            case .minMax: break
            case .range(let low, let high): (center, scale) = (low, high - low)
            }
            // A constant column becomes 0, not a division by nothing (nor by what rounding left of it).
            if !(scale > 1e-12 * max(1e-12, abs(center))) { scale = 1 }
            return .numeric(
                center: center, scale: scale, imputed: imputed[slot], indicator: options.missingIndicator)
        }
    }

    /// What stands in for a missing value of a numeric column, or nil where none may be missing.
    private func imputation(_ slot: Int, name: String, _ statistics: ColumnStatistics) throws -> Double? {
        switch options.onMissing {
        case .error, .drop: return nil
        case .zero: return 0
        case .mean, .median:
            let count = statistics.counts[slot]
            guard count > 0 else {
                throw ConfigurationError(
                    path: options.path,
                    problem:
                        "column \"\(name)\" has no value in the training rows; ignore it, or use on_missing: \"zero\""
                )
            }
            return options.onMissing == .mean
                ? statistics.sums[slot] / Double(count)
                : ColumnStatistics.median(table, rows: rows, column: slot)
        }
    }

    private func categorical(_ slot: Int, _ wanted: TableOptions.Encoding) -> Encoding {
        var counts: [Int32: Int] = [:]
        for row in rows { counts[table.categories[slot][Int(row)], default: 0] += 1 }
        counts[-1] = nil
        let texts = table.vocabularies[slot].texts
        let seen = LabelRule.sorted(counts.keys.map { texts[Int($0)] })
        var imputed: String?
        if options.onMissing == .mean || options.onMissing == .median {
            // The most frequent category; of equals the first by its text, so that row order does not matter.
            imputed =
                counts.map { (text: texts[Int($0.key)], count: $0.value) }
                .min { ($1.count, $0.text) < ($0.count, $1.text) }?.text
        }
        switch wanted {
        case .oneHot: return .oneHot(categories: seen, imputed: imputed)
        case .ordinal(let order): return .ordinal(categories: order ?? seen, imputed: imputed)
        case .token: return .ordinal(categories: seen, imputed: imputed)
        }
    }
}

extension RawTable {
    /// The file's column names as far as features go; the places of others hold names that nothing matches.
    fileprivate var sourceNames: [String] {
        var names = (0..<sourceColumnCount).map { "\u{0}\($0)" }
        for column in columns { names[column.place] = column.name }
        return names
    }
}
