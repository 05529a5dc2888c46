internal import Compute
package import Configuration

/// y = x where x > 0, slope · x elsewhere.
package struct LeakyReLU: Activation {
    package static let kind = "leaky_relu"
    package static let shorthand: String? = "slope"
    package static let initialRange = InitialRange.he

    private let slope: Double

    package init(_ section: Section) throws {
        slope =
            try section.number("slope", expected: "a number of at least 0 and below 1") {
                $0 >= 0 && $0 < 1
            } ?? 0.01
    }

    package var arguments: [String: JSONValue] { ["slope": .number(slope)] }

    package func apply(_ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int) {
        Kernels.rectify(output, input, slope: Float(slope), count: count)
    }

    package func differentiate(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, output: UnsafePointer<Float>, count: Int
    ) {
        Kernels.rectifyBackward(inputDelta, outputDelta, output: output, slope: Float(slope), count: count)
    }
}
