internal import Compute
internal import Configuration
internal import Cryptography
internal import Datasets
internal import Federation
internal import Foundation
internal import Learning
internal import Operations
internal import Simulation

/// `sordino train`: central training, the baseline that a federation is compared with.
enum TrainCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino train", summary: "Train a model centrally: the baseline to compare with.",
        options: DataArgument.options + [
            .value("model", "MODEL", "A preset (logistic, linear, mlp), a JSON5 file, or a model in braces."),
            .value("hidden", "N,N", "Hidden widths of the preset mlp (default 64,64)."),
            .value("epochs", "N", "Passes over the data (default 10)."),
            .value("batch-size", "N", "Examples a step (default 128)."),
            .value(
                "optimizer", "NAME",
                "sgd, momentum, nesterov, adam, adamw, rmsprop or adagrad (default adam)."),
            .value("learning-rate", "R", "Learning rate (default 0.001)."),
            .value(
                "set", "KEY=VALUE", "Another key of the training section; may be repeated.", repeatable: true),
            .value("patience", "N", "Stop after N epochs without improvement on the validation part."),
            .value("seed", "N", "Random seed (default: the scenario's, else 1)."),
            .value("out", "FILE", "Write the model to this safetensors file."),
            .flag("quiet", "Show no progress."),
        ],
        notes:
            "With --format json the summary is one JSON object: final_accuracy, final_loss, epochs, seconds_total, …\n"
    )

    static func run(_ options: Options) throws -> ExitCode {
        let seed = try DataArgument.seed(options)
        let training = try trainingOptions(options)
        let central = CentralTrainingOptions(
            epochs: try options.integer("epochs", in: 1...1_000_000) ?? 10,
            patience: try options.integer("patience", in: 1...1_000_000))
        let source = try DataArgument.source(
            options.required("data"), options, defaultsToLast: training.needsTargets)
        let specification = try ModelArgument.json(options)
        let dataset = try source.load(seed: seed, requiresLabel: training.needsTargets)
        for warning in dataset.warnings { Console.standardError.writeLine("warning: \(warning)") }
        let model = try StartingModel(
            model(specification, dataset), seed: seed, folder: ModelArgument.folder(options)
        ).model
        guard model.localLayout.count == 0 else {
            throw ConfigurationError(
                path: "\(model.spec.path).local",
                problem: "keeps parameters at each client, and central training has none: give local: []")
        }
        guard model.forest == nil else {
            throw ConfigurationError(
                path: model.spec.path,
                problem:
                    "is a forest, which grows by rounds: sordino simulate with clients: 1 grows it from all rows"
            )
        }
        let loss = training.loss ?? LossCatalog.standard(for: model, targets: dataset.train.targets)
        try model.check(dataset.train)
        try LossCatalog.check(loss, model: model, targets: dataset.train.targets)

        let began = ContinuousClock.now
        var meter = ProgressMeter(
            label: "training", total: central.epochs, style: options.flag("quiet") ? .silent : nil)
        let trainer = CentralTrainer(model: model, options: training, central: central, seed: seed)
        let plausible = PlausibleLoss(dataset.train, loss)
        var hasWarned = false
        let result = try trainer.train(on: dataset.train, validation: dataset.validation) { epoch, _ in
            if !hasWarned, plausible.isExceeded(by: epoch.training.meanLoss) {
                hasWarned = true
                Console.standardError.writeLine(
                    "warning: epoch \(epoch.epoch): the mean training loss is \(epoch.training.meanLoss): training"
                        + " diverges; learning_rate is \(training.learningRate)")
            }
            meter.update(
                completed: epoch.epoch,
                .init(loss: epoch.training.meanLoss, accuracy: epoch.validation?.accuracy))
            return !Signals.interruptionRequested
        }
        let seconds = began.duration(to: .now) / .seconds(1)
        let description = ModelFile.Description(
            model: model.spec.json, inputShape: model.inputShape, loss: ModelFile.json(of: loss),
            data: dataset.preprocessing.json, label: dataset.labelName)
        let file = ModelFile.encode(result.parameters, description)
        let path = options.string("out")
        if let path { try write(file, model, to: path) }
        let metrics = dataset.test.map {
            Evaluator(model: model, loss: loss, keepsScores: true).metrics(result.parameters.values, on: $0)
                .inUnit(scale: dataset.preprocessing.targetScale?.scale)
        }
        // Where the model itself goes to standard output, nothing else does.
        if let path, try OutputFile.target(path) == .standardOutput {
            return Signals.interruptionRequested ? .interrupted : .done
        }
        report(
            options, metrics, epochs: result.epochs, seconds: seconds, examples: dataset.train.count,
            seed: seed,
            digest: try SHA256.text(of: file))
        return Signals.interruptionRequested ? .interrupted : .done
    }

    /// Writes the model, and beside a regular file the parameters that nobody trained.
    private static func write(_ file: [UInt8], _ model: Model, to path: String) throws {
        if let frozen = model.frozen, case .file(let place, let mode) = try OutputFile.target(path) {
            let folder = place.lastIndex(of: "/").map { place[...$0] } ?? ""
            try AtomicFile.write(to: folder + FrozenModelFile.name, mode: mode) { file in
                try FrozenModelFile.forEachPiece(frozen) { try file.append($0) }
            }
        }
        try OutputFile.write(file, to: path)
    }

    private static func trainingOptions(_ options: Options) throws -> TrainingOptions {
        var document = ConfigurationDocument(
            root: .object([
                "batch_size": .integer(try options.integer("batch-size", in: 1...(1 << 30)) ?? 128),
                "optimizer": .string(options.string("optimizer") ?? "adam"),
                "learning_rate": .number(
                    try options.number("learning-rate", expected: "a number above 0") { $0 > 0 } ?? 0.001),
            ]), file: "--set")
        for assignment in options.all("set") { try document.set(assignment) }
        return try TrainingOptions(document.root, path: "training")
    }

    /// The model on the data's shape; a preset takes its number of outputs from the data.
    private static func model(_ specification: JSONValue, _ dataset: Dataset) throws -> Model {
        let outputs: Int =
            switch dataset.train.targets {
            case .classes(_, let count): count
            case .values(_, let width): width
            case .tokens(_, _, let classes): classes
            }
        return try Model(
            ModelSpec(specification, path: "model", outputs: outputs), inputShape: dataset.train.featureShape)
    }

    private static func report(
        _ options: Options, _ metrics: EvaluationMetrics?, epochs: [EpochOutcome], seconds: Double,
        examples: Int,
        seed: UInt64, digest: String
    ) {
        let steps = epochs.reduce(0) { $0 + $1.training.steps }
        var summary: [String: JSONValue] = [
            "epochs": .integer(epochs.count), "steps": .integer(steps), "examples": .integer(examples),
            "seconds_total": .number(seconds), "seed": .integer(Int(seed)), "model_sha256": .string(digest),
            "training_loss": .number(epochs.last?.training.meanLoss ?? .nan),
            "peak_rss_bytes": .integer(ProcessMemory.peakResidentBytes ?? 0),
            "version": .string(ProductVersion.current),
        ]
        summary["final_accuracy"] = metrics?.accuracy.map { .number($0) } ?? .null
        summary["final_loss"] = metrics.map { .number($0.loss) } ?? .null
        if let metrics { summary["metrics"] = metrics.json }
        if options.format == .json {
            StandardOutput.write(JSONValue.object(summary).text(indented: true) + "\n")
            return
        }
        StandardOutput.write(
            "epochs         \(epochs.count), \(steps) steps in \(Quantity.duration(seconds: seconds))\n")
        if let metrics { StandardOutput.write(MetricsText.text(metrics)) }
        StandardOutput.write("model          SHA-256 \(digest)\n")
    }
}
