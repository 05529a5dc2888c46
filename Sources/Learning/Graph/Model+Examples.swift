package import Compute
internal import Configuration

extension Model {
    /// Whether the model reads such features: tokens where its first layer tells as many apart, numbers elsewhere.
    func reads(_ features: Examples.Features) -> Bool {
        switch features {
        case .tokens(_, let tokens): vocabulary.map { tokens <= $0 } ?? false
        case .floats, .bytes: vocabulary == nil
        }
    }

    /// Throws ``ConfigurationError`` unless the model can read these examples. Without it numbers would be taken for
    /// tokens, and tokens for rows that an embedding does not have.
    package func check(_ examples: Examples) throws {
        try checkForest(examples.targets)
        guard !reads(examples.features) else { return }
        let wanted = vocabulary.map { "reads \($0) tokens" } ?? "reads numbers"
        let found: String
        if case .tokens(_, let tokens) = examples.features {
            found = "\(tokens) tokens"
        } else {
            found = "numbers"
        }
        throw ConfigurationError(
            path: spec.path,
            problem:
                "layer \(nodes.first?.name ?? "") (\(nodes.first?.kind ?? "")) \(wanted), but the data are \(found)"
        )
    }

    /// Throws ``ConfigurationError`` where a forest is grown for other targets.
    private func checkForest(_ targets: Examples.Targets) throws {
        guard let forest else { return }
        switch (forest.objective, targets) {
        case (.logistic, .classes), (.softmax, .classes): return
        case (.squaredError, .values(_, let width)) where width == forest.outputs: return
        case (.squaredError, _):
            throw ConfigurationError(
                path: spec.path,
                problem:
                    "is a forest for \(forest.outputs) values an example, which the data have not; say classes"
            )
        default:
            throw ConfigurationError(
                path: spec.path, problem: "is a forest for classes, which the data have not; say outputs: 1")
        }
    }
}
