internal import Compute

/// What compressed updates stand for, one after the other in the same memory.
package final class UpdateExpansion {
    private let compressor: any UpdateCompressor
    private let expanded: StageBuffer
    private let room: CompressionRoom

    /// Room for the updates of a plan; nil where they travel whole.
    package init?(_ plan: TaskPlan) {
        guard let compressor = plan.compression?.compressor else { return nil }
        self.compressor = compressor
        expanded = StageBuffer(count: plan.report.count)
        room = CompressionRoom(count: plan.report.count)
    }

    /// The update that bytes stand for, of which ``UpdateCompressor/norm(_:count:)`` is not nil; valid until the next call.
    package func values(
        of bytes: UnsafeRawBufferPointer, _ round: CompressionRound
    ) -> UnsafeBufferPointer<Float> {
        compressor.expand(bytes, into: expanded.values, room: room, round: round)
        return UnsafeBufferPointer(expanded.values)
    }
}
