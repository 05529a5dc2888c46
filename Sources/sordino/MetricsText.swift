internal import Learning
internal import Operations

/// Metrics for reading.
enum MetricsText {
    /// The main figures in one line; `what` of the rows they are figures of.
    static func line(_ metrics: EvaluationMetrics, of what: String = "labels") -> String {
        var parts = ["loss \(Quantity.decimal(metrics.loss, places: 4))"]
        if let accuracy = metrics.accuracy {
            parts.append("accuracy \(Quantity.decimal(accuracy * 100, places: 2)) %")
        }
        if let error = metrics.meanAbsoluteError { parts.append("MAE \(Quantity.decimal(error, places: 4))") }
        if let error = metrics.rootMeanSquaredError {
            parts.append("RMSE \(Quantity.decimal(error, places: 4))")
        }
        if let share = metrics.rSquared { parts.append("R2 \(Quantity.decimal(share, places: 4))") }
        return "\(what) of \(metrics.examples) rows: " + parts.joined(separator: ", ")
    }

    /// All figures, one a line.
    static func text(_ metrics: EvaluationMetrics) -> String {
        var lines: [(String, String)] = [("examples", String(metrics.examples))]
        func add(_ name: String, _ value: Double?, percent: Bool = false) {
            guard let value else { return }
            lines.append(
                (
                    name,
                    percent
                        ? Quantity.decimal(value * 100, places: 2) + " %" : Quantity.decimal(value, places: 4)
                ))
        }
        add("loss", metrics.loss)
        add("accuracy", metrics.accuracy, percent: true)
        add("top-5", metrics.top5Accuracy, percent: true)
        add("precision", metrics.macro?.precision)
        add("recall", metrics.macro?.recall)
        add("F1 (macro)", metrics.macro?.f1)
        add("ROC-AUC", metrics.rocAUC)
        add("MAE", metrics.meanAbsoluteError)
        add("RMSE", metrics.rootMeanSquaredError)
        add("R2", metrics.rSquared)
        var text = lines.map { $0.0 + String(repeating: " ", count: max(1, 15 - $0.0.count)) + $0.1 + "\n" }
            .joined()
        if let confusion = metrics.confusion, confusion.count <= 20 {
            text += "confusion (rows: truth, columns: prediction)\n"
            let width = (confusion.joined().max() ?? 0).description.count + 1
            for row in confusion {
                text +=
                    row.map { String(repeating: " ", count: width - $0.description.count) + "\($0)" }.joined()
                    + "\n"
            }
        }
        return text
    }
}
