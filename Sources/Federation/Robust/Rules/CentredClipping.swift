package import Configuration

/// Steps from a centre, each the mean of the updates' differences from it, cut to a radius (Karimireddy et al. 2021,
/// algorithm 2): v += Σ (xᵢ − v) min(1, τ / ‖xᵢ − v‖) / n. The first centre is 0, the present model.
package struct CentredClipping: IndividualRule {
    /// τ, in model units.
    private let radius: Double
    private let passes: Int

    package init(_ section: Section) throws {
        guard let radius = try section.positive("radius") else {
            throw section.error("radius", "is missing: how far from the centre an update counts as it is")
        }
        self.radius = radius
        passes = try section.integer("passes", in: 1...1000) ?? 3
    }

    package var settings: [String: JSONValue] { ["radius": .number(radius), "passes": .integer(passes)] }

    package var heedsHostile: Bool { false }

    package func fewestUpdates(hostile: Int) -> Int { 2 * hostile + 1 }

    package func combine(_ updates: UpdateGeometry, hostile: Int) -> UpdateCombination {
        let count = Double(updates.count)
        // The centre as a combination of the updates.
        var centre = [Double](repeating: 0, count: updates.count)
        for _ in 0..<passes {
            let shares = updates.distances(from: centre).map { distance in
                // An update that is not finite has no direction to go in.
                distance.isFinite ? min(1, radius / max(distance, .leastNormalMagnitude)) / count : 0
            }
            let kept = 1 - shares.reduce(0, +)
            for place in centre.indices { centre[place] = centre[place] * kept + shares[place] }
        }
        return .weighted(centre, divisor: 1)
    }
}
