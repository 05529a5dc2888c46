package import Configuration

/// A schema that is made of answers, for a task that trains afterwards: what `sordino schema` learns from rows in one place, from
/// what a federation released of them.
extension StatisticsReading {
    /// Least deviation that a column is divided by, in parts of its bounds: noise may leave less, or nothing.
    private static let leastDeviation = 1e-3

    /// The schema of a table: numbers standardised by the mean and the variance that were answered, and by the mean where one is
    /// missing, categories one-hot over their declared domain, classes as declared. It depends on the answers and the plan alone.
    ///
    /// Throws ``ConfigurationError`` for images, for a column that is made of others, and for one of numbers whose variance was
    /// not asked, or had no answer beside the noise.
    package func schema(of task: TaskPlan) throws -> JSONValue {
        func refuse(_ problem: String) -> ConfigurationError {
            ConfigurationError(path: "task.statistics", problem: problem)
        }
        guard let plan = task.configuration.statistics, plan.subject == .table else {
            throw refuse("is not of a table, so there are no columns to scale")
        }
        let columns = try plan.columns.map { column -> JSONValue in
            switch column.kind {
            case .category(let domain):
                return .object([
                    "name": .string(column.name), "encoding": .string("one_hot"),
                    "categories": .array(domain.map { .string($0) }), "imputed": .null,
                ])
            case .number(let low, let high):
                guard column.sources == [column.name] else {
                    throw refuse("has the column \"\(column.name)\", which is no column of the file to scale")
                }
                let answer = answers.first { $0.kind == .variance && $0.column == column.name }
                guard let answer else {
                    throw refuse(
                        "does not ask the variance of \"\(column.name)\", by which it would be scaled")
                }
                guard let mean = answer.mean, let variance = answer.value else {
                    throw refuse(
                        "was not answered beside the noise for \"\(column.name)\": give it a greater share, or more budget"
                    )
                }
                // Noise may leave hardly any variance, and a column that is divided by too little drowns the others.
                let deviation = max(variance, answer.standardError ?? 0).squareRoot()
                return .object([
                    "name": .string(column.name), "encoding": .string("numeric"), "center": .number(mean),
                    "scale": .number(max(deviation, Self.leastDeviation * (high - low))),
                    "imputed": .number(mean), "indicator": .bool(false),
                ])
            }
        }
        return .object([
            "kind": .string("table"), "unknown_category": .string("zero"),
            "classes": .array(plan.classes.map { .string($0) }), "columns": .array(columns),
        ])
    }
}
