package import Configuration

/// The mean of the updates, each cut to a norm: x · min(1, M / ‖x‖) (Sun et al. 2019, section 4). It bounds what one
/// client can do and has no break-down point.
package struct NormBound: IndividualRule {
    /// M, in model units.
    private let norm: Double

    package init(_ section: Section) throws {
        guard let norm = try section.positive("norm") else {
            throw section.error("norm", "is missing: the greatest norm of one update, in model units")
        }
        self.norm = norm
    }

    package var settings: [String: JSONValue] { ["norm": .number(norm)] }

    package var measures: UpdateMeasurement { .norms }
    package var heedsHostile: Bool { false }
    package var normBound: Double? { norm }

    package func fewestUpdates(hostile: Int) -> Int { 0 }

    package func combine(_ updates: UpdateGeometry, hostile: Int) -> UpdateCombination {
        let weights = (0..<updates.count).map { place in
            updates.isUsable[place] ? min(1, norm / max(updates.norm(place), .leastNormalMagnitude)) : 0
        }
        return .weighted(weights, divisor: Double(updates.count))
    }
}
