package import Compute
package import Configuration

/// Trains on labels turned round: y becomes C − 1 − y (Fang et al. 2020, section 5.1).
package struct LabelFlip: Attack {
    package init(_ section: Section) {}

    package func check(_ examples: Examples) throws {
        guard case .classes = examples.targets else {
            throw ConfigurationError(
                path: "simulation.attack.name",
                problem: "\"label-flip\" turns classes round, and these data have none")
        }
    }

    package var poisonsData: Bool { true }

    package func poisoned(_ examples: Examples, using generator: inout SeededGenerator) -> Examples {
        guard case .classes(let labels, let count) = examples.targets else { return examples }
        return Examples(
            count: examples.count, featureShape: examples.featureShape, features: examples.features,
            targets: .classes(labels.map { Int32(count) - 1 - $0 }, count: count), lengths: examples.lengths)
    }
}
