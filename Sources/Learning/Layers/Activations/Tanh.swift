internal import Compute
package import Configuration

/// y = tanh(x).
package struct Tanh: Activation {
    package static let kind = "tanh"

    package init(_ section: Section) {}

    package func apply(_ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int) {
        Kernels.tanh(output, input, count: count)
    }

    package func differentiate(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, output: UnsafePointer<Float>, count: Int
    ) {
        Kernels.tanhBackward(inputDelta, outputDelta, output: output, count: count)
    }
}
