internal import Compute
package import Configuration

/// y = x / (1 + exp(−x)), also called swish (Elfwing, Uchibe and Doya 2018).
package struct SiLU: Activation {
    package static let kind = "silu"
    package static let initialRange = InitialRange.he

    package init(_ section: Section) {}

    package func apply(_ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int) {
        Kernels.silu(output, input, count: count)
    }

    package func differentiate(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, output: UnsafePointer<Float>, count: Int
    ) {
        Kernels.siluBackward(inputDelta, outputDelta, input: input, count: count)
    }
}
