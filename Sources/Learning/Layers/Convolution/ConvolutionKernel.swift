internal import Compute
internal import Configuration

/// What convolutions over one axis and over two have in common: their arguments, their tensors, and the passes over
/// channels-first memory.
struct ConvolutionKernel: Sendable {
    let outputs: Int
    private let groups: Int
    private let hasBias: Bool
    private let window: WindowOptions
    private let axes: Int
    private var channels = 0
    private var kernelSizes: [Int] = []
    private(set) var convolution: Convolution?

    /// Reads `channels`, `groups`, `bias` and the window's arguments.
    init(_ section: Section, axes: Int) throws {
        guard let outputs = try section.integer("channels", in: 1...(1 << 20)) else {
            throw section.error("channels", "is missing: how many channels the output has, such as 32")
        }
        self.outputs = outputs
        self.axes = axes
        groups = try section.integer("groups", in: 1...(1 << 20)) ?? 1
        guard outputs % groups == 0 else {
            throw section.error("groups", "must divide the \(outputs) channels, not \(groups)")
        }
        hasBias = try section.bool("bias") ?? true
        window = try WindowOptions(section, axes: axes, strideIsKernel: false, isDilatable: true)
    }

    /// All arguments with their values.
    var arguments: [String: JSONValue] {
        window.arguments.merging(
            ["channels": .integer(outputs), "groups": .integer(groups), "bias": .bool(hasBias)]
        ) { $1 }
    }

    /// Fixes the shape of the input, `sizes` being those of the axes that windows walk along, and returns theirs at the
    /// output. Throws where the window or the groups do not fit.
    mutating func attach(channels: Int, sizes: [Int]) throws(ShapeProblem) -> [Int] {
        guard channels % groups == 0 else {
            throw ShapeProblem(
                message: "its \(groups) groups do not divide the input's \(channels) channels evenly")
        }
        var walks = axes == 1 ? [WindowAxis(size: 1, kernel: 1)] : []
        for (index, size) in sizes.enumerated() { walks.append(try window.axis(index, size: size)) }
        guard
            Convolution.fits(
                channels: channels, outputs: outputs, groups: groups, vertical: walks[0], horizontal: walks[1]
            )
        else {
            throw ShapeProblem(
                message: "\(channels) channels of \(sizes) to \(outputs) are more than 2^30 values or weights"
            )
        }
        self.channels = channels
        kernelSizes = walks.suffix(axes).map(\.kernel)
        convolution = Convolution(
            channels: channels, outputs: outputs, groups: groups, vertical: walks[0], horizontal: walks[1])
        return walks.suffix(axes).map(\.output)
    }

    /// Weight [outputs, channels / groups, kernel sizes] and bias, as PyTorch has them.
    var tensors: [ParameterTensor] {
        let places = kernelSizes.reduce(1, *)
        let weight = ParameterTensor(
            name: "weight", shape: [outputs, channels / groups] + kernelSizes,
            start: .weights(fanIn: channels / groups * places, fanOut: outputs / groups * places),
            isRegularised: true)
        let bias = ParameterTensor(name: "bias", shape: [outputs], start: .zeros, isRegularised: false)
        return hasBias ? [weight, bias] : [weight]
    }

    /// The bias, where there is one.
    func bias(_ pass: LayerPass) -> UnsafePointer<Float>? {
        hasBias ? UnsafePointer(pass.parameters[1]) : nil
    }

    /// Adds the gradients of what is trained, from channels-first inputs and deltas.
    func accumulateGradient(
        _ pass: LayerPass, into gradient: GradientBlocks, input: UnsafePointer<Float>,
        outputDelta: UnsafePointer<Float>, room: UnsafeMutablePointer<Float>
    ) {
        if let (target, keep) = gradient[0] {
            convolution?.weightGradient(
                into: target, outputDelta: outputDelta, input: input, count: pass.count,
                scale: gradient.scale, keep: keep, room: room)
        }
        if hasBias, let (target, keep) = gradient[1] {
            convolution?.biasGradient(
                into: target, outputDelta: outputDelta, count: pass.count, scale: gradient.scale, keep: keep,
                room: room)
        }
    }

    /// What rounding makes of one example's gradient (``Layer/squaredRounding(_:)``).
    func squaredRounding(_ single: LayerPass) -> Double {
        guard let convolution else { return 0 }
        var share = convolution.normsByGram ? Rounding.ofSquares : Rounding.ofSums
        if convolution.isFiltered { share = max(share, Rounding.ofFilters) }
        return share
            * Rounding.products(
                single.input, single.outputDelta,
                biases: hasBias ? single.outputDelta.count / outputs : 0, uses: kernelSizes.reduce(1, *))
    }

    /// Adds each example's squared norm of what is trained, from channels-first inputs and deltas.
    func addSquaredGradientNorms(
        _ pass: LayerPass, to norms: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>,
        outputDelta: UnsafePointer<Float>, room: UnsafeMutablePointer<Float>
    ) {
        convolution?.addSquaredGradientNorms(
            to: norms, outputDelta: outputDelta, input: input, ofWeight: pass.parameters.isTrained(0),
            ofBias: hasBias && pass.parameters.isTrained(1), count: pass.count, room: room)
    }
}
