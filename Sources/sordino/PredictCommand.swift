internal import Datasets
internal import Compute
internal import Configuration
internal import Learning
internal import Operations

/// `sordino predict`: a published model's answers, as CSV.
enum PredictCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino predict", summary: "Write a published model's predictions as CSV.",
        options: PublishedModel.options + [
            .value(
                "keep", "COLUMN",
                "Repeat this column of the data, such as an identifier, before each prediction; may be repeated.",
                repeatable: true),
            .value("out", "FILE", "Write to this file, or - (default: standard output)."),
        ],
        notes:
            "Columns: those kept, then prediction, then the probability of each class; or the predicted values; or, of a model"
            + " that reconstructs its input, anomaly_score, the mean squared error of the row's features. Where every"
            + " row has a label, figures as sordino evaluate prints them go to standard error.\n")

    /// Rows predicted at once.
    private static let blockSize = 8192

    static func run(_ options: Options) throws -> ExitCode {
        let published = try PublishedModel(options.required("model"), options)
        guard !published.model.outputShape.hasTime else {
            throw Failure(
                .invalidInput,
                "the model predicts a token at each position, not an answer for an example: sordino evaluate says how well"
            )
        }
        let rows = try published.rows(options, forPrediction: true)
        let examples = rows.examples
        try published.model.check(examples)
        let evaluator = Evaluator(model: published.model, loss: published.loss)
        let out = options.string("out") ?? "-"
        let streams = try OutputFile.target(out) == .standardOutput
        var text = header(published, keep: options.all("keep")) + "\n"
        for start in stride(from: 0, to: examples.count, by: blockSize) {
            let range = start..<min(start + blockSize, examples.count)
            let predictions = evaluator.predict(
                published.values, on: examples, range: range, classifies: published.classifies)
            for (index, prediction) in zip(range, predictions) {
                for kept in rows.kept.isEmpty ? [] : rows.kept[index] { text += field(kept) + "," }
                text += row(prediction, published) + "\n"
            }
            if streams {
                StandardOutput.write(text)
                text = ""
            }
        }
        if streams { StandardOutput.write(text) } else { try OutputFile.write(text, to: out) }
        sayFigures(published, examples)
        return .done
    }

    /// Figures on standard error, where every row has a label that the model knows.
    private static func sayFigures(_ published: PublishedModel, _ examples: Examples) {
        if !published.reconstructs, case .values(_, width: 0) = examples.targets { return }
        guard
            (try? LossCatalog.check(published.loss, model: published.model, targets: examples.targets)) != nil
        else { return }
        let metrics = Evaluator(model: published.model, loss: published.loss)
            .metrics(published.values, on: examples).inUnit(
                scale: published.preprocessing?.targetScale?.scale)
        Console.standardError.writeLine(
            MetricsText.line(metrics, of: published.reconstructs ? "features" : "labels"))
    }

    private static func header(_ published: PublishedModel, keep: [String]) -> String {
        let width = published.model.outputCount
        let kept = keep.map { field($0) }
        if published.reconstructs { return (kept + ["anomaly_score"]).joined(separator: ",") }
        guard published.classifies else {
            let names = width == 1 ? ["prediction"] : (0..<width).map { "prediction_\($0)" }
            return (kept + names).joined(separator: ",")
        }
        let names = published.classNames
        // A single output is the probability of the second class.
        let scored = width == 1 ? [names.last ?? "1"] : names
        return (kept + ["prediction"] + scored.map { field("probability_\($0)") }).joined(separator: ",")
    }

    private static func row(_ prediction: Prediction, _ published: PublishedModel) -> String {
        guard let label = prediction.label else {
            return published.inUnit(prediction.values).map { "\($0)" }.joined(separator: ",")
        }
        let values = prediction.values.map { "\($0)" }
        let names = published.classNames
        return ([field(names.indices.contains(label) ? names[label] : "\(label)")] + values).joined(
            separator: ",")
    }

    /// A CSV field, quoted where it must be (RFC 4180).
    private static func field(_ text: String) -> String {
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
