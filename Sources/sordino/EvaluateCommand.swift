internal import Compute
internal import Configuration
internal import Datasets
internal import Learning
internal import Operations

/// `sordino evaluate`: a published model's metrics on data.
enum EvaluateCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino evaluate", summary: "Measure a published model on data.",
        options: PublishedModel.options)

    static func run(_ options: Options) throws -> ExitCode {
        let published = try PublishedModel(options.required("model"), options)
        let examples = try published.rows(options).examples
        if !published.reconstructs, case .values(_, width: 0) = examples.targets {
            throw Failure(.invalidInput, "the data have no label column to compare with; use sordino predict")
        }
        try published.model.check(examples)
        try LossCatalog.check(published.loss, model: published.model, targets: examples.targets)
        let metrics = Evaluator(model: published.model, loss: published.loss, keepsScores: true)
            .metrics(published.values, on: examples)
            .inUnit(scale: published.preprocessing?.targetScale?.scale)
        if options.format == .json {
            StandardOutput.write(metrics.json.text(indented: true) + "\n")
        } else {
            StandardOutput.write(MetricsText.text(metrics))
        }
        return .done
    }
}
