internal import Federation
internal import Foundation
internal import Simulation

/// Answers of a task of statistics for reading, one line an answer, bin, category or quantile.
enum StatisticsText {
    /// Most parts of a distribution that are shown; JSON has all.
    private static let partLimit = 24

    /// All answers, and what they cost.
    static func text(_ result: StatisticsResult) -> String {
        var lines = ["\(result.task): \(result.clients) clients, \(guarantee(result))"]
        for answer in result.reading.answers { lines += Self.lines(answer) }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func guarantee(_ result: StatisticsResult) -> String {
        guard let epsilon = result.epsilon, let delta = result.delta else { return "nothing is private" }
        return "epsilon \(figure(epsilon)) for each \(result.reading.unit) at delta \(delta)"
    }

    private static func lines(_ answer: StatisticsAnswer) -> [String] {
        let name = (answer.column.map { "\($0) " } ?? "") + answer.kind.rawValue
        guard answer.isAnswered else { return ["\(name): too little beside the noise to tell"] }
        var lines: [String] = []
        if let value = answer.value {
            lines.append("\(name): \(figure(value))" + uncertainty(answer.standardError))
        }
        if let mean = answer.mean { lines.append("\(name), mean: \(figure(mean))") }
        if let range = answer.range {
            lines.append("\(name): \(figure(range.low)) to \(figure(range.high))")
        }
        if !answer.parts.isEmpty || answer.value == nil && answer.range == nil && answer.quantiles.isEmpty {
            lines.append("\(name):" + uncertainty(answer.standardError, of: "each share"))
        }
        for part in answer.parts.prefix(partLimit) { lines.append("  \(part.name): \(figure(part.share))") }
        if answer.parts.count > partLimit {
            lines.append("  … \(answer.parts.count - partLimit) more in the JSON")
        }
        for quantile in answer.quantiles {
            lines.append(
                "\(name) at \(figure(quantile.rank)): \(figure(quantile.value))"
                    + (quantile.rankError > 0 ? " (rank ± \(figure(quantile.rankError)))" : ""))
        }
        return lines
    }

    private static func uncertainty(_ error: Double?, of what: String? = nil) -> String {
        guard let error, error > 0 else { return "" }
        return " ± \(figure(error))" + (what.map { " \($0)" } ?? "")
    }

    private static func figure(_ value: Double) -> String { String(format: "%.5g", value) }
}
