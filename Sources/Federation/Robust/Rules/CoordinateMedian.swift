package import Configuration

/// The median of each coordinate (Yin et al. 2018, definition 1); of an even number the mean of the middle two.
package struct CoordinateMedian: IndividualRule {
    package init(_ section: Section) {}

    package var measures: UpdateMeasurement { .nothing }
    package var heedsHostile: Bool { false }

    package func fewestUpdates(hostile: Int) -> Int { 2 * hostile + 1 }

    package func combine(_ updates: UpdateGeometry, hostile: Int) -> UpdateCombination {
        .trimmed(Array(0..<updates.count), cut: max(0, updates.count - 1) / 2)
    }
}
