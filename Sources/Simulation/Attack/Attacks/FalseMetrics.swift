package import Configuration
package import Federation

/// Trains as everybody does and lies about how good the model is, where clients say that (`evaluation.holdout: "federated"`).
package struct FalseMetrics: Attack {
    private let accuracy: Double
    private let loss: Double

    package init(_ section: Section) throws {
        accuracy =
            try section.number("accuracy", expected: "a number from 0 to 1") { $0 >= 0 && $0 <= 1 } ?? 0
        loss = try section.nonNegative("loss") ?? 1e6
    }

    package var settings: [String: JSONValue] { ["accuracy": .number(accuracy), "loss": .number(loss)] }

    package func claimed(_ measured: ClientMetrics) -> ClientMetrics {
        var claimed = measured
        claimed.loss = loss
        if claimed.accuracy != nil { claimed.accuracy = accuracy }
        return claimed
    }
}
