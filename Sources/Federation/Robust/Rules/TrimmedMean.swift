package import Configuration

/// The mean of each coordinate without as many of the least and of the greatest values as clients may be hostile (Yin et
/// al. 2018, definition 2).
package struct TrimmedMean: IndividualRule {
    package init(_ section: Section) {}

    package var measures: UpdateMeasurement { .nothing }

    package func fewestUpdates(hostile: Int) -> Int { 2 * hostile + 1 }

    package func combine(_ updates: UpdateGeometry, hostile: Int) -> UpdateCombination {
        .trimmed(Array(0..<updates.count), cut: hostile)
    }
}
