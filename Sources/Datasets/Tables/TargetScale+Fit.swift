internal import Configuration

extension TargetScale {
    /// The scale of the values to predict, as the options ask for it.
    static func fit(
        _ table: RawTable, rows: [Int32], options: TableOptions
    ) throws -> TargetScale? {
        guard options.normalizeLabel != .none else { return nil }
        guard case .values(let all) = table.labels else {
            throw ConfigurationError(
                path: options.path, problem: "has classes as labels, so normalize_label does not apply")
        }
        let values = rows.map { Double(all[Int($0)]) }
        var (center, scale) = (0.0, 1.0)
        switch options.normalizeLabel {
        case .none: return nil
        case .range(let low, let high): (center, scale) = (low, high - low)
        case .minMax:
            let (low, high) = (values.min() ?? 0, values.max() ?? 1)
            (center, scale) = (low, high - low)
        case .standardize:
            center = values.reduce(0, +) / Double(max(1, values.count))
            let squares = values.reduce(0) { $0 + ($1 - center) * ($1 - center) }
            scale = (squares / Double(max(1, values.count))).squareRoot()
        }
        if !(scale > 1e-12 * max(1e-12, abs(center))) { scale = 1 }
        return TargetScale(center: center, scale: scale)
    }
}
