internal import Compute
internal import Configuration
internal import Datasets
internal import Federation
internal import Foundation
internal import Learning
internal import Messages
internal import Operations
internal import Simulation

/// A model file read back for use: its parameters, loss and preprocessing.
struct PublishedModel {
    /// With the values of its frozen parameters.
    let model: Model
    let parameters: ParameterVector
    /// All parameters that it computes with: those of the file, with a client's own behind them or in their place.
    let values: [Float]
    let loss: any Loss
    /// Nil in models that a server of version 0.1.0 published without data: rows are then taken as they are.
    let preprocessing: Preprocessing?
    /// Name of the label's column in training, where it had one.
    let labelName: String?
    /// What the file says of itself, and what else stands in its metadata.
    let description: ModelFile.Description
    let otherMetadata: [String: String]

    /// Where the parameters lie that nobody trained.
    static let frozenOption = OptionGrammar.Option.value(
        "frozen", "FILE",
        "The parameters of the model that nobody trained (default: frozen.safetensors beside it).")

    /// Options that `evaluate` and `predict` share.
    static let options: [OptionGrammar.Option] =
        [
            .value("model", "FILE", "A published model (safetensors)."), frozenOption,
            .value(
                "local", "FILE",
                "What an agent keeps for itself, local parameters or its own model: memory/RUN.kept of its state directory."
            ),
        ] + DataArgument.options + [
            .value(
                "part", "train|test",
                "Which part of divided data, or which pair of an IDX folder (default: test where there is one)."
            ),
            .value("seed", "N", "Seed that divided the data in training (default: the scenario's, else 1)."),
        ]

    /// Reads a model file, and its frozen parameters from the file that `--frozen` names or that lies beside it; throws for
    /// anything but a whole, finite model of ours. Without `needsFrozen` and `needsLocal` it can be written on and not computed with.
    init(_ path: String, _ options: Options, needsFrozen: Bool = true, needsLocal: Bool = true) throws {
        let file = try Self.file(path)
        description = try ModelFile.description(file, path: path)
        otherMetadata = file.metadata.filter { !ModelFile.descriptionKeys.contains($0.key) }
        let model = try Model(
            ModelSpec(description.model, path: "\(path): model"), inputShape: description.inputShape)
        self.model =
            needsFrozen ? try Self.withFrozen(model, path, named: options.string("frozen")) : model
        let weights = try ForeignWeights(file, layout: model.layout, path: path)
        parameters = weights.parameters
        values =
            needsLocal
            ? try Self.values(model, parameters, path, local: options.string("local")) : parameters.values
        Self.warnUnused(weights, path)
        let section = try Section(description.loss, path: "\(path): loss")
        guard let loss = try LossCatalog.loss(section) else { throw section.error("loss", "is missing") }
        self.loss = loss
        labelName = description.label
        preprocessing =
            description.data == .null
            ? nil : try Preprocessing(description.data, path: "\(path): preprocessing")
        if preprocessing == nil {
            Console.standardError.writeLine(
                "warning: \(path) does not say what its columns and classes mean: rows are taken as they are, and classes"
                    + " numbered as they lie in these data")
        }
    }

    /// The published parameters together with what a client's file holds. Throws where the model asks for one that is not
    /// named, and for a file of another model.
    private static func values(
        _ model: Model, _ parameters: ParameterVector, _ path: String, local: String?
    ) throws -> [Float] {
        guard let local else {
            let own = model.localLayout.entries.map(\.name)
            guard own.isEmpty else {
                let names = own.prefix(6).joined(separator: ", ") + (own.count > 6 ? ", …" : "")
                throw Failure(
                    .invalidInput,
                    "\(path): lacks \(names), which stay at each client: --local FILE names a client's (memory/RUN.kept of"
                        + " an agent's state directory)")
            }
            return parameters.values
        }
        guard let data = FileManager.default.contents(atPath: local) else {
            throw Failure(.invalidInput, "\(local): no such file, or it cannot be read")
        }
        return try OwnModel.personal(model, published: parameters.values, file: [UInt8](data), path: local)
    }

    /// The model with the values of its frozen parameters, where it has any.
    private static func withFrozen(_ model: Model, _ path: String, named: String?) throws -> Model {
        guard let stated = model.spec.frozenFile else {
            guard model.frozenLayout.count == 0 else {
                throw Failure(
                    .invalidInput,
                    "\(path): has frozen parameters and does not state the file that holds them")
            }
            guard named == nil else {
                throw Failure(.invalidInput, "--frozen: nothing of \(path) is frozen")
            }
            return model
        }
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        let place = named ?? folder + FrozenModelFile.name
        guard FileManager.default.fileExists(atPath: place) else {
            throw Failure(
                .invalidInput,
                "\(place): no such file: the frozen parameters of \(path) (--frozen FILE names another place)"
            )
        }
        return model.with(
            frozen: try FrozenModelFile.read(place, digest: stated, layout: model.frozenLayout))
    }

    /// The file's bytes as it was published.
    func encoded() -> [UInt8] { ModelFile.encode(parameters, description, extra: otherMetadata) }

