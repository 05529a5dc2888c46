package import Configuration
internal import Learning

/// Gradient-boosted trees (Chen and Guestrin 2016) from sums over clients: every round grows the open trees by one level
/// (``ForestGrowth``). Without noise the forest is, bit for bit, the one that grows where all rows lie in one place.
package struct GrowingForest: ServerRule {
    private let growth: ForestGrowth

    package init(_ section: Section) throws {
        var growth = ForestGrowth()
        growth.learningRate =
            try section.number("learning_rate", expected: "a number above 0 and up to 1") {
                $0 > 0 && $0 <= 1
            }
            ?? growth.learningRate
        growth.lambda = try section.nonNegative("lambda") ?? growth.lambda
        growth.minimalGain = try section.nonNegative("gamma") ?? growth.minimalGain
        growth.minimalWeight = try section.nonNegative("min_child_weight") ?? growth.minimalWeight
        growth.greatestStep = try section.nonNegative("max_delta_step") ?? growth.greatestStep
        self.growth = growth
    }

    package var settings: [String: JSONValue] {
        [
            "learning_rate": .number(growth.learningRate), "lambda": .number(growth.lambda),
            "gamma": .number(growth.minimalGain), "min_child_weight": .number(growth.minimalWeight),
            "max_delta_step": .number(growth.greatestStep),
        ]
    }

    package var movesWhole: Bool { true }

    package func next(_ step: WholeStep) -> [Float] {
        guard let forest = step.model.forest else { return step.parameters }
        return growth.grown(step.parameters, forest, sums: step.sums)
    }

    /// Nothing: the model moves as a whole.
    package func update(_ pass: ServerPass) {}
}
