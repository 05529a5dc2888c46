internal import Compute
internal import Privacy

/// Compresses an update and goes on with what its bytes stand for, as the server will see it.
final class CompressionStage: UpdateStage {
    private let compressor: any UpdateCompressor
    private let expanded: StageBuffer
    private let wanted: StageBuffer
    private let room: CompressionRoom
    private let storage: UnsafeMutableRawBufferPointer

    /// Allocates what updates of `count` coordinates need.
    init(_ compressor: any UpdateCompressor, count: Int) {
        self.compressor = compressor
        expanded = StageBuffer(count: count)
        wanted = StageBuffer(count: compressor.feedsBack ? count : 0)
        room = CompressionRoom(count: count)
        storage = .allocate(byteCount: compressor.byteCount(count), alignment: 8)
        storage.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { storage.deallocate() }

    /// The last update as it travels.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(storage) }
    /// What these bytes stand for.
    var values: UnsafeBufferPointer<Float> { UnsafeBufferPointer(expanded.values) }

    func apply(
        to update: inout UpdateInWork, _ terms: EncodingTerms, rounding: inout SeededGenerator,
        noise source: inout some NoiseSource
    ) throws {
        guard let round = terms.compression else { preconditionFailure("compression of no round") }
        var source = update.values
        if let residual = terms.residual {
            let sum = wanted.values
            for place in sum.indices { sum[place] = update.values[place] + residual[place] }
            source = UnsafeBufferPointer(sum)
            _ = try StageBuffer.norm(source)
        }
        compressor.compress(source, into: storage, room: room, round: round, random: &rounding)
        compressor.expand(bytes, into: expanded.values, room: room, round: round)
        if let residual = terms.residual {
            for place in residual.indices { residual[place] = source[place] - expanded.values[place] }
        }
        update.values = values
        update.norm = try StageBuffer.norm(update.values)
    }
}
