import Compute
import Configuration
import Federation
import Learning

/// Tasks whose rounds are measured.
enum BenchTask {
    /// A plan of one dense layer of (`inputs` + 1) × 100 parameters, `cohort` reports a round.
    static func dense(inputs: Int, cohort: Int, mode: PrivacyMode) throws -> TaskPlan {
        try plan(
            model: ["preset": .string("logistic"), "classes": .integer(100)], inputs: inputs, cohort: cohort,
            privacy: privacy(mode))
    }

    /// Two rounds of a linear model of (`inputs` + 1) × 10 parameters with central noise.
    static func linear(inputs: Int, cohort: Int, population: Int) throws -> TaskPlan {
        try plan(
            model: ["preset": .string("logistic"), "classes": .integer(10)], inputs: inputs, cohort: cohort,
            privacy: privacy(.central), rounds: 2, population: population)
    }

    /// A plan of the MLP 784-64-64-10 with 55,050 parameters, 100 reports a round; `batch` examples a step.
    static func perceptron(
        mode: PrivacyMode, batch: Int = 10, example: JSONValue? = nil
    ) throws -> TaskPlan {
        var privacy = privacy(mode)
        privacy["example"] = example
        return try plan(
            model: [
                "preset": .string("mlp"), "hidden": .array([.integer(64), .integer(64)]),
                "classes": .integer(10),
            ], inputs: 784, cohort: 100, privacy: privacy, batch: batch)
    }

    private static func privacy(_ mode: PrivacyMode) -> [String: JSONValue] {
        var section: [String: JSONValue] = ["mode": .string(mode.rawValue)]
        if mode != .none { section["noise_multiplier"] = .number(1) }
        return section
    }

    private static func plan(
        model: [String: JSONValue], inputs: Int, cohort: Int, privacy: [String: JSONValue], batch: Int = 10,
        rounds: Int = 100, population: Int? = nil
    ) throws -> TaskPlan {
        let section = try Section(
            .object([
                "model": .object(model),
                "training": .object(["batch_size": .integer(batch), "learning_rate": .number(0.1)]),
                "rounds": .integer(rounds), "cohort_size": .integer(cohort), "privacy": .object(privacy),
            ]), path: "task")
        let configuration = try TaskConfiguration(section)
        let model = try Model(configuration.model, inputShape: [inputs])
        return try TaskPlan(configuration, model: model, population: population ?? 10 * cohort)
    }

    /// A made-up update of the given length, far from sparse and from constant.
    static func update(count: Int) -> [Float] {
        var random = SeededGenerator(seed: 7, purpose: .test)
        var values = [Float](repeating: 0, count: count)
        values.withUnsafeMutableBufferPointer { random.fillUniform($0) }
        return values.map { ($0 - 0.5) * 0.01 }
    }
}
