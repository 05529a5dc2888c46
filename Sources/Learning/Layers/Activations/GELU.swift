internal import Compute
package import Configuration

/// y = x Φ(x), the Gaussian error linear unit (Hendrycks and Gimpel 2016): exact, as BERT has it, or with
/// `approximate: "tanh"` through a hyperbolic tangent, as GPT-2 has it.
package struct GELU: Activation {
    package static let kind = "gelu"
    package static let shorthand: String? = "approximate"
    package static let initialRange = InitialRange.he

    /// How Φ is computed, in the words of PyTorch.
    private enum Approximation: String, CaseIterable {
        case none, tanh
    }

    private let approximation: Approximation

    package init(_ section: Section) throws {
        approximation = try section.choice("approximate", of: Approximation.self) ?? .none
    }

    package var arguments: [String: JSONValue] {
        approximation == .none ? [:] : ["approximate": .string(approximation.rawValue)]
    }

    package func apply(_ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int) {
        switch approximation {
        case .none: Kernels.gelu(output, input, count: count)
        case .tanh: Kernels.geluTanh(output, input, count: count)
        }
    }

    package func differentiate(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, output: UnsafePointer<Float>, count: Int
    ) {
        switch approximation {
        case .none: Kernels.geluBackward(inputDelta, outputDelta, input: input, count: count)
        case .tanh: Kernels.geluTanhBackward(inputDelta, outputDelta, input: input, count: count)
        }
    }
}
