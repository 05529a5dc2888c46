internal import Compute
internal import Configuration
internal import Cryptography
internal import FoundationEssentials
package import Learning

/// A model with the parameters that its federation starts from, those that nobody trains among them.
package struct StartingModel: Sendable {
    /// The model with its values: what it was specified from is replaced by what others need of it.
    package let model: Model
    /// SHA-256 of the trained parameters that came from a checkpoint, lower-case hexadecimal; nil where all are drawn.
    package let startDigest: String?

    /// Draws the model's parameters from the seed and puts those of the checkpoint in their place that the specification
    /// names, relative to `folder`. Throws ``ConfigurationError`` for a checkpoint that cannot be read or does not fit,
    /// with what is missing, misshapen or left over.
    package init(_ model: Model, seed: UInt64, folder: String) throws {
        let spec = model.spec
        guard spec.from != nil || model.frozenLayout.count > 0 else {
            (self.model, startDigest) = (model, nil)
            return
        }
        guard spec.frozenFile == nil else {
            throw ConfigurationError(
                path: "\(spec.path).frozen", problem: "is what the server tells agents; a task says from")
        }
        var (trained, frozen, _) = model.initial(seed: seed)
        if let from = spec.from {
            // Agents draw them from the seed: no file of the server's reaches them.
            if let own = model.localLayout.entries.first(where: { !from.startsFresh($0.name) }) {
                throw ConfigurationError(
                    path: "\(spec.path).from",
                    problem:
                        "\(own.name) is local and starts at each client from the seed: name it in from.fresh, "
                        + "and in from.ignore where the file has it")
            }
            let path = Self.resolve(from.file, folder)
            let checkpoint = try Checkpoint(path, from, path: "\(spec.path).from")
            try checkpoint.fill(&trained, &frozen)
        }
        startDigest = try spec.from.map { _ in
            try trained.values.withUnsafeBytes { try SHA256.text(of: $0) }
        }
        guard model.frozenLayout.count > 0 else {
            self.model = model.with(start: trained, spec: try spec.published(frozenFile: nil))
            return
        }
        let parameters = FrozenParameters(frozen)
        let digest = try FrozenModelFile.digest(parameters)
        self.model = model.with(start: trained, spec: try spec.published(frozenFile: digest))
            .with(frozen: parameters)
    }

    private static func resolve(_ file: String, _ folder: String) -> String {
        file.hasPrefix("/") ? file : URL(fileURLWithPath: folder).appendingPathComponent(file).path
    }
}