    /// Reads a safetensors file with its weights; tensors that are no real numbers are passed over. Throws a `Failure`.
    static func file(_ path: String) throws -> SafeTensors {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.invalidInput, "\(path): no such file, or it cannot be read")
        }
        do {
            return try data.withUnsafeBytes { try SafeTensors(decoding: $0, passesOverOthers: true) }
        } catch let error as SafeTensorsError {
            throw Failure(.invalidInput, "\(path): \(error)")
        }
    }

    /// Says which tensors of a file are no part of the model.
    static func warnUnused(_ weights: ForeignWeights, _ path: String) {
        guard !weights.unused.isEmpty else { return }
        let names =
            weights.unused.prefix(12).joined(separator: ", ") + (weights.unused.count > 12 ? ", …" : "")
        Console.standardError.writeLine(
            "warning: \(path): tensors that are no part of the model are left out: \(names)")
    }

    /// The rows that `--data` names, preprocessed as the model was trained: all of them, or the part asked for where the
    /// data section divides them, which it then does as in training. For a prediction no row needs a label.
    func rows(_ options: Options, forPrediction: Bool = false) throws -> DataSource.Rows {
        let name = try options.required("data")
        let keep = forPrediction ? options.all("keep") : []
        let source = try DataArgument.source(name, options, defaultsToLast: preprocessing == nil)
        let part = try options.choice("part", among: ["train", "test"])
        guard case .object(let section) = source.configuration, section["split"] != nil else {
            return try rows(of: source, options, testPart: part != "train", keep: keep, forPrediction)
        }
        let dataset = try source.load(
            seed: DataArgument.seed(options), preprocessing: preprocessing, keep: keep)
        Self.say(dataset.warnings)
        if part == "train" { return .init(examples: dataset.train, kept: dataset.kept.train) }
        if let test = dataset.test { return .init(examples: test, kept: dataset.kept.test) }
        guard part == nil else { throw Failure(.invalidInput, "the data's split has no test part") }
        return try rows(of: source, options, testPart: false, keep: keep, forPrediction)
    }

    private func rows(
        of source: DataSource, _ options: Options, testPart: Bool, keep: [String], _ forPrediction: Bool
    ) throws -> DataSource.Rows {
        guard let preprocessing else {
            return try rowsAsTheyAre(source, options, testPart: testPart, keep: keep, forPrediction)
        }
        let rows = try source.rows(
            using: preprocessing,
            .init(testPart: testPart, labelName: labelName, toleratesLabels: forPrediction, keep: keep))
        Self.say(rows.warnings)
        let passedOver = rows.passedOver.filter { !keep.contains($0) }
        if !passedOver.isEmpty {
            let names = passedOver.prefix(12).joined(separator: ", ") + (passedOver.count > 12 ? ", …" : "")
            Self.say(["columns that the model does not know are left out: \(names)"])
        }
        return rows
    }

    /// Rows for a model that does not say what its columns mean.
    private func rowsAsTheyAre(
        _ source: DataSource, _ options: Options, testPart: Bool, keep: [String], _ forPrediction: Bool
    ) throws -> DataSource.Rows {
        func load(_ source: DataSource, requiresLabel: Bool) throws -> DataSource.Rows {
            let dataset = try source.load(seed: 1, keep: keep, requiresLabel: requiresLabel)
            Self.say(dataset.warnings)
            let isTest = testPart && dataset.test != nil
            return .init(
                examples: isTest ? dataset.test ?? dataset.train : dataset.train,
                kept: isTest ? dataset.kept.test : dataset.kept.train)
        }
        let wanted = model.inputShape.reduce(1, *)
        let rows = try load(source, requiresLabel: true)
        if rows.examples.featureCount == wanted { return rows }
        if forPrediction, options.string("label") == nil, rows.examples.featureCount == wanted - 1 {
            // The last column is one more feature, not the label.
            let name = try options.required("data")
            let unlabelled = try DataArgument.source(name, options, defaultsToLast: false)
            let rows = try load(unlabelled, requiresLabel: false)
            if rows.examples.featureCount == wanted { return rows }
        }
        throw Failure(
            .invalidInput, "the data have \(rows.examples.featureCount) features, the model takes \(wanted)")
    }

    private static func say(_ warnings: [String]) {
        for warning in warnings { Console.standardError.writeLine("warning: \(warning)") }
    }

    /// Names of the classes; numbers where the model does not say them, none where it predicts values.
    var classNames: [String] {
        if let preprocessing { return preprocessing.classNames }
        guard type(of: loss).link != .identity else { return [] }
        return (0..<max(2, model.outputCount)).map { "\($0)" }
    }

    /// Predicted values in the unit of the data, where training learnt them on a scale of their own.
    func inUnit(_ values: [Float]) -> [Float] {
        guard !reconstructs, let scale = preprocessing?.targetScale else { return values }
        return values.map { Float(Double($0) * scale.scale + scale.center) }
    }

    /// Whether the outputs stand for classes.
    var classifies: Bool { !reconstructs && !classNames.isEmpty }

    /// Whether the outputs stand for the features of an example.
    var reconstructs: Bool { type(of: loss).readsInput }
}
