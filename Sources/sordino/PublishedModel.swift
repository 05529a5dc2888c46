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
    let model: Model
    let parameters: ParameterVector
    let loss: any Loss
    /// Nil in models that a server of version 0.1.0 published without data: rows are then taken as they are.
    let preprocessing: Preprocessing?
    /// Name of the label's column in training, where it had one.
    let labelName: String?

    /// Options that `evaluate` and `predict` share.
    static let options: [OptionGrammar.Option] =
        [.value("model", "FILE", "A published model (safetensors).")] + DataArgument.options + [
            .value(
                "part", "train|test",
                "Which part of divided data, or which pair of an IDX folder (default: test where there is one)."
            ),
            .value("seed", "N", "Seed that divided the data in training (default: the scenario's, else 1)."),
        ]

    /// Reads a model file; throws for anything but a whole, finite model of ours.
    init(_ path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.invalidInput, "\(path): no such file, or it cannot be read")
        }
        let file: SafeTensors
        do {
            file = try data.withUnsafeBytes { try SafeTensors(decoding: $0) }
        } catch let error as SafeTensorsError {
            throw Failure(.invalidInput, "\(path): \(error)")
        }
        let description = try ModelFile.description(file, path: path)
        model = try Model(
            ModelSpec(description.model, path: "\(path): model"), inputShape: description.inputShape)
        parameters = try ModelFile.parameters(file.tensors, layout: model.layout, path: path)
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

    /// The examples that `--data` names, preprocessed as the model was trained: all of them, or the part asked for
    /// where the data section divides them, which it then does as in training.
    func examples(_ options: Options) throws -> Examples {
        let name = try options.required("data")
        let source = try DataArgument.source(name, options, defaultsToLast: preprocessing == nil)
        let part = try options.choice("part", among: ["train", "test"])
        guard case .object(let section) = source.configuration, section["split"] != nil else {
            return try examples(of: source, testPart: part != "train")
        }
        let dataset = try source.load(seed: DataArgument.seed(options), preprocessing: preprocessing)
        if part == "train" { return dataset.train }
        if let test = dataset.test { return test }
        guard part == nil else { throw Failure(.invalidInput, "the data's split has no test part") }
        return try examples(of: source, testPart: false)
    }

    private func examples(of source: DataSource, testPart: Bool) throws -> Examples {
        guard let preprocessing else {
            let dataset = try source.load(seed: 1)
            let examples = testPart ? dataset.test ?? dataset.train : dataset.train
            guard examples.featureCount == model.inputShape.reduce(1, *) else {
                throw Failure(
                    .invalidInput,
                    "the data have \(examples.featureCount) features, the model takes \(model.inputShape.reduce(1, *))"
                )
            }
            return examples
        }
        let (examples, passedOver) = try source.examples(
            using: preprocessing, testPart: testPart, labelName: labelName)
        if !passedOver.isEmpty {
            let names = passedOver.prefix(12).joined(separator: ", ") + (passedOver.count > 12 ? ", …" : "")
            Console.standardError.writeLine(
                "warning: columns that the model does not know are left out: \(names)")
        }
        return examples
    }

    /// Names of the classes; numbers where the model does not say them, none where it predicts values.
    var classNames: [String] {
        if let preprocessing { return preprocessing.classNames }
        guard type(of: loss).link != .identity else { return [] }
        return (0..<max(2, model.outputCount)).map { "\($0)" }
    }

    /// Whether the outputs stand for classes.
    var classifies: Bool { !classNames.isEmpty }
}
