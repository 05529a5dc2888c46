internal import Compute
package import Configuration
internal import Glibc

/// `adam` (Kingma and Ba 2015) and `adamw`, whose weight decay does not pass through the moments (Loshchilov
/// and Hutter 2019); `weight_decay` is 0 and 0.01 where absent, as in PyTorch.
package struct Adam: Optimizer {
    package static let names = ["adam", "adamw"]

    private let beta1: Double
    private let beta2: Double
    private let epsilon: Double
    private let decay: Double
    private let isDecoupled: Bool

    package init(_ name: String, _ section: Section) throws {
        beta1 = try section.fraction("beta1") ?? 0.9
        beta2 = try section.fraction("beta2") ?? 0.999
        epsilon = try section.positive("epsilon") ?? 1e-8
        isDecoupled = name == "adamw"
        decay = try section.nonNegative("weight_decay") ?? (isDecoupled ? 0.01 : 0)
    }

    package var arguments: [String: JSONValue] {
        [
            "beta1": .number(beta1), "beta2": .number(beta2), "epsilon": .number(epsilon),
            "weight_decay": .number(decay),
        ]
    }

    package var statePerParameter: Int { 2 }

    package func update(_ pass: OptimizerPass) {
        let correction1 = 1 - pow(beta1, Double(pass.step))
        let correction2 = 1 - pow(beta2, Double(pass.step))
        OptimizerKernels.adam(
            pass.parameters, pass.gradient, mean: pass.state, square: pass.state + pass.count,
            rateOverCorrection: Float(pass.rate / correction1), beta1: Float(beta1), beta2: Float(beta2),
            rootOfCorrection2: Float(correction2.squareRoot()), epsilon: Float(epsilon),
            coupledDecay: isDecoupled ? 0 : Float(decay),
            shrink: isDecoupled ? Float(1 - pass.rate * decay) : 1, count: pass.count)
    }
}
