package import Configuration

/// FedAdam (Reddi et al. 2021, algorithm 2): with Δ the mean update, `m = β₁ m + (1 − β₁) Δ`, `v = β₂ v + (1 − β₂) Δ²`
/// and `model += η m / (√v + τ)`, where m is 0 and v is τ² before the first step. As in the paper nothing corrects the
/// moments' bias.
///
/// Under central, local or distributed noise Δ is the noisy mean, which costs nothing more. But v then holds the noise's
/// variance too: where noise outweighs the updates all coordinates take steps of much the same length, as if the rate
/// were η over the noise's deviation, and τ wants to be no smaller than that deviation.
package struct ServerAdam: ServerRule {
    private let learningRate: Float
    private let beta1: Double
    private let beta2: Double
    private let tau: Float

    package init(_ section: Section) throws {
        func fraction(_ key: String) throws -> Double? {
            try section.number(key, expected: "a number from 0 to below 1") { $0 >= 0 && $0 < 1 }
        }
        learningRate = Float(try section.positive("server_learning_rate") ?? 0.1)
        beta1 = try fraction("beta1") ?? 0.9
        beta2 = try fraction("beta2") ?? 0.99
        // Its square is a normal number.
        tau = Float(
            try section.number("tau", expected: "a number from 1e-15 to 1e15") { (1e-15...1e15).contains($0) }
                ?? 1e-3)
    }

    package var settings: [String: JSONValue] {
        [
            "server_learning_rate": .number(Double(learningRate)), "beta1": .number(beta1),
            "beta2": .number(beta2), "tau": .number(Double(tau)),
        ]
    }

    package let stateNames = ["first_moment", "second_moment"]

    package func update(_ pass: ServerPass) {
        let (model, meanUpdate) = (pass.parameters, pass.meanUpdate)
        let (first, second) = (pass.state[0], pass.state[1])
        let (keep1, keep2) = (Float(beta1), Float(beta2))
        let (take1, take2) = (Float(1 - beta1), Float(1 - beta2))
        // The state is zero before the first step.
        let start = pass.step == 1 ? tau * tau : 0
        for index in model.indices {
            let delta = meanUpdate[index]
            first[index] = keep1 * first[index] + take1 * delta
            second[index] = keep2 * (second[index] + start) + take2 * (delta * delta)
            model[index] += learningRate * first[index] / (second[index].squareRoot() + tau)
        }
    }
}
