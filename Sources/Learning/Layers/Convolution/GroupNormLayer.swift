internal import Compute
package import Configuration

/// y = gain ⊙ x̂ + bias with x̂ normalised over each group of an image's channels (Wu and He 2018), whatever the batch: what
/// federated models have in place of batch norm.
///
/// Parameters as PyTorch's `GroupNorm` has them: weight (the gain), then bias, a value a channel.
package struct GroupNormLayer: Layer {
    package static let kind = "group_norm"
    package static let shorthand: String? = "groups"
    package static let initialRange = InitialRange.ofNextLayer

    private let groups: Int
    private let epsilon: Double
    private var channels = 0
    private var size = 0
    private var norm: GroupNormalization?

    package init(_ section: Section) throws {
        guard let groups = try section.integer("groups", in: 1...(1 << 20)) else {
            throw section.error("groups", "is missing: how many groups of channels there are, such as 8")
        }
        self.groups = groups
        epsilon = try section.positive("epsilon") ?? 1e-5
    }

    package var arguments: [String: JSONValue] {
        ["groups": .integer(groups), "epsilon": .number(epsilon)]
    }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        let image = try ImageShape(input)
        guard image.channels % groups == 0 else {
            throw ShapeProblem(
                message: "its \(groups) groups do not divide \(image.channels) channels evenly")
        }
        guard image.channels / groups * image.plane > 1 else {
            throw ShapeProblem(message: "needs at least 2 values in a group to normalise")
        }
        (channels, size) = (image.channels, input.count)
        norm = GroupNormalization(
            channels: channels, plane: image.plane, groups: groups, epsilon: Float(epsilon))
        return image.activation
    }

    package var tensors: [ParameterTensor] {
        [
            ParameterTensor(name: "weight", shape: [channels], start: .ones, isRegularised: false),
            ParameterTensor(name: "bias", shape: [channels], start: .zeros, isRegularised: false),
        ]
    }

    // The statistics of an example, then its own gradients of gain and bias, which all that goes back reads.
    package var scratchPerExample: Int { (norm?.statisticsCount ?? 0) + (norm?.sumsCount ?? 0) }

    private func sums(_ pass: LayerPass, _ example: Int) -> UnsafeMutablePointer<Float> {
        pass.scratch.row(example, width: scratchPerExample) + (norm?.statisticsCount ?? 0)
    }

    package func infer(_ pass: LayerPass) {
        for example in 0..<pass.count {
            norm?.forward(
                pass.output.row(example, width: size),
                statistics: pass.scratch.row(example, width: scratchPerExample),
                input: pass.input.row(example, width: size), gain: pass.parameters[0],
                bias: pass.parameters[1])
        }
    }

    package func backward(_ pass: LayerPass) {
        for example in 0..<pass.count {
            let outputDelta = pass.outputDelta.row(example, width: size)
            let input = pass.input.row(example, width: size)
            let statistics = pass.scratch.row(example, width: scratchPerExample)
            let sums = sums(pass, example)
            norm?.gradients(sums, outputDelta: outputDelta, input: input, statistics: statistics)
            guard let inputDelta = pass.inputDelta?.row(example, width: size) else { continue }
            norm?.inputDelta(
                inputDelta, outputDelta: outputDelta, input: input, statistics: statistics, sums: sums,
                gain: pass.parameters[0])
        }
    }

    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        for tensor in 0..<2 {
            guard let (target, keep) = gradient[tensor] else { continue }
            if keep == 0 { target.update(repeating: 0, count: channels) }
            for example in 0..<pass.count {
                Kernels.addScaled(
                    to: target, sums(pass, example) + tensor * channels, factor: gradient.scale,
                    count: channels)
            }
        }
    }

    package var normRule: GradientNormRule { .own }

    // The squares of what a group was normalised to sum to no more than its values, which are as many as any block's.
    package func squaredRounding(_ single: LayerPass) -> Double {
        Rounding.ofSums * Rounding.sums(single.outputDelta, squares: 2 * single.outputDelta.count / groups)
    }

    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        for tensor in 0..<2 where pass.parameters.isTrained(tensor) {
            for example in 0..<pass.count {
                norms[example] += Float(
                    Kernels.squareNorm(sums(pass, example) + tensor * channels, count: channels))
            }
        }
    }

    // The gradient is in the sums already.
    package func scaleDeltas(_ pass: LayerPass, by factors: UnsafePointer<Float>) {
        for example in 0..<pass.count {
            Kernels.scale(sums(pass, example), by: factors[example], count: 2 * channels)
        }
    }
}
