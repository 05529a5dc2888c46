internal import Cryptography
package import Federation
internal import HTTPWire
package import Messages
package import Transport

extension ServerLink {
    /// Downloads a model as it travels on the task's grid, and gives its file. Nil where the task has no grid, where the server has
    /// the model whole only, as the one that a run starts from, and where what comes is not the announced file: it is then to be
    /// downloaded whole. Throws ``ClientError``.
    package func packed(_ model: RoundOffer.ModelReference, on grid: ModelGrid?) throws -> SharedBuffer? {
        guard let grid, model.round > 0 else { return nil }
        let target = Transport.MemoryDownload(limit: model.bytes)
        let outcome = try client.download(paths.packedModel(round: model.round), into: target)
        guard outcome == .complete,
            let file = target.bytes.withUnsafeBytes({
                PackedModel.unpack($0, on: grid, fileBytes: model.bytes)
            }),
            try SHA256.text(of: file) == model.sha256
        else { return nil }
        return SharedBuffer(file)
    }
}
