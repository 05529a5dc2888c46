package import Configuration

/// The answer to one question of a task of statistics, with what the noise alone makes it uncertain by. How records are spread
/// over clients, or which clients took part, is no part of an error stated here.
package struct StatisticsAnswer: Equatable, Sendable {
    /// A part of the records: a bin, a category or a class.
    package struct Part: Equatable, Sendable {
        package let name: String
        /// Share of the records that have a value, 0 to 1.
        package let share: Double
    }

    /// One quantile.
    package struct Quantile: Equatable, Sendable {
        /// The rank that was asked for, 0 to 1.
        package let rank: Double
        package let value: Double
        /// Standard error of the rank that `value` has.
        package let rankError: Double
    }

    package let kind: StatisticsQuestion.Kind
    /// Nil where the question is of records.
    package let column: String?
    /// Whether there was enough beside the noise, or anything at all, to answer from; without, nothing below is set.
    package var isAnswered = true
    /// A count, sum, mean, variance or share of missing values, in the column's own unit.
    package var value: Double?
    /// Standard error of `value`, or of each part's share.
    package var standardError: Double?
    /// The mean that a variance comes with.
    package var mean: Double?
    /// The range: lower edge of the first bin that holds something, upper edge of the last.
    package var range: (low: Double, high: Double)?
    /// Width of a bin, in the column's unit: nothing is known finer.
    package var binWidth: Double?
    package var parts: [Part] = []
    package var quantiles: [Quantile] = []

    init(_ question: StatisticsQuestion, column: String?) { (kind, self.column) = (question.kind, column) }

    /// As JSON: `question`, `column`, and what is set; `value: null` where there is no answer.
    package var json: JSONValue {
        var members: [String: JSONValue] = ["question": .string(kind.rawValue)]
        members["column"] = column.map { .string($0) }
        if !isAnswered { members["value"] = .null }
        members["value"] = value.map { .number($0) } ?? members["value"]
        members["standard_error"] = standardError.map { .number($0) }
        members["mean"] = mean.map { .number($0) }
        members["bin_width"] = binWidth.map { .number($0) }
        if let range { (members["low"], members["high"]) = (.number(range.low), .number(range.high)) }
        if !parts.isEmpty {
            members["parts"] = .array(
                parts.map { .object(["name": .string($0.name), "share": .number($0.share)]) })
        }
        if !quantiles.isEmpty {
            members["quantiles"] = .array(
                quantiles.map {
                    .object([
                        "rank": .number($0.rank), "value": .number($0.value),
                        "rank_error": .number($0.rankError),
                    ])
                })
        }
        return .object(members)
    }

    package static func == (left: StatisticsAnswer, right: StatisticsAnswer) -> Bool {
        left.json == right.json
    }
}
