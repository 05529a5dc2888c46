package import Configuration

/// The point with the least sum of distances to the updates, by a few passes of smoothed Weiszfeld (Pillutla et al. 2022,
/// algorithm 2): z = Σ wᵢ xᵢ / Σ wᵢ with wᵢ = 1 / max(ν, ‖xᵢ − z‖).
package struct GeometricMedian: IndividualRule {
    /// Where the first pass stands.
    private enum Start: String, CaseIterable, Sendable {
        /// The mean, as in the paper's program.
        case mean
        /// The present model. Whoever sends no change at all is there, at a distance of nothing, and few passes do not come away.
        case zero
    }

    private let start: Start
    private let passes: Int
    /// ν, in model units.
    private let smoothing: Double

    package init(_ section: Section) throws {
        passes = try section.integer("passes", in: 1...1000) ?? 5
        smoothing = try section.positive("smoothing") ?? 1e-6
        start = try section.choice("start", of: Start.self) ?? .mean
    }

    package var settings: [String: JSONValue] {
        [
            "passes": .integer(passes), "smoothing": .number(smoothing), "start": .string(start.rawValue),
        ]
    }

    package var heedsHostile: Bool { false }

    package func fewestUpdates(hostile: Int) -> Int { 2 * hostile + 1 }

    package func combine(_ updates: UpdateGeometry, hostile: Int) -> UpdateCombination {
        var weights = [Double](repeating: 0, count: updates.count)
        if start == .mean {
            let usable = updates.isUsable.count { $0 }
            weights = updates.isUsable.map { $0 ? 1 / Double(usable) : 0 }
        }
        for _ in 0..<passes {
            // An update that is not finite is infinitely far and weighs nothing.
            let fresh = updates.distances(from: weights).map { 1 / max(smoothing, $0) }
            let sum = fresh.reduce(0, +)
            guard sum > 0 else { break }
            weights = fresh.map { $0 / sum }
        }
        return .weighted(weights, divisor: 1)
    }
}
