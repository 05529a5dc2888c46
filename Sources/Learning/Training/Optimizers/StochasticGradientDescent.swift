internal import Compute
package import Configuration

/// `sgd` (with `momentum` 0 where absent), `momentum` and `nesterov` (0.9 where absent), as PyTorch's `SGD`
/// without dampening.
package struct StochasticGradientDescent: Optimizer {
    package static let names = ["sgd", "momentum", "nesterov"]

    private let momentum: Double
    private let isNesterov: Bool
    private let decay: Double

    package init(_ name: String, _ section: Section) throws {
        momentum = try section.fraction("momentum") ?? (name == "sgd" ? 0 : 0.9)
        isNesterov = name == "nesterov"
        decay = try section.nonNegative("weight_decay") ?? 0
    }

    package var arguments: [String: JSONValue] {
        ["momentum": .number(momentum), "weight_decay": .number(decay)]
    }

    package var statePerParameter: Int { momentum > 0 ? 1 : 0 }
    package var isPlainDescent: Bool { momentum == 0 && decay == 0 }

    package func update(_ pass: OptimizerPass) {
        if momentum == 0 {
            OptimizerKernels.sgd(
                pass.parameters, pass.gradient, rate: Float(pass.rate), decay: Float(decay), count: pass.count
            )
        } else {
            OptimizerKernels.momentum(
                pass.parameters, pass.gradient, velocity: pass.state, rate: Float(pass.rate),
                momentum: Float(momentum), decay: Float(decay), nesterov: isNesterov, count: pass.count)
        }
    }
}
