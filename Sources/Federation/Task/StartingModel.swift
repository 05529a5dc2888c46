package import Compute
internal import Configuration
internal import Cryptography
internal import Foundation
package import Learning
internal import Messages

/// A model with the parameters that its federation starts from, and the file of those that nobody trains.
package struct StartingModel: Sendable {
    /// The model with its values: what it was specified from is replaced by what others need of it.
    package let model: Model
    /// The bytes of the file of frozen parameters; nil where nothing is frozen.
    package let frozenFile: [UInt8]?

    /// Draws the model's parameters from the seed and puts those of the checkpoint in their place that the specification
    /// names, relative to `folder`. Throws ``ConfigurationError`` for a checkpoint that cannot be read or does not fit,
    /// with what is missing, misshapen or left over.
    package init(_ model: Model, seed: UInt64, folder: String) throws {
        let spec = model.spec
        guard spec.from != nil || model.frozenLayout.count > 0 else {
            (self.model, frozenFile) = (model, nil)
            return
        }
        guard spec.frozenFile == nil else {
            throw ConfigurationError(
                path: "\(spec.path).frozen", problem: "is what the server tells agents; a task says from")
        }
        var (trained, frozen) = model.initial(seed: seed)
        if let from = spec.from {
            let path = Self.resolve(from.file, folder)
            let checkpoint = try Checkpoint(path, from, path: "\(spec.path).from")
            try checkpoint.fill(&trained, &frozen)
        }
        guard model.frozenLayout.count > 0 else {
            (self.model, frozenFile) = (
                model.with(start: trained, spec: try spec.published(frozenFile: nil)), nil
            )
            return
        }
        let bytes = FrozenModelFile.encode(frozen)
        let digest = FrozenDigest(sha256: try SHA256.text(of: bytes), bytes: bytes.count)
        self.model = model.with(start: trained, spec: try spec.published(frozenFile: digest))
            .with(frozen: FrozenParameters(frozen))
        frozenFile = bytes
    }

    private static func resolve(_ file: String, _ folder: String) -> String {
        file.hasPrefix("/") ? file : URL(fileURLWithPath: folder).appendingPathComponent(file).path
    }
}

/// The frozen parameters of a model as a safetensors file: 32-bit floats in the order of their layout.
package enum FrozenModelFile {
    /// The file's bytes; equal parameters give equal bytes.
    package static func encode(_ parameters: ParameterVector) -> [UInt8] {
        var bytes = SafeTensors.head(
            parameters.layout.entries.map { ($0.name, $0.shape) }, metadata: ["sordino.part": "frozen"])
        bytes.reserveCapacity(bytes.count + 4 * parameters.layout.count)
        // Safetensors is little-endian, as is every platform that this package supports.
        parameters.values.withUnsafeBytes { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Reads the file at `path` into memory once, and checks it against the digest that the task states and against the
    /// layout that the model needs. Throws ``ConfigurationError`` where anything differs.
    package static func read(
        _ path: String, digest: FrozenDigest, layout: ParameterLayout
    ) throws -> FrozenParameters {
        func refuse(_ problem: String) -> ConfigurationError {
            ConfigurationError(path: path, problem: problem)
        }
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw refuse("no such file, or it cannot be read: the model's frozen parameters")
        }
        defer { try? file.close() }
        let head = SafeTensors.head(
            layout.entries.map { ($0.name, $0.shape) }, metadata: ["sordino.part": "frozen"])
        guard digest.bytes == head.count + 4 * layout.count else {
            throw refuse(
                "is stated with \(digest.bytes) bytes, where the model's frozen parameters take others")
        }
        let start = try file.read(upToCount: head.count) ?? Data()
        guard start.elementsEqual(head) else {
            throw refuse("does not hold the model's frozen parameters")
        }
        let parameters = try FrozenParameters(layout: layout) { values in
            let bytes = UnsafeMutableRawBufferPointer(values)
            var place = 0
            while place < bytes.count {
                guard let part = try file.read(upToCount: min(1 << 22, bytes.count - place)), !part.isEmpty
                else {
                    throw refuse("ends before its \(digest.bytes) bytes")
                }
                part.withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(rebasing: bytes[place..<(place + $0.count)]).copyMemory(
                        from: $0)
                }
                place += part.count
            }
            guard try file.read(upToCount: 1)?.isEmpty ?? true else {
                throw refuse("goes on behind its \(digest.bytes) bytes")
            }
        }
        var hash = try SHA256()
        try hash.update(head)
        try hash.update(UnsafeRawBufferPointer(parameters.values))
        guard try hash.finishedText() == digest.sha256 else {
            throw refuse("is damaged: its digest is not the task's; remove it and it is fetched again")
        }
        return parameters
    }
}
