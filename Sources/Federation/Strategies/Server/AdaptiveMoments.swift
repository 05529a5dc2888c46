internal import Configuration

/// How an adaptive server rule goes on from its second moment.
protocol SecondMoment {
    /// The next v from v and Δ²; `keep` is β₂ and `take` 1 − β₂.
    static func next(_ moment: Float, _ square: Float, keep: Float, take: Float) -> Float
}

/// What the adaptive server rules of Reddi et al. (2021, algorithm 2) have in common: with Δ the mean update,
/// `m = β₁ m + (1 − β₁) Δ`, v by the rule's own formula, and `model += η m / (√v + τ)`, where m is 0 and v is τ² before
/// the first step. As in the paper nothing corrects the moments' bias.
///
/// Under central, local or distributed noise Δ is the noisy mean, which costs nothing more. But v then holds the noise's
/// variance too: where noise outweighs the updates all coordinates take steps of much the same length, as if the rate
/// were η over the noise's deviation, and τ wants to be no smaller than that deviation.
struct AdaptiveMoments: Sendable {
    private let learningRate: Float
    private let beta1: Double
    /// Nil where the second moment forgets nothing.
    private let beta2: Double?
    private let tau: Float

    /// Reads the keys that the rules share, β₂ where the rule has one. Throws ``ConfigurationError``.
    init(_ section: Section, beta1: Double = 0.9, hasBeta2: Bool = true) throws {
        func fraction(_ key: String) throws -> Double? {
            try section.number(key, expected: "a number from 0 to below 1") { $0 >= 0 && $0 < 1 }
        }
        learningRate = Float(try section.positive("server_learning_rate") ?? 0.1)
        self.beta1 = try fraction("beta1") ?? beta1
        beta2 = hasBeta2 ? try fraction("beta2") ?? 0.99 : nil
        // Its square is a normal number.
        tau = Float(
            try section.number("tau", expected: "a number from 1e-15 to 1e15") { (1e-15...1e15).contains($0) }
                ?? 1e-3)
    }

    /// The keys with their values.
    var settings: [String: JSONValue] {
        var settings: [String: JSONValue] = [
            "server_learning_rate": .number(Double(learningRate)), "beta1": .number(beta1),
            "tau": .number(Double(tau)),
        ]
        if let beta2 { settings["beta2"] = .number(beta2) }
        return settings
    }

    /// Names of the two values that are remembered of each parameter.
    static let stateNames = ["first_moment", "second_moment"]

    /// One step on a piece of the model, by the second moment of `Rule`.
    func update<Rule: SecondMoment>(_ pass: ServerPass, by rule: Rule.Type) {
        let (model, meanUpdate) = (pass.parameters, pass.meanUpdate)
        let (first, second) = (pass.state[0], pass.state[1])
        let beta2 = beta2 ?? 0
        let (keep1, keep2) = (Float(beta1), Float(beta2))
        let (take1, take2) = (Float(1 - beta1), Float(1 - beta2))
        // The state is zero before the first step.
        let start = pass.step == 1 ? tau * tau : 0
        for index in model.indices {
            let delta = meanUpdate[index]
            first[index] = keep1 * first[index] + take1 * delta
            second[index] = Rule.next(second[index] + start, delta * delta, keep: keep2, take: take2)
            model[index] += learningRate * first[index] / (second[index].squareRoot() + tau)
        }
    }
}
