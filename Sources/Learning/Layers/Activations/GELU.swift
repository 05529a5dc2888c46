internal import Compute
package import Configuration

/// y = x Φ(x), the Gaussian error linear unit (Hendrycks and Gimpel 2016), in its exact form.
package struct GELU: Activation {
    package static let kind = "gelu"
    package static let initialRange = InitialRange.he

    package init(_ section: Section) {}

    package func apply(_ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int) {
        Kernels.gelu(output, input, count: count)
    }

    package func differentiate(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, output: UnsafePointer<Float>, count: Int
    ) {
        Kernels.geluBackward(inputDelta, outputDelta, input: input, count: count)
    }
}
