package import Compute
package import Configuration

/// Sends no change at all: it slows learning where the mean counts it.
package struct ZeroUpdate: Attack {
    package init(_ section: Section) {}

    package func distort(
        _ update: UnsafeMutableBufferPointer<Float>, in round: AttackedRound,
        using generator: inout SeededGenerator
    ) {
        update.update(repeating: 0)
    }
}
