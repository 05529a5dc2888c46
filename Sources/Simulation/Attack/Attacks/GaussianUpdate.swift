package import Compute
package import Configuration

/// Sends normal numbers around 0 in place of its update (Blanchard et al. 2017, section 6).
package struct GaussianUpdate: Attack {
    /// Standard deviation of a coordinate, in model units.
    private let deviation: Double

    package init(_ section: Section) throws { deviation = try section.positive("deviation") ?? 1 }

    package var settings: [String: JSONValue] { ["deviation": .number(deviation)] }

    package func distort(
        _ update: UnsafeMutableBufferPointer<Float>, in round: AttackedRound,
        using generator: inout SeededGenerator
    ) {
        for index in update.indices { update[index] = Float(deviation * generator.normal()) }
    }
}
