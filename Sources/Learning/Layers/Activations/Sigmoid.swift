internal import Compute
package import Configuration

/// y = 1 / (1 + exp(-x)).
package struct Sigmoid: Activation {
    package static let kind = "sigmoid"

    package init(_ section: Section) {}

    package func apply(_ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int) {
        Kernels.sigmoid(output, input, count: count)
    }

    package func differentiate(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, output: UnsafePointer<Float>, count: Int
    ) {
        Kernels.sigmoidBackward(inputDelta, outputDelta, output: output, count: count)
    }
}
