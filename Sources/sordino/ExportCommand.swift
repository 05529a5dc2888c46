internal import Compute
internal import Configuration
internal import Federation
internal import Foundation
internal import Learning
internal import Messages
internal import Operations

/// `sordino export`: a published model for other uses: whole, its adapters merged into the weights that they stand beside, or
/// what was trained of it alone.
enum ExportCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino export", summary: "Write a published model whole, or what was trained of it.",
        positionals: [.init("MODEL", "A published model (safetensors).")],
        options: [
            .flag(
                "merge",
                "Write all parameters, adapters added to their weights, under the names of the model without them."
            ),
            PublishedModel.frozenOption,
            .value("out", "FILE", "Write the model to this safetensors file, or - (standard output)."),
        ],
        notes:
            "Without --merge the parameters are those that were trained: of a model with adapters, the adapters.\n"
    )

    static func run(_ options: Options) throws -> ExitCode {
        let path = options.operands[0]
        let out = try options.required("out")
        let merges = options.flag("merge")
        let published = try PublishedModel(path, options, needsFrozen: merges, needsLocal: false)
        let file = merges ? try merged(published, path) : published.encoded()
        try OutputFile.write(file, to: out)
        guard try OutputFile.target(out) != .standardOutput else { return .done }
        let (trained, frozen) = (published.model.layout.count, published.model.frozenLayout.count)
        let count = merges ? trained + frozen : trained
        if options.format == .json {
            let summary: [String: JSONValue] = [
                "trained_parameters": .integer(trained), "frozen_parameters": .integer(frozen),
                "merged": .bool(merges), "bytes": .integer(file.count),
            ]
            StandardOutput.write(JSONValue.object(summary).text(indented: true) + "\n")
        } else {
            StandardOutput.write(
                "\(out): \(Quantity.bytes(file.count)), "
                    + (merges ? "whole" : "what was trained: \(count) parameters") + "\n")
        }
        return .done
    }

    /// The file of the whole model.
    private static func merged(_ published: PublishedModel, _ path: String) throws -> [UInt8] {
        let model = published.model
        guard model.localLayout.count == 0 else {
            throw Failure(
                .invalidInput,
                "\(path): has parameters that stay at each client: there is no whole model to write")
        }
        let frozen = ParameterVector(
            layout: model.frozenLayout, values: model.frozen.map { Array($0.values) } ?? [])
        let whole = model.merged(published.parameters, frozen: frozen)
        let spec = try model.spec.merged()
        // The names and shapes that any reader of the description will look for.
        guard try Model(spec, inputShape: model.inputShape).layout == whole.layout else {
            throw Failure(.internalFault, "\(path): merged, it is not the model that its description names")
        }
        var description = published.description
        description.model = spec.json
        return ModelFile.encode(whole, description, extra: published.otherMetadata)
    }
}
