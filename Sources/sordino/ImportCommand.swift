internal import Compute
internal import Configuration
internal import Datasets
internal import Federation
internal import Foundation
internal import Learning
internal import Messages
internal import Operations

/// `sordino import`: a model of weights that another program saved.
enum ImportCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino import",
        summary: "Make a model of weights that another program saved as safetensors.",
        positionals: [.init("WEIGHTS", "A safetensors file, such as safetensors.torch.save_file writes.")],
        options: [
            .value("model", "MODEL", "A preset (logistic, linear, mlp), a JSON5 file, or a model in braces."),
            .value("hidden", "N,N", "Hidden widths of the preset mlp (default 64,64)."),
            .value("input-shape", "N,N", "Shape of one example, such as 4 or 28,28 (default: the data's)."),
            .value("data", "DATA", "Data whose columns and classes the model was trained on."),
            DataArgument.label,
            .value("schema", "FILE", "The same as sordino schema prints it, in place of data."),
            .value("seed", "N", "Seed that divides the data (default: the scenario's, else 1)."),
            .value("loss", "NAME", "The loss that it was trained with (default: the model's usual one)."),
            .flag("transposed", "Matrices lie as [inputs, units], as Keras and Flax have them."),
            .value("out", "FILE", "Write the model to this safetensors file."),
        ],
        notes:
            "Names may differ from ours by a prefix such as module., or altogether where the shapes of the layers tell them"
            + " apart; which tensor became which parameter is printed.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let path = options.operands[0]
        let out = try options.required("out")
        let file = try PublishedModel.file(path)
        let meaning = try meaning(options)
        let preprocessing = meaning?.preprocessing
        let shape = try inputShape(options, meaning)
        let isTransposed = options.flag("transposed")
        let outputs =
            preprocessing.map { max(1, $0.classNames.count) }
            ?? Self.outputs(file.tensors, isTransposed: isTransposed)
        let spec = try ModelSpec(ModelArgument.json(options), path: "model", outputs: outputs)
        let model = try Model(spec, inputShape: shape)
        guard model.frozenLayout.count == 0 else {
            throw ConfigurationError(
                path: "model",
                problem:
                    "freezes parameters, which a whole model does not: import it without freeze and adapters, or let a "
                    + "scenario start from \(path) by task.model.from")
        }
        let targets = targets(spec, preprocessing, outputs: model.outputCount)
        let loss =
            try options.string("loss").map { name in
                try LossCatalog.loss(Section(.object(["loss": .string(name)]), path: "--loss"))
            } ?? LossCatalog.standard(for: model, targets: targets)
        guard let loss else { throw options.usage("--loss must name a loss") }
        try LossCatalog.check(loss, model: model, targets: targets)
        let weights = try ForeignWeights(
            file, layout: model.layout,
            rules: .init(matchesByShape: true, isTransposed: isTransposed), path: path)
        let description = ModelFile.Description(
            model: spec.json, inputShape: model.inputShape, loss: ModelFile.json(of: loss),
            data: preprocessing?.json ?? .null, label: meaning?.label)
        try OutputFile.write(ModelFile.encode(weights.parameters, description), to: out)
        for pair in weights.names where pair.parameter != pair.tensor {
            Console.standardError.writeLine("\(pair.parameter) is \(pair.tensor)")
        }
        PublishedModel.warnUnused(weights, path)
        if preprocessing == nil {
            Console.standardError.writeLine(
                "warning: without --data or --schema the model does not say what its columns and classes mean"
            )
        }
        return .done
    }

    /// What the data or the schema say; nil where neither is given.
    private static func meaning(
        _ options: Options
    ) throws -> (preprocessing: Preprocessing, label: String?, shape: [Int]?)? {
        if let path = options.string("schema") {
            guard options.string("data") == nil else {
                throw options.usage("--schema stands in place of --data")
            }
            let preprocessing = try Preprocessing(ConfigurationDocument(contentsOf: path).root, path: path)
            try preprocessing.checkCompleteness(path: path)
            return (preprocessing, nil, preprocessing.featureCount.map { [$0] })
        }
        guard options.string("data") != nil else { return nil }
        let dataset = try DataArgument.source(options).load(seed: DataArgument.seed(options))
        return (dataset.preprocessing, dataset.labelName, dataset.train.featureShape)
    }

    private static func inputShape(
        _ options: Options, _ meaning: (preprocessing: Preprocessing, label: String?, shape: [Int]?)?
    ) throws -> [Int] {
        guard let text = options.string("input-shape") else {
            if let shape = meaning?.shape { return shape }
            throw options.usage("--input-shape is missing: the shape of one example, such as 4 or 28,28")
        }
        return try text.split(separator: ",", omittingEmptySubsequences: false).map { size in
            guard let number = Int(size), (1...1 << 24).contains(number) else {
                throw options.usage("--input-shape must be whole numbers such as 28,28, not \"\(text)\"")
            }
            return number
        }
    }

    /// Number of outputs as the last of the matrices has it: the rows that are no other matrix's columns; nil where that
    /// does not tell.
    private static func outputs(_ tensors: [SafeTensors.Tensor], isTransposed: Bool) -> Int? {
        let matrices = tensors.map(\.shape).filter { $0.count == 2 }.map { isTransposed ? $0.reversed() : $0 }
        if matrices.count == 1 { return matrices[0][0] }
        let columns = Set(matrices.map { $0[1] })
        let ends = Set(matrices.map { $0[0] }.filter { !columns.contains($0) })
        return ends.count == 1 ? ends.first : nil
    }

    private static func targets(
        _ spec: ModelSpec, _ preprocessing: Preprocessing?, outputs: Int
    ) -> Examples.Targets {
        var predictsValues = preprocessing?.classNames.isEmpty
        if predictsValues == nil, case .object(let members) = spec.json {
            predictsValues = members["outputs"] != nil
        }
        if predictsValues ?? false { return .values([], width: outputs) }
        return .classes([], count: preprocessing?.classNames.count ?? max(2, outputs))
    }
}
