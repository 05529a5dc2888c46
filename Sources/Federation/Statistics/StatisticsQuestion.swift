internal import Configuration

/// One question of a task of statistics about one column, or about records as a whole.
///
/// Every question has each record spread a mass of at most 1 over a block of slots, all at one place or shared between
/// neighbours, so that the L2 norm of what one record adds is at most 1.
package struct StatisticsQuestion: Equatable, Sendable {
    /// What is asked for.
    package enum Kind: String, Sendable, CaseIterable {
        case records, count, sum, mean, variance, range, histogram, quantiles, frequencies, missing, classes
        case heavyHitters = "heavy_hitters"

        /// Whether the answer grows with the number of records, which one client may add to without end.
        var isTotal: Bool { self == .records || self == .count || self == .sum }
        /// Whether it is of no column.
        var isOfRecords: Bool { self == .records || self == .classes }

        /// Whether it can be asked of such a column.
        func applies(to column: StatisticsColumn.Kind) -> Bool {
            switch (self, column) {
            case (.missing, _), (.count, _): true
            case (.frequencies, .category), (.heavyHitters, .category): true
            case (.sum, .number), (.mean, .number), (.variance, .number), (.range, .number),
                (.histogram, .number), (.quantiles, .number):
                true
            default: false
            }
        }

        /// Whether cumulative sums of the block are what is wanted, so that its noise is shaped for them.
        var isCumulative: Bool { self == .quantiles || self == .range }
    }

    package let kind: Kind
    /// Place of the column among the declared ones; nil where it is of no column.
    package let column: Int?
    /// Name of the block in what is published, such as `"age.mean"`.
    package let name: String
    /// Slots of the block.
    package let size: Int
    /// The question's part of the budget, 0 to 1; all of a task add up to 1. The squared norm of its block is at most this part
    /// of the vector's.
    package var share: Double
    /// Ranks that quantiles are asked at, 0 to 1.
    package let ranks: [Double]
    /// Most values that heavy hitters are listed of.
    package let most: Int

    /// Most bins of a histogram: those with cumulative sums cost a product of as many rows and columns.
    static let binLimit = 4096
    /// Ranks where quantiles do not say theirs.
    static let standardRanks = [0.25, 0.5, 0.75]

    /// The questions of one item of `ask`: one a column. Shares are as written, not scaled yet. Throws ``ConfigurationError``.
    static func read(_ section: Section, columns: [StatisticsColumn], classes: [String]) throws
        -> [StatisticsQuestion]
    {
        guard let kind = try section.choice("question", of: Kind.self) else {
            throw section.error(
                "question", "is missing: one of \(Kind.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let share = try section.positive("share") ?? 1
        var bins = 0
        if [.histogram, .quantiles, .range].contains(kind) {
            bins = try section.integer("bins", in: 2...binLimit) ?? (kind == .histogram ? 16 : 256)
        }
        let ranks = kind == .quantiles ? try Self.ranks(section) : []
        let most = kind == .heavyHitters ? try section.integer("most", in: 1...10_000) ?? 10 : 0
        let named = try section.list("columns")
        try section.finish()
        func question(_ column: Int?, _ name: String, size: Int) -> StatisticsQuestion {
            StatisticsQuestion(
                kind: kind, column: column, name: name, size: size, share: share, ranks: ranks, most: most)
        }
        if kind.isOfRecords {
            guard named == nil else {
                throw section.error("columns", "has no meaning for \"\(kind.rawValue)\", which is of records")
            }
            guard kind == .classes else { return [question(nil, kind.rawValue, size: 1)] }
            guard !classes.isEmpty else {
                throw section.error("question", "is \"classes\", but task.statistics.classes names none")
            }
            return [question(nil, kind.rawValue, size: classes.count)]
        }
        let places =
            try named.map { try Self.places($0, section, columns, kind) }
            ?? columns.indices.filter { kind.applies(to: columns[$0].kind) }
        guard !places.isEmpty else {
            throw section.error(
                "question", "is \"\(kind.rawValue)\", which can be asked of no declared column")
        }
        return places.map { place in
            let size: Int
            switch (kind, columns[place].kind) {
            case (.count, _): size = 1
            case (.variance, _): size = 3
            case (.missing, _), (.sum, _), (.mean, _): size = 2
            case (_, .category(let domain)): size = domain.count + 1
            default: size = bins
            }
            return question(place, "\(columns[place].name).\(kind.rawValue)", size: size)
        }
    }

    private static func places(
        _ named: [JSONValue], _ section: Section, _ columns: [StatisticsColumn], _ kind: Kind
    ) throws -> [Int] {
        try named.map { item in
            guard case .string(let name) = item else {
                throw section.error("columns", "must be a list of column names, such as [\"age\"]")
            }
            guard let place = columns.firstIndex(where: { $0.name == name }) else {
                throw section.error("columns", Section.unknownName(name, known: columns.map(\.name)))
            }
            guard kind.applies(to: columns[place].kind) else {
                let numbers = if case .number = columns[place].kind { "numbers" } else { "categories" }
                throw section.error(
                    "columns",
                    "names \"\(name)\", which is of \(numbers): \"\(kind.rawValue)\" cannot be asked of it"
                )
            }
            return place
        }
    }

    private static func ranks(_ section: Section) throws -> [Double] {
        guard let items = try section.list("at") else { return standardRanks }
        let ranks = items.compactMap { item -> Double? in
            switch item {
            case .integer(let whole): Double(whole)
            case .number(let number): number
            default: nil
            }
        }
        guard !items.isEmpty, items.count <= 1000, ranks.count == items.count,
            ranks.allSatisfy({ $0 >= 0 && $0 <= 1 })
        else {
            throw section.error("at", "must be a list of ranks from 0 to 1, such as [0.25, 0.5, 0.75]")
        }
        return ranks
    }
}
