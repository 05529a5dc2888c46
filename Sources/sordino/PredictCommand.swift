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
            .value("out", "FILE", "Write to this file (default: standard output).")
        ],
        notes: "Columns: prediction, then the probability of each class; or the predicted values.\n")

    /// Rows predicted at once.
    private static let blockSize = 8192

    static func run(_ options: Options) throws -> ExitCode {
        let published = try PublishedModel(options.required("model"))
        let examples = try published.examples(options)
        let evaluator = Evaluator(model: published.model, loss: published.loss)
        var text = header(published) + "\n"
        for start in stride(from: 0, to: examples.count, by: blockSize) {
            let range = start..<min(start + blockSize, examples.count)
            let predictions = evaluator.predict(
                published.parameters.values, on: examples, range: range, classifies: published.classifies)
            for prediction in predictions { text += row(prediction, published) + "\n" }
            if options.string("out") == nil {
                StandardOutput.write(text)
                text = ""
            }
        }
        if let path = options.string("out") {
            try AtomicFile.write(text, to: path)
        } else {
            StandardOutput.write(text)
        }
        return .done
    }

    private static func header(_ published: PublishedModel) -> String {
        let width = published.model.outputCount
        guard published.classifies else {
            return width == 1 ? "prediction" : (0..<width).map { "prediction_\($0)" }.joined(separator: ",")
        }
        let names = published.classNames
        // A single output is the probability of the second class.
        let scored = width == 1 ? [names.last ?? "1"] : names
        return (["prediction"] + scored.map { field("probability_\($0)") }).joined(separator: ",")
    }

    private static func row(_ prediction: Prediction, _ published: PublishedModel) -> String {
        let values = prediction.values.map { "\($0)" }
        guard let label = prediction.label else { return values.joined(separator: ",") }
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
