package import Compute
package import Configuration

/// In training each value is dropped with probability `rate` and the others grow by 1 / (1 − rate), so that
/// evaluation takes the values as they are (Srivastava et al. 2014, inverted form).
package struct DropoutLayer: Layer {
    package static let kind = "dropout"
    package static let isRandom = true
    package static let initialRange = InitialRange.ofNextLayer
    package static let shorthand: String? = "rate"

    private let rate: Double
    private var size = 0

    package init(_ section: Section) throws {
        rate =
            try section.number("rate", expected: "a probability of at least 0 and below 1") {
                $0 >= 0 && $0 < 1
            } ?? 0.5
    }

    package var arguments: [String: JSONValue] { ["rate": .number(rate)] }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        size = input.count
        return input
    }

    // The mask: 0 or 1 / (1 − rate) for each value.
    package var scratchPerExample: Int { size }

    package func infer(_ pass: LayerPass) {
        pass.output.base.update(from: pass.input.base, count: pass.count * size)
    }

    package func forward(_ pass: LayerPass, random: inout SeededGenerator) {
        let count = pass.count * size
        let threshold = UInt32(rate * 0x1p32)
        let kept = Float(1 / (1 - rate))
        pass.scratch.base.withMemoryRebound(to: UInt32.self, capacity: count) { words in
            random.fill(UnsafeMutableBufferPointer(start: words, count: count))
            Kernels.dropout(
                pass.output.base, pass.input.base, words: words, threshold: threshold, kept: kept,
                count: count)
        }
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        Kernels.multiply(
            into: inputDelta.base, pass.outputDelta.base, pass.scratch.base, count: pass.count * size)
    }
}
