internal import Compute
package import Configuration

/// `adagrad` (Duchi, Hazan and Singer 2011), as PyTorch's without rate decay: `epsilon` 1e-10.
package struct Adagrad: Optimizer {
    package static let names = ["adagrad"]

    private let epsilon: Double
    private let decay: Double

    package init(_ name: String, _ section: Section) throws {
        epsilon = try section.positive("epsilon") ?? 1e-10
        decay = try section.nonNegative("weight_decay") ?? 0
    }

    package var arguments: [String: JSONValue] {
        ["epsilon": .number(epsilon), "weight_decay": .number(decay)]
    }

    package var statePerParameter: Int { 1 }

    package func update(_ pass: OptimizerPass) {
        OptimizerKernels.adagrad(
            pass.parameters, pass.gradient, square: pass.state, rate: Float(pass.rate),
            epsilon: Float(epsilon), decay: Float(decay), count: pass.count)
    }
}
