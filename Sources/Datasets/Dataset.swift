package import Compute

/// Data that is ready to train on: examples, the parts held out, and how they came from raw input.
package struct Dataset: Sendable {
    package let train: Examples
    package let validation: Examples?
    package let test: Examples?
    /// Names of the classes in their order; empty where values are predicted.
    package let classNames: [String]
    /// Names of the features in their order; empty for images.
    package let featureNames: [String]
    /// Name of the label's column in the file; nil where it has none.
    package var labelName: String?
    /// Natural client of each training row, as a place in `groupNames`; empty without groups.
    package let trainGroups: [Int32]
    /// Names of the natural clients that have training rows.
    package let groupNames: [String]
    /// How raw input became features; learnt from the training rows only.
    package let preprocessing: Preprocessing
    /// Input rows that were left out, as the configuration allows.
    package let skippedRows: Int
    /// What should be thought about, one line each: columns left out, an index among the features.
    package var warnings: [String] = []
    /// Texts of the columns that were to be kept, row by row; empty without such columns.
    package var kept: (train: [[String]], test: [[String]]) = ([], [])

    /// What partitioners see of the training rows.
    package var partitionSubject: PartitionSubject {
        if case .classes(let labels, let count) = train.targets {
            return PartitionSubject(
                count: train.count, labels: labels, classCount: count, groups: trainGroups,
                groupNames: groupNames)
        }
        return PartitionSubject(
            count: train.count, labels: nil, classCount: 0, groups: trainGroups, groupNames: groupNames)
    }

    /// The groups of the chosen rows, numbered anew in the order of their names so that none is empty.
    static func compact(groups: [Int32], names: [String], rows: [Int32]) -> (groups: [Int32], names: [String])
    {
        guard !groups.isEmpty else { return ([], []) }
        let chosen = rows.map { groups[Int($0)] }
        let used = Set(chosen)
        let sorted = LabelRule.sorted(used.map { names[Int($0)] })
        let places = Dictionary(uniqueKeysWithValues: zip(sorted, sorted.indices.map { Int32($0) }))
        return (chosen.map { places[names[Int($0)]] ?? 0 }, sorted)
    }
}
