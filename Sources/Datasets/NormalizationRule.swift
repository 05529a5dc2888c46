internal import Configuration

/// How a numeric column is brought to a common scale.
enum NormalizationRule: Equatable, Sendable {
    case none
    /// Mean 0 and standard deviation 1 over the training rows.
    case standardize
    /// 0 to 1 over the training rows.
    case minMax
    /// 0 to 1 over a range that is known beforehand; learns nothing from the data, so it discloses nothing.
    case range(Double, Double)

    /// Reads `"none"`, `"standardize"`, `"min_max"` or `{ range: [low, high] }`.
    init(_ value: JSONValue, path: String) throws {
        switch value {
        case .string("none"): self = .none
        case .string("standardize"): self = .standardize
        case .string("min_max"): self = .minMax
        case .string(let name):
            let known = ["none", "standardize", "min_max"]
            throw ConfigurationError(path: path, problem: Section.unknownName(name, known: known))
        default:
            let section = try Section(value, path: path)
            let bounds = try section.list("range") ?? []
            try section.finish()
            let numbers = bounds.compactMap { bound -> Double? in
                switch bound {
                case .integer(let number): Double(number)
                case .number(let number): number
                default: nil
                }
            }
            guard bounds.count == 2, numbers.count == 2, numbers[0] < numbers[1] else {
                throw section.error("range", "must be two numbers, the lower first, such as [0, 16]")
            }
            self = .range(numbers[0], numbers[1])
        }
    }
}

/// The scale on which values to predict are learnt: learnt = (value - `center`) / `scale`.
package struct TargetScale: Equatable, Sendable {
    package let center: Double
    /// Above 0.
    package let scale: Double
}

/// What happens to a category that training did not know.
enum UnknownCategory: String, CaseIterable, Sendable {
    /// It counts as no category: zeros in a one-hot code, -1 in an ordinal one.
    case zero
    /// The row is refused.
    case error
}
