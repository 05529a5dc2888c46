internal import Cryptography
internal import Federation
internal import Learning
internal import Operations
internal import Transport

extension StateDirectory {
    /// The path of the file of frozen parameters.
    var frozenPath: String { "\(path)/models/\(FrozenModelFile.name)" }

    /// The file of the model's frozen parameters, written where it is missing: its bytes follow from the task. Nil where
    /// nothing is frozen. Throws a storage `Failure` where another file lies in its place.
    func frozenModel(of model: Model) throws -> StoredFrozenModel? {
        guard let parameters = model.frozen, let stated = model.spec.frozenFile else { return nil }
        if try StoredFile.size(at: frozenPath) == nil {
            try AtomicFile.write(to: frozenPath, mode: 0o600) { file in
                try FrozenModelFile.forEachPiece(parameters) { try file.append($0) }
            }
        }
        guard let buffer = try map(frozenPath) else { throw Self.missing(frozenPath) }
        guard buffer.count == stated.bytes, try SHA256.text(of: buffer) == stated.sha256 else {
            throw Failure(
                .storage, "\(frozenPath): damaged, or another model's; remove it and it is written anew")
        }
        return StoredFrozenModel(digest: stated.sha256, buffer: buffer)
    }
}
