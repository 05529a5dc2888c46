package import Compute
package import Configuration

/// Sends its own update with the sign turned, times a factor: −λ Δ (Li et al. 2019, section 5).
package struct SignFlip: Attack {
    /// λ.
    private let scale: Double

    package init(_ section: Section) throws { scale = try section.positive("scale") ?? 1 }

    package var settings: [String: JSONValue] { ["scale": .number(scale)] }

    package func distort(
        _ update: UnsafeMutableBufferPointer<Float>, in round: AttackedRound,
        using generator: inout SeededGenerator
    ) {
        guard let values = update.baseAddress else { return }
        Kernels.scale(values, by: Float(-scale), count: update.count)
    }
}
