internal import Compute
internal import Cryptography
internal import Datasets
internal import Foundation
internal import Notation
internal import Operations

/// Ties an output folder to the data that its run reads: a run that is resumed on other data is another run, whose
/// ledger counts for units that it never had.
///
/// The digest is a function of private data: it lies in a file of its own, mode 0600, and nowhere that is published.
struct DataBinding {
    static let fileName = "data.sha256"

    /// SHA-256 over training data, hold-out and the clients' shares of them as they were read, hexadecimal.
    let digest: String
    /// Where the data lie, as the scenario says.
    private let source: String

    /// Binds to what `setup` holds, which came from `source`.
    init(_ setup: SimulationSetup, source: String) throws {
        self.source = source
        var hash = try SHA256()
        for examples in [setup.training, setup.holdout].compactMap(\.self) {
            try Self.add(examples, to: &hash)
        }
        // What a client is counts too: the ledger's unit.
        for client in 0..<setup.partition.clientCount {
            let rows = Array(setup.partition[client])
            try withUnsafeBytes(of: rows.count) { try hash.update($0) }
            try rows.withUnsafeBytes { try hash.update($0) }
        }
        digest = try Hexadecimal.text(of: hash.finish())
    }

    /// Writes the digest for runs to come.
    func write(_ folder: OutputDirectory) throws {
        try AtomicFile.write(digest + "\n", to: folder.file(Self.fileName), mode: 0o600)
    }

    /// Throws a storage `Failure` where the folder's run read other data. A folder of 0.1.0 does not say.
    func check(_ folder: OutputDirectory) throws {
        let path = folder.file(Self.fileName)
        guard let bytes = try StoredFile.bytes(at: path, limit: 4096) else { return try write(folder) }
        guard String(decoding: bytes, as: UTF8.self) == digest + "\n" else {
            throw Failure(
                .invalidInput,
                "\(folder.path): holds a run on other data: \(source) was changed since (\(path) has another digest); "
                    + "put them back, or choose another folder")
        }
    }

    private static func add(_ examples: Examples, to hash: inout SHA256) throws {
        let shape = "\(examples.count) \(examples.featureShape)\n"
        try Array(shape.utf8).withUnsafeBytes { try hash.update($0) }
        switch examples.features {
        case .floats(let values): try values.withUnsafeBytes { try hash.update($0) }
        case .bytes(let values, let scale):
            try values.withUnsafeBytes { try hash.update($0) }
            try withUnsafeBytes(of: scale) { try hash.update($0) }
        case .tokens(let values, let vocabulary):
            try values.withUnsafeBytes { try hash.update($0) }
            try withUnsafeBytes(of: vocabulary) { try hash.update($0) }
        }
        switch examples.targets {
        case .classes(let labels, let count):
            try labels.withUnsafeBytes { try hash.update($0) }
            try withUnsafeBytes(of: count) { try hash.update($0) }
        case .values(let values, _): try values.withUnsafeBytes { try hash.update($0) }
        case .tokens(let values, _, let classes):
            try values.withUnsafeBytes { try hash.update($0) }
            try withUnsafeBytes(of: classes) { try hash.update($0) }
        }
        try examples.lengths?.withUnsafeBytes { try hash.update($0) }
    }
}
