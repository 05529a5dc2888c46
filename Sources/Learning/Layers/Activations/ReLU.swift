internal import Compute
package import Configuration

/// y = max(x, 0).
package struct ReLU: Activation {
    package static let kind = "relu"
    package static let initialRange = InitialRange.he

    package init(_ section: Section) {}

    package func apply(_ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int) {
        Kernels.rectify(output, input, slope: 0, count: count)
    }

    package func differentiate(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, output: UnsafePointer<Float>, count: Int
    ) {
        Kernels.rectifyBackward(inputDelta, outputDelta, output: output, slope: 0, count: count)
    }
}
