internal import Compute
package import Configuration

/// `rmsprop` (Tieleman and Hinton 2012), as PyTorch's without momentum: `alpha` 0.99, `epsilon` 1e-8.
package struct RMSProp: Optimizer {
    package static let names = ["rmsprop"]

    private let alpha: Double
    private let epsilon: Double
    private let decay: Double

    package init(_ name: String, _ section: Section) throws {
        alpha = try section.fraction("alpha") ?? 0.99
        epsilon = try section.positive("epsilon") ?? 1e-8
        decay = try section.nonNegative("weight_decay") ?? 0
    }

    package var arguments: [String: JSONValue] {
        ["alpha": .number(alpha), "epsilon": .number(epsilon), "weight_decay": .number(decay)]
    }

    package var statePerParameter: Int { 1 }

    package func update(_ pass: OptimizerPass) {
        OptimizerKernels.rmsprop(
            pass.parameters, pass.gradient, square: pass.state, rate: Float(pass.rate), alpha: Float(alpha),
            epsilon: Float(epsilon), decay: Float(decay), count: pass.count)
    }
}
