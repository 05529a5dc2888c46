internal import Compute
package import Configuration

/// Adds what is learnt of the segment that a sequence is: y_t = x_t + W[0], zero at positions behind the example's last.
/// BERT tells the sentences of a pair apart by it; a single text is segment 0.
///
/// Parameter: weight [segments, width], normal with deviation 1 unless `deviation` says otherwise.
package struct SegmentLayer: Layer {
    package static let kind = "segment"
    package static let shorthand: String? = "segments"
    package static let initialRange = InitialRange.ofNextLayer

    private let segments: Int
    private let deviation: Double
    private var positions = 1
    private var width = 0

    package init(_ section: Section) throws {
        segments = try section.integer("segments", in: 1...(1 << 16)) ?? 2
        deviation = try section.positive("deviation") ?? 1
    }

    package var arguments: [String: JSONValue] {
        ["segments": .integer(segments), "deviation": .number(deviation)]
    }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        (positions, width) = try input.sequence()
        return input
    }

    package var tensors: [ParameterTensor] {
        [
            ParameterTensor(
                name: "weight", shape: [segments, width], start: .normal(deviation: deviation),
                isRegularised: true)
        ]
    }

    package func infer(_ pass: LayerPass) {
        let size = positions * width
        for example in 0..<pass.count {
            let filled = pass.length(of: example, positions: positions)
            let output = pass.output.row(example, width: size)
            output.update(from: pass.input.row(example, width: size), count: filled * width)
            Kernels.addToRows(output, pass.parameters[0], rows: filled, columns: width)
            (output + filled * width).update(repeating: 0, count: (positions - filled) * width)
        }
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        let size = positions * width
        for example in 0..<pass.count {
            let filled = pass.length(of: example, positions: positions)
            let target = inputDelta.row(example, width: size)
            target.update(from: pass.outputDelta.row(example, width: size), count: filled * width)
            (target + filled * width).update(repeating: 0, count: (positions - filled) * width)
        }
    }

    // ∂W[0] = Σ ∂y_t over filled positions; no other row is ever read.
    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        guard let (target, keep) = gradient[0] else { return }
        if keep == 0 { target.update(repeating: 0, count: segments * width) }
        for example in 0..<pass.count {
            Kernels.sumRows(
                into: target, pass.outputDelta.row(example, width: positions * width),
                rows: pass.length(of: example, positions: positions), columns: width, scale: gradient.scale,
                keep: 1)
        }
    }

    package var normRule: GradientNormRule { .own }

    package func temporaries(count: Int) -> Int { width }

    package func squaredRounding(_ single: LayerPass) -> Double {
        Rounding.ofSums * Rounding.sums(single.outputDelta, squares: positions)
    }

    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        guard pass.parameters.isTrained(0) else { return }
        let sums = pass.temporary.base
        for example in 0..<pass.count {
            Kernels.sumRows(
                into: sums, pass.outputDelta.row(example, width: positions * width),
                rows: pass.length(of: example, positions: positions), columns: width, scale: 1, keep: 0)
            norms[example] += Float(Kernels.squareNorm(sums, count: width))
        }
    }
}
