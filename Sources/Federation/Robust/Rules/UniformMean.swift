package import Configuration

/// The mean, every client alike: no defence, and what the others are held against.
package struct UniformMean: IndividualRule {
    package init(_ section: Section) {}

    package var measures: UpdateMeasurement { .nothing }
    package var heedsHostile: Bool { false }

    package func fewestUpdates(hostile: Int) -> Int { 1 }

    package func combine(_ updates: UpdateGeometry, hostile: Int) -> UpdateCombination {
        .weighted([Double](repeating: 1, count: updates.count), divisor: Double(updates.count))
    }
}
